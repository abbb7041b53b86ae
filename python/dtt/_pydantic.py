"""How pydantic reads and writes what is dtt's own. Imported by pydantic's asking alone: dtt does without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import PydanticSerializationError, core_schema

from dtt._dtt import NodeId, SecretKey, TopicId

if TYPE_CHECKING:
    from dtt._config import NodeConfig

_WHY = (
    "a SecretKey is not serialized, since whoever reads it can be this node: leave it out (exclude), and keep "
    "SecretKey.to_bytes() in a file of its own"
)


def _id(kind: type, read: Callable[[str], object]) -> core_schema.CoreSchema:
    """An id is its text in JSON, and itself in Python."""
    text = core_schema.no_info_after_validator_function(read, core_schema.str_schema(pattern="^[0-9a-fA-F]{64}$"))
    return core_schema.json_or_python_schema(
        json_schema=text,
        python_schema=core_schema.union_schema([core_schema.is_instance_schema(kind), text]),
        serialization=core_schema.to_string_ser_schema(when_used="json"),
    )


def node_id() -> core_schema.CoreSchema:
    return _id(NodeId, NodeId)


def topic_id() -> core_schema.CoreSchema:
    return _id(TopicId, TopicId.from_bytes)


def secret_key() -> core_schema.CoreSchema:
    """A key is taken as it is, or as its 32 bytes, and neither read from JSON nor written."""
    serialization = core_schema.plain_serializer_function_ser_schema(_refuse, when_used="json")
    return core_schema.no_info_plain_validator_function(_key, serialization=serialization)


def _key(value: object) -> SecretKey:
    if isinstance(value, SecretKey):
        return value
    # Not a ValueError: pydantic would show the value, which may be the key.
    if not isinstance(value, bytes):
        raise TypeError(f"a SecretKey or its 32 bytes are needed, not {type(value).__name__}")
    if len(value) != 32:
        raise TypeError(f"a SecretKey has 32 bytes, not {len(value)}")
    return SecretKey(value)


def _refuse(_: object) -> Any:
    raise PydanticSerializationError(_WHY)


def node_config(schema: core_schema.CoreSchema) -> core_schema.CoreSchema:
    """Options are written like any dataclass, unless there is a key among them."""

    def write(config: NodeConfig, handler: Callable[[object], Any]) -> Any:
        if config.secret_key is not None:
            _refuse(config)
        return handler(config)

    written = core_schema.wrap_serializer_function_ser_schema(write, when_used="json")
    return cast("core_schema.CoreSchema", {**schema, "serialization": written})
