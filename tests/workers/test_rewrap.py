"""REWRAP: every key under the primary root key, no row touched; and when the old root key may go."""

import asyncio
import base64
import os
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from db.audit.chain import AuditLog
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.errors import SettingsError
from db.models import BackfillKind, BackfillStatus
from db.organizations import create_organization
from db.root_keys import check_keyring, count_wrapped
from db.runs import start_backfill
from db.stored import select_stored, stored
from db.values import ConfigType
from db.vault import Opened, Vault, open_rows
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers import key_change
from workers.engine import Engine
from workers.rewrap import SHUT, Rewrap
from workers.rotate import Rotate

REWRAP = BackfillKind.REWRAP
ROWS = "SELECT * FROM configs ORDER BY id"


@pytest.fixture
def entries() -> dict[str, str]:
    """Two root keys; what is there is wrapped by the old one."""
    return {name: f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("new", "old")}


@pytest.fixture
def root_keyring(entries: dict[str, str]) -> RootKeyring:
    return RootKeyring.parse(entries["old"])


@pytest.fixture
def keyring(entries: dict[str, str]) -> RootKeyring:
    """The new key first."""
    return RootKeyring.parse(f"{entries['new']},{entries['old']}")


@pytest.fixture
def alone(entries: dict[str, str]) -> RootKeyring:
    """The new key alone."""
    return RootKeyring.parse(entries["new"])


@pytest.fixture
def wrapping(keyring: RootKeyring, database, legacy_keys) -> Engine:
    return Engine(database, Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring)))


@pytest.fixture
async def sealed(sql, backfill) -> None:
    await plant_secrets(sql, 100)
    await backfill()


@pytest.fixture
def rewrap(transact, wrapping: Engine, see) -> Any:
    async def run(**options: Any) -> Any:
        started = await transact(lambda t: start_backfill(t, REWRAP, **options))
        while await wrapping.work(started.id):
            pass
        return await see(started.id)

    return run


async def tell(database: Any, keyring: RootKeyring) -> dict[str, tuple[int, int, bool]]:
    async with database.read() as session:
        keys = await count_wrapped(session, keyring)
    return {key.id: (key.data_keys, key.audit_keys, key.safe_to_remove) for key in keys}


async def check(database: Any, keyring: RootKeyring) -> None:
    async with database.read() as session:
        await check_keyring(keyring, session)


async def test_the_old_root_key_may_go(sql, sealed, rewrap, database, keyring, alone, legacy_keys):
    """Before the run the old key is needed, and a start without it is refused with the counts; afterwards it is safe
    to remove. Every key is the same key as before, no row has changed, and the new root key alone opens them all."""
    before, keys = await sql.fetch(ROWS), await sql.fetch("SELECT id, active FROM data_keys ORDER BY id")
    assert await tell(database, keyring) == {"new": (0, 0, False), "old": (5, 1, False)}
    with pytest.raises(SettingsError, match=r"lacks keys .*: old \(5 data keys, 1 audit key\)\. Put them back"):
        await check(database, alone)
    run = await rewrap()
    assert (run.status, run.total, run.changed, run.error) == (BackfillStatus.SUCCEEDED, 6, 6, None)
    assert await tell(database, keyring) == {"new": (5, 1, False), "old": (0, 0, True)}
    assert await sql.fetch(ROWS) == before
    assert await sql.fetch("SELECT id, active FROM data_keys ORDER BY id") == keys
    await check(database, alone)
    await assert_sealed_once(database, Vault(DataKeys(alone), legacy_keys, AuditLog(alone)), 100)


