"""The second opener: it opens what the description says, byte by byte, and nothing else."""

import asyncio
import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from db.crypto.keyring import RootKeyring
from db.crypto.sealing import DataKey, Place, Purpose
from db.crypto.witness import AESGCM, CONFIG, HISTORY, Witness
from db.sessions import ReadSession

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors.json").read_text())["sealed"]
PURPOSES = {"config": CONFIG, "history": HISTORY}
ID = uuid.UUID(int=1)
SECRET = bytes(range(32))
PLACE = (uuid.UUID(int=2), uuid.UUID(int=3), "key")


def witness_of(key_id: uuid.UUID, secret: bytes) -> Witness:
    """A witness that holds one key already."""
    witness = Witness(RootKeyring.generate())
    witness._ciphers[key_id] = AESGCM(secret)
    return witness


def id_of(text: str | None) -> uuid.UUID | None:
    return None if text is None else uuid.UUID(text)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_it_opens_the_vectors(vector: dict[str, Any]) -> None:
    """Every recorded value opens in its place, and not for the other purpose."""
    key_id = uuid.UUID(vector["dataKeyId"])
    witness = witness_of(key_id, bytes.fromhex(vector["secret"]))
    place = (id_of(vector["organizationId"]), id_of(vector["integrationId"]), vector["key"])
    sealed = bytes.fromhex(vector["sealed"])
    for name, purpose in PURPOSES.items():
        assert witness.opens(purpose, place, key_id, sealed) is (name == vector["purpose"])


VALUES = ["", "s3cret ü", 7, 0.5, True, None, [1, {"a": []}], {"private": "x"}, pytest.param(10**5000, id="long")]


@pytest.mark.parametrize("value", VALUES)
def test_it_opens_what_is_sealed(value: Any) -> None:
    """Whatever can be sealed opens, a number of five thousand digits too."""
    sealed = DataKey(ID, SECRET).seal(Place(Purpose.CONFIG, *PLACE), value)
    assert witness_of(ID, SECRET).opens(CONFIG, PLACE, ID, sealed)


def test_one_flipped_bit_anywhere_is_enough() -> None:
    """A value of which any bit differs does not open, nor does one that is cut short or has more behind it."""
    sealed = DataKey(ID, SECRET).seal(Place(Purpose.HISTORY, *PLACE), "s3cret")
    witness = witness_of(ID, SECRET)
    assert witness.opens(HISTORY, PLACE, ID, sealed)
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not witness.opens(HISTORY, PLACE, ID, bytes(flipped))
    for length in range(len(sealed)):
        assert not witness.opens(HISTORY, PLACE, ID, sealed[:length])
    assert not witness.opens(HISTORY, PLACE, ID, sealed + b"\x00")


@pytest.mark.parametrize(
    "place",
    [(None, PLACE[1], "key"), (PLACE[0], None, "key"), (PLACE[1], PLACE[0], "key"), (*PLACE[:2], "kez")],
)
def test_another_place_does_not_do(place: Any) -> None:
    """A value opens for no other organization, integration or key, nor under another data key, nor one not known."""
    sealed = DataKey(ID, SECRET).seal(Place(Purpose.CONFIG, *PLACE), "s3cret")
    assert not witness_of(ID, SECRET).opens(CONFIG, place, ID, sealed)
    assert not witness_of(ID, bytes(32)).opens(CONFIG, PLACE, ID, sealed)
    other = witness_of(uuid.UUID(int=9), SECRET)
    assert not other.opens(CONFIG, PLACE, ID, sealed)
    assert not other.opens(CONFIG, PLACE, uuid.UUID(int=9), sealed)
    assert not other.opens(CONFIG, PLACE, None, sealed)


@pytest.mark.parametrize("payload", [b"", b"s3cret", b'"a" "b"', b'"\xff"', b"NaN", b"[" * 100_000])
def test_the_payload_is_one_json_value(payload: bytes) -> None:
    """What decrypts to anything but one JSON value is no value."""
    place = Place(Purpose.CONFIG, *PLACE)
    key, nonce = DataKey(ID, SECRET), bytes(12)
    body = AESGCM(SECRET).encrypt(nonce, payload, key.associated_data(place))
    assert not witness_of(ID, SECRET).opens(CONFIG, PLACE, ID, b"\x01" + ID.bytes + nonce + body)


async def test_it_unwraps_what_the_database_holds(transact, database, vault, root_keyring, sql) -> None:
    """Keys are read from the database, whatever is in this process's memory; one that does not open opens nothing."""
    key = (await transact(lambda t: t.sealers([None])))[None]
    sealed = key.seal(Place(Purpose.CONFIG, None, None, "k"), "s3cret")
    place = (None, None, "k")
    for opens in (True, False):
        witness = Witness(root_keyring)
        async with database.read() as session:
            await witness.fetch(session, [key.id, uuid.uuid4()])
            assert key.id in await vault.data_keys.find(session, [key.id])
        assert witness.opens(CONFIG, place, key.id, sealed) is opens
        await sql.execute("UPDATE data_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)")


async def test_two_look_at_once() -> None:
    """A key that one caller is still reading is not taken for one that is gone by another."""
    keyring, key_id = RootKeyring.generate(), uuid.uuid4()
    root_key_id, wrapped = keyring.wrap(SECRET, data_key_id=key_id, organization_id=None)
    answered = asyncio.Event()

    class Session:
        async def rows(self, _statement: Any) -> list[Any]:
            await answered.wait()
            return [SimpleNamespace(root_key_id=root_key_id, wrapped=wrapped, id=key_id, organization_id=None)]

    witness, session = Witness(keyring), cast("ReadSession", Session())
    sealed = DataKey(key_id, SECRET).seal(Place(Purpose.CONFIG, *PLACE), "value")

    async def look() -> bool:
        await witness.fetch(session, [key_id])
        return witness.opens(CONFIG, PLACE, key_id, sealed)

    first, second = asyncio.create_task(look()), asyncio.create_task(look())
    await asyncio.sleep(0)
    answered.set()
    assert await asyncio.gather(first, second) == [True, True]
