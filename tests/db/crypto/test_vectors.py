"""The vectors are checked twice: against this software, and against what docs/sealing.md tells."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from db.crypto.keyring import RootKeyring
from db.crypto.sealing import DataKey, Place, Purpose, data_key_id_of, encode

HERE = Path(__file__).parent
VECTORS: dict[str, Any] = json.loads((HERE / "vectors.json").read_text())
PAGE = HERE.parents[2] / "docs" / "sealing.md"
Vector = dict[str, Any]


def name_of(vector: Vector) -> str:
    return vector["name"]


sealed_vectors = pytest.mark.parametrize("vector", VECTORS["sealed"], ids=name_of)
wrapped_vectors = pytest.mark.parametrize("vector", VECTORS["wrapped"], ids=name_of)


def id_of(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def optional(text: str | None) -> str:
    return "00" if text is None else "01" + text.replace("-", "")


def counted(text: str) -> str:
    return f"{len(text.encode()):08x}" + text.encode().hex()


@sealed_vectors
def test_seals_as_recorded(vector: Vector) -> None:
    """The sealed format is what it was: same input, same bytes, and the recorded bytes open."""
    nonce = bytes.fromhex(vector["nonce"])
    key = DataKey(UUID(vector["dataKeyId"]), bytes.fromhex(vector["secret"]), nonce=lambda: nonce)
    organization, integration = id_of(vector["organizationId"]), id_of(vector["integrationId"])
    place = Place(Purpose[vector["purpose"].upper()], organization, integration, vector["key"])
    value, sealed = json.loads(vector["payload"]), bytes.fromhex(vector["sealed"])
    assert encode(value).decode() == vector["payload"]
    assert key.associated_data(place).hex() == vector["associatedData"]
    assert key.seal(place, value) == sealed
    assert key.open(place, sealed) == value
    assert data_key_id_of(sealed) == key.id


@sealed_vectors
def test_sealed_format_as_told(vector: Vector) -> None:
    """The documented format, written down again here, makes the recorded bytes."""
    key_id = vector["dataKeyId"].replace("-", "")
    told = f"strongroom {vector['purpose']}".encode().hex() + "01" + key_id
    told += optional(vector["organizationId"]) + optional(vector["integrationId"]) + counted(vector["key"])
    cipher = AESGCM(bytes.fromhex(vector["secret"]))
    payload = vector["payload"].encode()
    body = cipher.encrypt(bytes.fromhex(vector["nonce"]), payload, bytes.fromhex(told))
    assert vector["associatedData"] == told
    assert vector["sealed"] == "01" + key_id + vector["nonce"] + body.hex()


@wrapped_vectors
def test_wraps_as_recorded(vector: Vector) -> None:
    """The format of wrapped data keys is what it was, and the recorded bytes open."""
    nonce, data_key = bytes.fromhex(vector["nonce"]), bytes.fromhex(vector["dataKey"])
    ring = RootKeyring({vector["rootKeyId"]: bytes.fromhex(vector["rootKey"])}, nonce=lambda: nonce)
    id, organization = UUID(vector["dataKeyId"]), id_of(vector["organizationId"])
    root_key_id, wrapped = ring.wrap(data_key, data_key_id=id, organization_id=organization)
    assert (root_key_id, wrapped.hex()) == (vector["rootKeyId"], vector["wrapped"])
    assert ring.unwrap(root_key_id, wrapped, data_key_id=id, organization_id=organization) == data_key


@wrapped_vectors
def test_wrapped_format_as_told(vector: Vector) -> None:
    """The documented format of wrapped data keys, written down again here, makes the recorded bytes."""
    told = b"strongroom data key".hex() + "01" + counted(vector["rootKeyId"])
    told += vector["dataKeyId"].replace("-", "") + optional(vector["organizationId"])
    cipher = AESGCM(bytes.fromhex(vector["rootKey"]))
    data_key = bytes.fromhex(vector["dataKey"])
    body = cipher.encrypt(bytes.fromhex(vector["nonce"]), data_key, bytes.fromhex(told))
    assert vector["associatedData"] == told
    assert vector["wrapped"] == "01" + vector["nonce"] + body.hex()


def test_page_shows_the_first_vectors() -> None:
    """The bytes spelled out in the documentation are those of the first vector of each kind."""
    lines = PAGE.read_text().split("## Vectors")[1].splitlines()
    spelled = "".join(spell(line) for line in lines)
    first, wrapped = VECTORS["sealed"][0], VECTORS["wrapped"][0]
    expected = (first["associatedData"], first["sealed"], wrapped["associatedData"], wrapped["wrapped"])
    assert spelled == "".join(expected)


def spell(line: str) -> str:
    """The hexadecimal column of one line, without its comment."""
    return "".join(line[:40].split()) if line.startswith("  ") else ""
