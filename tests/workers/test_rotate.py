"""ROTATE: new data keys under the primary root key, every value as before."""

import asyncio
import base64
import os
import uuid
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from db.audit.chain import AuditLog
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.sealing import Place, Purpose
from db.errors import BadInput
from db.models import BackfillKind, BackfillStatus
from db.runs import RunLimits, start_backfill
from db.sessions import WriteSession
from db.stored import select_stored, stored
from db.values import ConfigType
from db.vault import Opened, Vault, open_rows
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.engine import Engine

ROTATE = BackfillKind.ROTATE


@pytest.fixture
def root_keys() -> list[str]:
    """Two root keys; data keys are wrapped by the second until they are rotated."""
    return [f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("new", "old")]


@pytest.fixture
def root_keyring(root_keys: list[str]) -> RootKeyring:
    return RootKeyring.parse(root_keys[1])


@pytest.fixture
def rotating(root_keys: list[str], database, legacy_keys) -> Engine:
    """An engine whose primary root key is the new one."""
    keyring = RootKeyring.parse(",".join(root_keys))
    return Engine(database, Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring)))


@pytest.fixture
async def sealed(sql, backfill) -> None:
    await plant_secrets(sql, 100)
    await backfill()


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for readers that are not there, nor long for transactions that do not end."""
    monkeypatch.setattr("workers.key_change.GRACE", 0.1)
    monkeypatch.setattr("workers.key_change._PATIENCE", 1.0)


async def rotate(
    transact: Any, engine: Engine, see: Any, kind: BackfillKind = BackfillKind.ROTATE, **options: Any
) -> Any:
    run = await transact(lambda t: start_backfill(replace(t, vault=engine._vault), kind, **options))
    while await engine.work(run.id):
        pass
    return await see(run.id)


async def test_a_retired_root_key_is_needed_no_more(
    sql, sealed, transact, rotating, see, root_keys, database, legacy_keys
):
    """Afterwards the new root key alone opens every value, and every data key is new."""
    before = {row["id"] for row in await sql.fetch("SELECT id FROM data_keys")}
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.error) == (BackfillStatus.SUCCEEDED, 100, None)
    after = await sql.fetch("SELECT id, root_key_id, active FROM data_keys")
    assert {row["id"] for row in after}.isdisjoint(before)
    assert {(row["root_key_id"], row["active"]) for row in after} == {("new", True)}
    keyring = RootKeyring.parse(root_keys[0])
    alone = Vault(DataKeys(keyring), legacy_keys, AuditLog(keyring))
    await assert_sealed_once(database, alone, 100)


async def test_a_dry_run_counts_and_changes_nothing(sql, sealed, transact, rotating, see):
    """A dry run counts what is sealed and leaves rows and keys as they are."""
    query = "SELECT c.*, k.* FROM configs c JOIN data_keys k ON k.id = c.data_key_id ORDER BY c.id"
    before = await sql.fetch(query)
    run = await rotate(transact, rotating, see, dry_run=True)
    assert (run.status, run.changed) == (BackfillStatus.SUCCEEDED, 100)
    assert await sql.fetch(query) == before


async def test_rows_that_do_not_open_are_named_and_left(sql, sealed, transact, rotating, see):
    """A row that does not open fails the run, which names it; it stays untouched, and so does its key."""
    bad = await sql.fetchrow("SELECT id, data_key_id FROM configs ORDER BY id LIMIT 1")
    await sql.execute(
        "UPDATE configs SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)) WHERE id = $1", bad["id"]
    )
    before = await sql.fetchrow("SELECT * FROM configs WHERE id = $1", bad["id"])
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.quarantined) == (BackfillStatus.FAILED, 99, 1)
    assert run.error == f"1 row is wrong: {bad['id']} holds a secret that does not open"
    assert await sql.fetchrow("SELECT * FROM configs WHERE id = $1", bad["id"]) == before
    left = await sql.fetch("SELECT id FROM data_keys WHERE NOT active")
    assert [row["id"] for row in left] == [bad["data_key_id"]]


async def test_a_data_key_that_does_not_open(sql, sealed, transact, rotating, see):
    """A data key that no root key opens is left, and its rows are named; other organizations' are rotated."""
    lost = await sql.fetchval("SELECT id FROM data_keys LIMIT 1")
    await sql.execute("UPDATE data_keys SET root_key_id = 'lost' WHERE id = $1", lost)
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.quarantined) == (BackfillStatus.FAILED, 80, 20)
    assert await sql.fetchval("SELECT root_key_id FROM data_keys WHERE id = $1", lost) == "lost"