@pytest.mark.parametrize("left", ["a retired data key of the history", "an audit key"])
async def test_one_key_that_is_left_is_enough(left: str, sql, sealed, rewrap, database, keyring, alone):
    """The old root key is not safe to remove while it wraps one key, be it of the history or the audit log alone."""
    table = "audit_keys" if left == "an audit key" else "data_keys"
    kept = await sql.fetchrow(f"SELECT id, root_key_id, wrapped FROM {table} ORDER BY id LIMIT 1")
    await rewrap()
    await sql.execute(f"UPDATE {table} SET root_key_id = $2, wrapped = $3 WHERE id = $1", *kept)
    if table == "data_keys":
        await sql.execute("UPDATE data_keys SET active = false, retired_at = now() WHERE id = $1", kept["id"])
        await sql.execute(
            "INSERT INTO config_history (id, integration_id, organization_id, key, version, config_type, sealed, "
            "data_key_id, changed_at, changed_by, reason) SELECT gen_random_uuid(), integration_id, organization_id, "
            "key, 9, 'secret', sealed, data_key_id, now(), 'x', 'deleted' FROM configs WHERE data_key_id = $1",
            kept["id"],
        )
        await sql.execute("DELETE FROM configs WHERE data_key_id = $1", kept["id"])
    assert (await tell(database, keyring))["old"][2] is False
    with pytest.raises(SettingsError, match=rf"old \(1 {table[:-1].replace('_', ' ')}\)"):
        await check(database, alone)
    assert (await rewrap()).changed == 1
    assert (await tell(database, keyring))["old"][2] is True
    await check(database, alone)


async def test_a_second_run_changes_nothing(sql, sealed, rewrap):
    """What is under the primary root key already stays as it is, byte by byte."""
    await rewrap()
    before = await sql.fetch("SELECT * FROM data_keys ORDER BY id")
    run = await rewrap()
    assert (run.status, run.changed, run.skipped) == (BackfillStatus.SUCCEEDED, 0, 6)
    assert await sql.fetch("SELECT * FROM data_keys ORDER BY id") == before


async def test_a_dry_run_counts_and_changes_nothing(sql, sealed, rewrap):
    """A dry run counts the keys that are under another root key."""
    before = await sql.fetch("SELECT * FROM data_keys ORDER BY id")
    run = await rewrap(dry_run=True)
    assert (run.status, run.changed) == (BackfillStatus.SUCCEEDED, 6)
    assert await sql.fetch("SELECT * FROM data_keys ORDER BY id") == before


@pytest.mark.parametrize("table", ["data_keys", "audit_keys"])
async def test_a_damaged_key_is_named_and_left(table: str, sql, sealed, rewrap, database, keyring):
    """A key that does not open fails the run, which names it; it stays as it is, and all others are wrapped again."""
    damage = "wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)"
    bad = await sql.fetchrow(
        f"UPDATE {table} SET {damage} WHERE id = (SELECT id FROM {table} ORDER BY id LIMIT 1) RETURNING *"
    )
    if table == "audit_keys":
        # A chain goes on with a key that opens; the run's own events need one.
        await sql.execute("UPDATE audit_keys SET active = false")
    run = await rewrap()
    name = table[:-1].replace("_", " ")
    assert (run.status, run.changed, run.quarantined) == (BackfillStatus.FAILED, 5 + (table == "audit_keys"), 1)
    assert run.error == f"1 row is wrong: {bad['id']} {SHUT.format(name)}"
    assert await sql.fetchval(f"SELECT wrapped FROM {table} WHERE id = $1", bad["id"]) == bad["wrapped"]
    with pytest.raises(SettingsError, match=f"do not open: under root key old.*{name}"):
        await check(database, keyring)


async def test_a_key_that_another_process_wraps_late(sql, sealed, rewrap, transact, monkeypatch):
    """A process that still has the old root key as its primary makes a key behind the cursor: the run fails and says
    what to do, and the old root key is not told to be safe to remove."""
    conclude = Rewrap.conclude

    async def later(self: Rewrap, database: Any, vault: Any, run: Any) -> str | None:
        organization = (await transact(lambda t: create_organization(t, None, "late"))).id
        await transact(lambda t: set_config(t, StandaloneWrite(organization, "k", ConfigType.SECRET, "v")))
        return await conclude(self, database, vault, run)

    monkeypatch.setattr(Rewrap, "conclude", later)
    run = await rewrap()
    assert run.status is BackfillStatus.FAILED
    assert run.error.startswith("1 key was wrapped meanwhile by a root key other than new: restart every API")


