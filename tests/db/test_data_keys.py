"""Data keys in the database: one active per scope, wrapped and bound, cached once committed."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.sealing import Place, Purpose
from db.errors import SealError
from db.organizations import create_organization
from db.sessions import Database
from db.stored import StoredConfig, select_stored, stored
from db.values import ConfigType
from db.vault import Shut, Transaction, Vault, open_rows


@pytest.fixture
async def organizations(transact: Any) -> list[uuid.UUID]:
    """Two organizations."""
    return [(await transact(lambda t, n=name: create_organization(t, None, n))).id for name in "AB"]


async def rows(database: Database) -> list[StoredConfig]:
    async with database.read() as session:
        return [stored(row) for row in await session.rows(select_stored())]


async def test_each_organization_and_global_has_its_own_key(
    transact: Any, organizations: list[uuid.UUID], sql: asyncpg.Connection
) -> None:
    """Each organization, and "global", has a random data key, made when it is first needed and then kept."""
    scopes = [None, *organizations]
    first = await transact(lambda t: t.sealers(scopes))
    again = await transact(lambda t: t.sealers(scopes))
    assert {scope: key.id for scope, key in first.items()} == {scope: key.id for scope, key in again.items()}
    stored_keys = await sql.fetch("SELECT id, organization_id, wrapped, active FROM data_keys")
    assert {row["organization_id"]: row["id"] for row in stored_keys} == {s: k.id for s, k in first.items()}
    assert all(row["active"] for row in stored_keys)
    assert len({bytes(row["wrapped"]) for row in stored_keys}) == 3


async def test_fifty_first_seals_at_once_make_one_key(
    database: Database, admin: Any, root_keyring: RootKeyring, sql: asyncpg.Connection, vault: Vault
) -> None:
    """Many processes that need a scope's first key at once end with one key, which all of them use."""
    vaults = [Vault(DataKeys(root_keyring), vault.legacy_keys) for _ in range(50)]

    async def seal(one: Vault) -> uuid.UUID:
        async def work(session: Any) -> uuid.UUID:
            return (await Transaction(session, admin, one).sealers([None]))[None].id

        return await database.write(work)

    ids = await asyncio.gather(*map(seal, vaults))
    assert len(set(ids)) == 1
    assert await sql.fetchval("SELECT count(*) FROM data_keys") == 1


async def test_a_key_is_bound_to_its_id_and_organization(
    transact: Any, organizations: list[uuid.UUID], root_keyring: RootKeyring, sql: asyncpg.Connection
) -> None:
    """A data key is stored wrapped by the root key and bound to its id and organization: moved, it does not open."""
    await transact(lambda t: t.sealers(organizations))
    one, other = await sql.fetch("SELECT id, organization_id, root_key_id, wrapped FROM data_keys ORDER BY id")
    keys = DataKeys(root_keyring)
    assert keys.open(*one).id == one["id"]
    moved = [
        (other["id"], one["organization_id"], one["root_key_id"], one["wrapped"]),
        (other["id"], other["organization_id"], one["root_key_id"], one["wrapped"]),
        (one["id"], None, one["root_key_id"], one["wrapped"]),
        (one["id"], one["organization_id"], "another", one["wrapped"]),
    ]
    for given in moved:
        with pytest.raises(SealError):
            DataKeys(root_keyring).open(*given)
    with pytest.raises(SealError):
        DataKeys(RootKeyring.generate()).open(*one)


async def test_a_key_is_cached_only_once_committed(
    database: Database, admin: Any, vault: Vault, sql: asyncpg.Connection
) -> None:
    """A data key is cached only after its transaction has committed, however often that transaction uses it."""

    async def fail(session: Any) -> None:
        transaction = Transaction(session, admin, vault)
        made = (await transaction.sealers([None]))[None]
        again = (await transaction.sealers([None]))[None]
        assert made.id == again.id
        await session.scalar(select_nothing())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(fail)
    assert vault.data_keys._opened == {}
    assert await sql.fetchval("SELECT count(*) FROM data_keys") == 0


def select_nothing() -> Any:
    return select_stored().limit(0)


async def test_what_a_key_made_meanwhile_sealed_opens(database: Database, admin: Any, vault: Vault) -> None:
    """What is sealed with a key of the same transaction opens once that has committed."""
    place = Place(Purpose.CONFIG, None, None, "k")

    async def work(session: Any) -> tuple[uuid.UUID, bytes]:
        key = (await Transaction(session, admin, vault).sealers([None]))[None]
        return key.id, key.seal(place, "value")

    key_id, sealed = await database.write(work)
    async with database.read() as session:
        found = await vault.data_keys.find(session, [key_id])
    assert found[key_id].open(place, sealed) == "value"


