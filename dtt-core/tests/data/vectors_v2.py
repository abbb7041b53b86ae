#!/usr/bin/env python3
"""Computes vectors-v2.json: what protocol version 2 says, without any code of dtt.

The packages `cryptography` and `argon2-cffi` do the cryptography. HPKE is written out from RFC 9180, because that of
`cryptography` takes no aad; where there is none, the two are compared. The same run always writes the same file.

usage: pip install cryptography argon2-cffi && python3 vectors_v2.py
"""

import base64
import hashlib
import hmac
import ipaddress
import json
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hpke, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

PERIOD = 1800


def le(number: int, size: int = 8) -> bytes:
    return number.to_bytes(size, "little")


def public(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def ed25519(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def extract(salt: bytes, material: bytes) -> bytes:
    return hmac.new(salt, material, hashlib.sha256).digest()


def expand(key: bytes, info: bytes, size: int = 32) -> bytes:
    return HKDFExpand(SHA256(), size, info).derive(key)


# Keys


def root_of(name: bytes, secret: bytes) -> tuple[bytes, bytes]:
    salt = hashlib.sha256(b"dtt/2 stretch" + le(len(name)) + name).digest()[:16]
    stretched = hash_secret_raw(
        secret, salt, time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID, version=0x13
    )
    return stretched, extract(b"dtt/2", le(len(name)) + name + stretched)


def default_rotation(topic: bytes, minute: int, secret_hash: bytes) -> bytes:
    return hashlib.sha512(topic + minute.to_bytes(8, "big") + secret_hash).digest()[:32]


def period_keys(root: bytes, period: int) -> dict[str, bytes]:
    topic, secret_hash = expand(root, b"topic"), expand(root, b"secret")
    secret = default_rotation(topic, period * PERIOD // 60, secret_hash)
    slot, seal, member = (expand(secret, label) for label in (b"slot", b"seal", b"member"))
    slot_public = public(ed25519(slot))
    return {
        "secret": secret,
        "slot_seed": slot,
        "slot_public": slot_public,
        "target": hashlib.sha1(slot_public).digest(),
        "seal_seed": seal,
        "seal_public": public(ed25519(seal)),
        "stream_proof_of_77": expand(member, b"\x77" * 32),
    }


# HPKE, RFC 9180: mode base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305

KEM_ID = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE_ID = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0003))


def labeled_extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + material)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    return expand(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)


