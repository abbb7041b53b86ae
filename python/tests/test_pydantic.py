"""Ids, keys and options as fields of pydantic models."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import dtt

pydantic = pytest.importorskip("pydantic", reason="pydantic is installed by tools/test-python")

KEY = dtt.SecretKey(bytes(range(32)))
TOPIC = dtt.TopicId("topic")


class Place(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    node: dtt.NodeId
    topic: dtt.TopicId
    seen: dict[dtt.NodeId, int] = {}  # noqa: RUF012


class Keys(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    key: dtt.SecretKey
    maybe: dtt.SecretKey | None = None


class Service(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    node: dtt.NodeConfig


def test_ids_are_their_text_in_json() -> None:
    place = Place(node=KEY.id, topic=TOPIC, seen={KEY.id: 1})
    text = place.model_dump_json()
    assert json.loads(text) == {"node": str(KEY.id), "topic": str(TOPIC), "seen": {str(KEY.id): 1}}
    assert Place.model_validate_json(text) == place
    assert Place.model_validate(json.loads(text)) == place
    assert place.model_dump()["node"] == KEY.id
    assert Place.model_json_schema()["properties"]["node"]["pattern"] == "^[0-9a-fA-F]{64}$"


@pytest.mark.parametrize("wrong", ["short", 64 * "x", 5, None, b"bytes"])
def test_what_is_no_id_is_refused(wrong: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        Place(node=wrong, topic=TOPIC)
    with pytest.raises(pydantic.ValidationError):
        Place(node=KEY.id, topic=wrong)


def test_a_text_that_is_no_key_of_a_node_says_so() -> None:
    with pytest.raises(pydantic.ValidationError, match="peer: "):
        Place(node="02" + 62 * "0", topic=TOPIC)


def test_keys_refuse_to_be_written_and_say_why() -> None:
    keys = Keys(key=KEY, maybe=KEY)
    assert keys.model_dump()["key"] is KEY
    for write in (keys.model_dump_json, lambda: keys.model_dump(mode="json")):
        with pytest.raises(
            Exception, match="a SecretKey is not serialized, since whoever reads it can be this node"
        ) as told:
            write()
        assert KEY.to_bytes().hex() not in str(told.value)
    assert keys.model_dump_json(exclude={"key", "maybe"}) == "{}"
    with pytest.raises(TypeError, match="SecretKey is not JSON serializable"):
        json.dumps(KEY)


@pytest.mark.parametrize("given", [KEY.to_bytes()[:31], KEY.to_bytes().hex()])
def test_keys_are_not_read_and_not_shown(given: Any) -> None:
    for model, values in ((Keys, {"key": given}), (Keys, {"key": KEY, "maybe": given})):
        with pytest.raises(
            TypeError, match=r"a SecretKey (or its 32 bytes are needed, not str|has 32 bytes, not 31)"
        ) as told:
            model(**values)
        assert str(given) not in str(told.value)


def test_a_key_is_taken_as_bytes_as_well() -> None:
    assert Keys(key=KEY.to_bytes(), maybe=None).key == KEY
    config = Service.model_validate({"node": {"secret_key": KEY.to_bytes()}}).node
    assert config.secret_key == KEY


def test_options_are_written_without_a_key_alone() -> None:
    config = dtt.NodeConfig(relays="disabled", topics=dtt.TopicConfig(event_capacity=7))
    written = Service(node=config).model_dump_json()
    assert json.loads(written)["node"]["topics"]["event_capacity"] == 7
    assert Service.model_validate_json(written).node == config
    with pytest.raises(Exception, match="a SecretKey is not serialized"):
        Service(node=dtt.NodeConfig(secret_key=KEY)).model_dump_json()
    with pytest.raises(ValueError, match="max_message_size: 100 is given"):
        Service.model_validate({"node": {"max_message_size": 100}})


@pytest.mark.parametrize(
    "given",
    [
        {"max_message_sise": 4096},
        {"topics": {"event_capazity": 7}},
        {"topics": {"dht": {"retriez": 7}}},
        {"topics": {"merge": {"bubble_merge": {"neighbors": 7}}}},
    ],
)
def test_an_option_that_does_not_exist_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError, match="nexpected keyword argument"):
        Service.model_validate({"node": given})
    with pytest.raises(pydantic.ValidationError, match="nexpected keyword argument"):
        Service.model_validate_json(json.dumps({"node": given}))


def test_dtt_does_without_pydantic() -> None:
    program = (
        "import sys; sys.modules.update(pydantic=None, pydantic_core=None); import dtt;"
        "dtt.NodeConfig(secret_key=dtt.SecretKey.generate()); print(dtt.TopicId('topic'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(TOPIC)