async def test_writers_and_readers_meanwhile(sql, sealed, transact, wrapping, see, database, legacy_keys, keyring):
    """Writes and reads of new and old organizations go on while keys are wrapped again."""
    vault = Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring))
    run = await transact(lambda t: start_backfill(t, REWRAP, batch_size=1))
    working = asyncio.create_task(wrapping.work(run.id))
    organizations: list[uuid.UUID] = []
    while not working.done() or len(organizations) < 5:
        made = await transact(lambda t: create_organization(replace(t, vault=vault), None, f"n{len(organizations)}"))
        organizations.append(made.id)
        for owner in (made.id, organizations[0], None):
            wanted = StandaloneWrite(owner, f"k{len(organizations)}", ConfigType.SECRET, "v")
            await transact(lambda t, wanted=wanted: set_config(replace(t, vault=vault), wanted))
        fresh = Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring))
        async with database.read() as session:
            ids = {row.id for row in await session.rows(text("SELECT id FROM data_keys"))}
            assert len(await fresh.data_keys.find(session, ids)) == len(ids)
    await working
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED


async def test_readers_have_their_grace(sql, sealed, transact, rewrap, database, vault, legacy_keys, keyring):
    """Who read a row right before a ROTATE was cut off still opens it while REWRAP is about to destroy the key that it
    was sealed by: no key goes before it has been of no use for as long as that takes."""
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
    old = {row["id"] for row in await sql.fetch("SELECT id FROM data_keys")}
    await cut_off_rotate(transact, database, vault)
    reader, opened = Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring)), list[Any]()

    async def read_on(seconds: float) -> None:
        async with database.read() as session:
            opened.append((seconds, await open_rows(session, reader, rows)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.key_change.wait", read_on)
        run = await rewrap()
    assert run.status is BackfillStatus.SUCCEEDED
    ((seconds, found),) = opened
    assert seconds == key_change.GRACE
    assert found == {row.id: Opened(str(row.id)) for row in rows}
    assert old.isdisjoint(row["id"] for row in await sql.fetch("SELECT id FROM data_keys"))


async def test_grace_begins_when_a_key_is_of_no_use(sql, sealed, transact, rewrap, database, vault, see, monkeypatch):
    """A key that something was sealed by when its grace began outlives the run: its last reader may be on the way."""
    scope, key_id = await sql.fetchrow("SELECT organization_id, id FROM data_keys WHERE active LIMIT 1")
    unused = await transact(lambda t: make_unused_key(t, None))
    await transact(lambda t: t.vault.data_keys.rotate(t.session, [scope]))

    async def overwrite(_seconds: float) -> None:
        await sql.execute("DELETE FROM configs WHERE data_key_id = $1", key_id)

    with monkeypatch.context() as patch:
        patch.setattr("workers.key_change.wait", overwrite)
        await rewrap()
    left = {row["id"] for row in await sql.fetch("SELECT id FROM data_keys WHERE NOT active")}
    assert (key_id in left, unused in left) == (True, False)


async def make_unused_key(transaction: Any, scope: Any) -> uuid.UUID:
    """A retired data key that seals nothing."""
    keys = transaction.vault.data_keys
    made = (await keys.active(transaction.session, [scope]))[scope]
    await keys.rotate(transaction.session, [scope])
    return made.id


class CutOff(Rotate):
    """ROTATE that ends before it destroys the old keys."""

    async def conclude(self, database: Any, vault: Any, run: Any) -> str | None:
        return "cut off"


async def cut_off_rotate(transact: Any, database: Any, vault: Any) -> None:
    run = await transact(lambda t: start_backfill(t, BackfillKind.ROTATE))
    while await Engine(database, vault, {BackfillKind.ROTATE: CutOff()}).work(run.id):
        pass