async def test_history_is_sealed_again(sql, sealed, transact, rotating, see, database, vault):
    """History is rotated too, what was never decided in the form in which it was kept."""
    row = await sql.fetchrow("SELECT * FROM configs ORDER BY id LIMIT 1")
    place = {purpose: Place(purpose, row["organization_id"], row["integration_id"], row["key"]) for purpose in Purpose}

    async def seal(transaction: Any) -> Any:
        key = (await transaction.sealers([row["organization_id"]]))[row["organization_id"]]
        return key.id, key.seal(place[Purpose.HISTORY], "old"), key.seal(place[Purpose.CONFIG], "kept")

    key_id, old, kept = await transact(seal)
    broken = kept[:-1] + bytes([kept[-1] ^ 1])
    entries = [(90, old, False), (91, old, True), (92, kept, True), (93, broken, True)]
    for version, sealed_value, undecided in entries:
        await sql.execute(
            "INSERT INTO config_history (id, integration_id, organization_id, key, version, config_type, sealed, "
            "data_key_id, undecided, changed_at, changed_by, reason) "
            "VALUES ($1, $2, $3, $4, $5, 'secret', $6, $7, $8, now(), 'x', 'updated')",
            uuid.uuid4(), row["integration_id"], row["organization_id"], row["key"],
            version, sealed_value, key_id, undecided,
        )  # fmt: skip
    run = await rotate(transact, rotating, see)
    assert (run.status, run.changed, run.skipped) == (BackfillStatus.SUCCEEDED, 103, 1)
    found = await sql.fetch("SELECT version, sealed, data_key_id FROM config_history ORDER BY version")
    async with database.read() as session:
        keys = await rotating._vault.data_keys.find(session, {entry["data_key_id"] for entry in found})
    opened = [
        keys[entry["data_key_id"]].open(place[purpose], entry["sealed"])
        for entry, purpose in zip(found, [Purpose.HISTORY, Purpose.HISTORY, Purpose.CONFIG], strict=False)
    ]
    assert opened == ["old", "old", "kept"]
    assert found[3]["sealed"] == broken


async def test_writers_and_readers_meanwhile(sql, sealed, transact, rotating, see, database):
    """Secrets written while keys are rotated, by several processes, end up under an active key; no writer is refused,
    and whoever reads finds every value, be it one that the run is just sealing again, and each write at once."""
    root_keys = rotating._vault.data_keys.root_keys
    vaults = [replace(rotating._vault, data_keys=DataKeys(root_keys)) for _ in range(2)]
    run = await transact(lambda t: start_backfill(t, ROTATE, batch_size=5))
    working = asyncio.create_task(work_to_the_end(rotating, run.id))
    rounds = 0
    while not working.done() or rounds < 10:
        rounds += 1
        for number, one in enumerate(vaults):
            wanted = StandaloneWrite(None, f"k{number}", ConfigType.SECRET, f"{rounds}")
            await transact(lambda t, one=one, wanted=wanted: set_config(replace(t, vault=one), wanted))
        fresh = replace(rotating._vault, data_keys=DataKeys(root_keys))
        async with database.read() as session:
            rows = [stored(row) for row in await session.rows(select_stored())]
            opened = await open_rows(session, fresh, rows)
        values = {row.key: found.value for row in rows if isinstance(found := opened[row.id], Opened)}
        assert len([row for row in rows if isinstance(opened[row.id], Opened)]) == 102
        assert (values["k0"], values["k1"]) == (f"{rounds}", f"{rounds}")
    await working
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
    for table in ("configs", "config_history"):
        retired = f"SELECT count(*) FROM {table} c JOIN data_keys k ON k.id = c.data_key_id WHERE NOT k.active"
        assert await sql.fetchval(retired) == 0