async def test_rotating_keeps_the_retired_key_readable(
    transact: Any, database: Database, vault: Vault, sql: asyncpg.Connection
) -> None:
    """Rotating retires the active key and makes a new one; what the old one sealed still opens."""
    await transact(lambda t: set_config(t, StandaloneWrite(None, "k", ConfigType.SECRET, "old")))
    await transact(lambda t: vault.data_keys.rotate(t.session, [None]))
    await transact(lambda t: set_config(t, StandaloneWrite(None, "l", ConfigType.SECRET, "new")))
    found = await rows(database)
    assert len({row.data_key_id for row in found}) == 2
    async with database.read() as session:
        opened = await open_rows(session, vault, found)
    assert {row.key: getattr(opened[row.id], "value", None) for row in found} == {"k": "old", "l": "new"}
    assert await sql.fetch("SELECT active, retired_at IS NULL FROM data_keys ORDER BY active") == [
        (False, False),
        (True, True),
    ]


TARGETS = ["another key", "another organization", "another integration", "a renamed row"]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_ciphertext_copied_into_another_row_fails_to_open(
    target: str, transact: Any, organizations: list[uuid.UUID], database: Database, vault: Vault, sql: Any
) -> None:
    """A ciphertext copied into another row fails to open, also with the data key id copied along."""
    one, other = organizations
    for owner, key in ((one, "a"), (one, "b"), (other, "a")):
        write = StandaloneWrite(owner, key, ConfigType.SECRET, f"secret of {key}")
        await transact(lambda t, w=write: set_config(t, w))
    integration = uuid.uuid4()
    await sql.execute("INSERT INTO integrations (id, name) VALUES ($1, 'i')", integration)
    source = "(SELECT sealed, data_key_id FROM configs WHERE organization_id = $1 AND key = 'a')"
    copies = {
        "another key": f"UPDATE configs SET (sealed, data_key_id) = {source} WHERE organization_id = $1 AND key = 'b'",
        "another organization": f"UPDATE configs SET (sealed, data_key_id) = {source} WHERE organization_id <> $1",
        "another integration": "UPDATE configs SET integration_id = (SELECT id FROM integrations)"
        " WHERE organization_id = $1 AND key = 'a'",
        "a renamed row": "UPDATE configs SET key = 'c' WHERE organization_id = $1 AND key = 'a'",
    }
    before = {row.id for row in await rows(database)}
    await sql.execute(copies[target], one)
    found = await rows(database)
    assert {row.id for row in found} == before
    async with database.read() as session:
        opened = await open_rows(session, vault, found)
    assert sum(isinstance(result, Shut) for result in opened.values()) == 1


async def test_a_tampered_ciphertext_is_one_opaque_error(transact: Any, vault: Vault, database: Database) -> None:
    """Opening is strict: an unknown version, key id or tag is one opaque error, and never the raw value."""
    await transact(lambda t: set_config(t, StandaloneWrite(None, "k", ConfigType.SECRET, "secret")))
    (row,) = await rows(database)
    async with database.read() as session:
        keys = await vault.data_keys.find(session, [row.data_key_id] if row.data_key_id else [])
    (key,) = keys.values()
    place, sealed = Place(Purpose.CONFIG, None, None, "k"), row.sealed or b""
    texts = set[str]()
    for position in (0, 1, 17, 29, len(sealed) - 1):
        with pytest.raises(SealError) as refused:
            key.open(place, sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :])
        texts.add(str(refused.value))
    assert texts == {"cannot be opened"}
    assert key.open(place, sealed) == "secret"


async def test_only_sealed_bytes_are_stored_as_sealed(transact: Any, sql: asyncpg.Connection) -> None:
    """A sealed value is version byte · data key id · nonce · ciphertext and tag; the row names the same data key."""
    await transact(lambda t: set_config(t, StandaloneWrite(None, "k", ConfigType.SECRET, "secret")))
    row = await sql.fetchrow("SELECT sealed, data_key_id, value FROM configs")
    assert row is not None
    assert row["sealed"][0] == 1
    assert row["sealed"][1:17] == row["data_key_id"].bytes
    assert len(row["sealed"]) == 17 + 12 + len('"secret"') + 16
    assert row["value"] is None