def x25519_of(ed25519_seed: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(hashlib.sha512(ed25519_seed).digest()[:32])


def hpke_seal(recipient: bytes, one_time: X25519PrivateKey, info: bytes, aad: bytes, plaintext: bytes) -> bytes:
    encapsulated = public(one_time)
    shared = one_time.exchange(X25519PublicKey.from_public_bytes(recipient))
    prk = labeled_extract(KEM_ID, b"", b"eae_prk", shared)
    shared = labeled_expand(KEM_ID, prk, b"shared_secret", encapsulated + recipient, 32)
    psk_id = labeled_extract(SUITE_ID, b"", b"psk_id_hash", b"")
    info_hash = labeled_extract(SUITE_ID, b"", b"info_hash", info)
    context = b"\0" + psk_id + info_hash
    secret = labeled_extract(SUITE_ID, shared, b"secret", b"")
    key = labeled_expand(SUITE_ID, secret, b"key", context, 32)
    nonce = labeled_expand(SUITE_ID, secret, b"base_nonce", context, 12)
    return encapsulated + ChaCha20Poly1305(key).encrypt(nonce, plaintext, aad)


def check_hpke() -> None:
    recipient = x25519_of(b"\1" * 32)
    sealed = hpke_seal(public(recipient), x25519_of(b"\2" * 32), b"info", b"", b"plaintext")
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    assert suite.decrypt(sealed, recipient, info=b"info") == b"plaintext"


# Records


def record(topic: bytes, minute: int, node: bytes, content: bytes) -> bytes:
    body = topic + le(minute) + public(ed25519(node)) + content
    return body + ed25519(node).sign(body)


def content_of(peers: list[bytes], hashes: list[bytes], extension: bytes) -> bytes:
    entries = [*peers, *[bytes(32)] * (5 - len(peers)), *hashes, *[bytes(32)] * (5 - len(hashes))]
    return b"".join(entries) + extension


# Messages


def envelope(topic: bytes, node: bytes, flags: int, numbers: tuple[int, int, int], payload: bytes) -> bytes:
    body = bytes([0xD2, flags]) + public(ed25519(node)) + b"".join(map(le, numbers)) + payload
    return body if flags & 2 else body + ed25519(node).sign(b"dtt/2 message" + topic + body)


# Tickets


def address(text: str) -> bytes:
    if text.startswith("http"):
        kind, value = 1, text.encode()
    else:
        host, _, port = text.rpartition(":")
        ip = ipaddress.ip_address(host.strip("[]"))
        kind, value = (2 if ip.version == 4 else 3), ip.packed + int(port).to_bytes(2, "big")
    return bytes([kind, len(value)]) + value


def ticket(root: bytes, name: str, nodes: list[tuple[bytes, list[str]]]) -> str:
    content = b"\2" + root + bytes([len(name.encode())]) + name.encode() + bytes([len(nodes)])
    for seed, addresses in nodes:
        content += public(ed25519(seed)) + bytes([len(addresses)]) + b"".join(map(address, addresses))
    content += hashlib.sha256(b"dtt/2 ticket" + content).digest()[:4]
    return "dtt" + base64.b32encode(content).decode().rstrip("=").lower()


def keys_vectors() -> list[dict]:
    out = []
    for name, secret in [
        (b"my-topic", b"my secret"),
        (b"my-topic", b"another secret"),
        (b"", b""),
        ("Bücher".encode(), bytes(range(256))),
        (b"\xff\0" * 200, b"x"),
    ]:
        stretched, root = root_of(name, secret)
        out.append({
            "name": name, "secret": secret, "stretched": stretched, "root": root,
            "topic_id": expand(root, b"topic"), "secret_hash": expand(root, b"secret"),
        })  # fmt: skip
    return out


def period_vectors(root: bytes) -> list[dict]:
    seconds = [0, 1_799, 1_800, 1_763_596_805, 4_102_444_800]
    return [
        {"root": root, "unix_seconds": now, "period": now // PERIOD, **period_keys(root, now // PERIOD)}
        for now in seconds
    ]


def record_vectors(root: bytes) -> list[dict]:
    out = []
    topic, now = expand(root, b"topic"), 1_763_596_805
    keys = period_keys(root, now // PERIOD)
    peers = [public(ed25519(bytes([n]) * 32)) for n in (11, 12)]
    hashes = [hashlib.sha512(text).digest()[:32] for text in (b"one", b"two", b"three")]
    extension = b"\xd7\x01\x01\x16https://relay.example/" + b"\x12\x06\xc0\0\x02\1\x11\x51"
    largest = b"\xd7\x01" + b"\x01\xff" + b"u" * 255 + b"\x01\xe7" + b"v" * 231
    for n, content in enumerate([
        content_of([], [], b""),
        content_of(peers, hashes, extension),
        content_of(peers, hashes, largest),
    ]):  # fmt: skip
        node = bytes([40 + n]) * 32
        plain = record(topic, now // 60, node, content)
        sealed = hpke_seal(
            public(x25519_of(keys["seal_seed"])), x25519_of(bytes([90 + n]) * 32), b"dtt/2 record", keys["target"], plain
        )
        assert len(sealed) <= 996
        out.append({
            "root": root, "unix_seconds": now, "node_seed": node, "content": content, "record": plain,
            "sealed": sealed,
        })  # fmt: skip
    assert len(out[-1]["sealed"]) == 996
    return out


def envelope_vectors(topic: bytes) -> list[dict]:
    out = []
    for n, (flags, numbers, payload) in enumerate([
        (0, (1_763_596_805_123, 0, 1_763_596_805_124), b"hello"),
        (1, (1_763_596_805_123, 1, 1_763_596_805_125), b""),
        (2, (1_763_596_805_123, 2, 1_763_596_805_126), b"unsigned"),
        (3, (2**64 - 1, 2**64 - 2, 2**64 - 3), bytes(range(256)) * 16),
        (0, (2**64 - 1, 2**64 - 2, 2**64 - 3), bytes(range(256)) * 16),
    ]):  # fmt: skip
        seed = bytes([60 + n]) * 32
        out.append({
            "topic_id": topic, "author_seed": seed, "author": public(ed25519(seed)), "flags": flags,
            "session": numbers[0], "number": numbers[1], "sent_ms": numbers[2], "payload": payload,
            "envelope": envelope(topic, seed, flags, numbers, payload),
        })  # fmt: skip
    return out


def ticket_vectors(root: bytes) -> list[dict]:
    out = []
    some = ["https://relay.example/", "192.0.2.1:4433", "[2001:db8::1]:4433"]
    for name, nodes in [
        ("", []),
        ("Bücher", []),
        ("", [(b"\x07" * 32, [])]),
        ("my-topic", [(b"\x07" * 32, some), (b"\x08" * 32, some[1:2])]),
        ("x" * 255, [(bytes([n]) * 32, some) for n in range(1, 9)]),
    ]:
        out.append({
            "root": root, "name_text": name, "ticket_text": ticket(root, name, nodes),
            "nodes": [{"id": public(ed25519(seed)), "addresses_text": addresses} for seed, addresses in nodes],
        })  # fmt: skip
    return out


def plain(value):
    """Bytes as hexadecimal text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def main() -> None:
    check_hpke()
    keys = keys_vectors()
    root = keys[0]["root"]
    vectors = {
        "keys": keys,
        "periods": period_vectors(root),
        "records": record_vectors(root),
        "envelopes": envelope_vectors(keys[0]["topic_id"]),
        "tickets": ticket_vectors(root),
    }
    text = json.dumps(plain(vectors), indent=2, ensure_ascii=False)
    Path(__file__).with_name("vectors-v2.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