async def work_to_the_end(engine: Engine, id: uuid.UUID) -> None:
    while await engine.work(id):
        pass


async def test_one_organization(sql, sealed, transact, rotating, see):
    """A limited run replaces the data keys of its organizations alone, history included; others stay as they are."""
    place = await sql.fetchrow("SELECT * FROM configs ORDER BY organization_id LIMIT 1")
    wanted = place["organization_id"]
    await transact(lambda t: keep_older(t, place["integration_id"], wanted, place["key"]))
    await transact(lambda t: set_config(t, StandaloneWrite(None, "global", ConfigType.SECRET, "v")))
    others = [f"SELECT * FROM {table} WHERE organization_id IS DISTINCT FROM $1 ORDER BY id" for table in
              ("data_keys", "configs", "config_history")]  # fmt: skip
    before = [await sql.fetch(query, wanted) for query in others]
    audit_keys = await sql.fetch("SELECT * FROM audit_keys")
    (old,) = await sql.fetch("SELECT id FROM data_keys WHERE organization_id = $1", wanted)
    run = await rotate(transact, rotating, see, limits=RunLimits([wanted]))
    assert (run.status, run.total, run.changed) == (BackfillStatus.SUCCEEDED, 21, 21)
    assert (run.organization_ids, run.include_global) == ([wanted], False)
    assert [await sql.fetch(query, wanted) for query in others] == before
    assert await sql.fetch("SELECT * FROM audit_keys") == audit_keys
    (new,) = await sql.fetch("SELECT id, root_key_id, active FROM data_keys WHERE organization_id = $1", wanted)
    assert (new["id"] != old["id"], new["root_key_id"], new["active"]) == (True, "new", True)
    for table in ("configs", "config_history"):
        used = await sql.fetch(f"SELECT DISTINCT data_key_id FROM {table} WHERE organization_id = $1", wanted)
        assert [row["data_key_id"] for row in used] == [new["id"]]


async def keep_older(transaction: Any, integration_id: uuid.UUID, organization_id: uuid.UUID, key: str) -> None:
    """An older value of an override, in the history."""
    sealer = (await transaction.sealers([organization_id]))[organization_id]
    sealed = sealer.seal(Place(Purpose.HISTORY, organization_id, integration_id, key), "old")
    statement = text(
        "INSERT INTO config_history (id, integration_id, organization_id, key, version, config_type, sealed, "
        "data_key_id, changed_at, changed_by, reason) "
        "VALUES (gen_random_uuid(), :i, :o, :k, 90, 'secret', :sealed, :key, now(), 'x', 'updated')"
    )
    at = {"i": integration_id, "o": organization_id, "k": key}
    await transaction.session.execute(statement, {**at, "sealed": sealed, "key": sealer.id})


async def test_only_what_is_global(sql, sealed, transact, rotating, see):
    """The global key is a scope of its own, and can be replaced alone."""
    await transact(lambda t: set_config(t, StandaloneWrite(None, "global", ConfigType.SECRET, "v")))
    before = {row["id"] for row in await sql.fetch("SELECT id FROM data_keys WHERE organization_id IS NOT NULL")}
    run = await rotate(transact, rotating, see, limits=RunLimits(include_global=True))
    assert (run.status, run.changed) == (BackfillStatus.SUCCEEDED, 1)
    after = await sql.fetch("SELECT id, organization_id, root_key_id FROM data_keys")
    assert {row["id"] for row in after if row["organization_id"] is not None} == before
    assert [row["root_key_id"] for row in after if row["organization_id"] is None] == ["new"]


async def test_a_limited_dry_run(sealed, transact, rotating, see, sql):
    """A dry run of some organizations counts their secrets and no others."""
    wanted = await sql.fetchval("SELECT organization_id FROM configs LIMIT 1")
    run = await rotate(transact, rotating, see, dry_run=True, limits=RunLimits([wanted]))
    assert (run.status, run.total, run.changed) == (BackfillStatus.SUCCEEDED, 20, 20)


@pytest.mark.parametrize(
    ("kind", "limits", "path"),
    [
        (ROTATE, RunLimits([uuid.UUID(int=7)]), ("organizationIds", 0)),
        (ROTATE, RunLimits(), ("organizationIds",)),
        (ROTATE, RunLimits([uuid.UUID(int=7)] * 1001), ("organizationIds",)),
        (BackfillKind.SEAL, RunLimits(include_global=True), ("includeGlobal",)),
    ],
)
async def test_limits_that_make_no_sense(transact, kind, limits, path):
    """Limits of another kind, of nobody, of an unknown organization or of too many are refused by their place."""
    with pytest.raises(BadInput) as refused:
        await transact(lambda t: start_backfill(t, kind, limits=limits))
    assert path in [problem.path for problem in refused.value.problems]


async def test_a_key_that_a_transaction_may_still_use_stays(sql, sealed, transact, rotating, see, database_url):
    """A retired data key outlives its run while a transaction is open that began before; REWRAP destroys it later."""
    other = await asyncpg.connect(database_url)
    await other.execute("BEGIN; SELECT 1")
    assert (await rotate(transact, rotating, see)).status is BackfillStatus.SUCCEEDED
    assert await sql.fetchval("SELECT count(*) FROM data_keys WHERE NOT active") == 5
    await other.execute("COMMIT")
    run = await rotate(transact, rotating, see, kind=BackfillKind.REWRAP)
    assert (run.status, run.error) == (BackfillStatus.SUCCEEDED, None)
    assert await sql.fetchval("SELECT count(*) FROM data_keys WHERE NOT active") == 0
    await other.close()


async def test_a_transaction_that_began_while_keys_were_retired(sql, sealed, transact, rotating, see, database_url,
                                                                monkeypatch):  # fmt: skip
    """One that began after the retiring statement and before its commit has read the old key as active: it stays."""
    other = await asyncpg.connect(database_url)
    rotate_keys = DataKeys.rotate

    async def slowly(self: DataKeys, *given: Any) -> None:
        await rotate_keys(self, *given)
        await asyncio.sleep(0.05)
        await other.execute("BEGIN; SELECT 1")

    monkeypatch.setattr(DataKeys, "rotate", slowly)
    await rotate(transact, rotating, see)
    assert await sql.fetchval("SELECT count(*) FROM data_keys WHERE NOT active") == 5
    await other.execute("COMMIT")
    await other.close()


async def test_organizations_that_are_deleted_meanwhile(
    sql, sealed, transact, rotating, see, database_url, monkeypatch
):
    """Organizations that are deleted while the run puts new keys in the place of theirs, one just before and one at
    that moment, are passed over; all others are rotated, and nobody deadlocks."""
    ids = [row["id"] for row in await sql.fetch("SELECT id FROM organizations ORDER BY id LIMIT 2")]
    other = await asyncpg.connect(database_url)
    first, ending = WriteSession.rows, list[asyncio.Task[None]]()

    async def finish() -> None:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while not await sql.fetchval(waiting):
            await asyncio.sleep(0.01)
        await other.execute("COMMIT")

    async def chosen(self: WriteSession, statement: Any, parameters: Any = None) -> Any:
        rows = await first(self, statement, parameters)
        if not ending and "data_keys.active" in str(statement):
            await delete_organization(other, ids[0])
            await other.execute("BEGIN")
            await delete_organization(other, ids[1])
            ending.append(asyncio.create_task(finish()))
        return rows

    monkeypatch.setattr(WriteSession, "rows", chosen)
    run = await rotate(transact, rotating, see)
    await ending[0]
    await other.close()
    assert (run.status, run.error, run.changed) == (BackfillStatus.SUCCEEDED, None, 60)
    assert await sql.fetchval("SELECT count(*) FROM data_keys WHERE NOT active OR root_key_id = 'old'") == 0


async def delete_organization(connection: Any, id: uuid.UUID) -> None:
    await connection.execute("DELETE FROM configs WHERE organization_id = $1", id)
    await connection.execute("DELETE FROM organizations WHERE id = $1", id)
