"""Rows that raise, and servers that are away: what is tried again, what is left alone, and when a run is given up."""

import asyncio
import uuid
from typing import Any

import pytest

from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from tests.workers.kit import Fragile, assert_sealed_once, plant_secrets
from workers import steps
from workers.engine import Engine
from workers.seal import Seal
from workers.tasks import Batch, Counts

SEAL = BackfillKind.SEAL


async def ids_of(sql: Any) -> list[uuid.UUID]:
    return [uuid.UUID(str(row["id"])) for row in await sql.fetch("SELECT id FROM configs ORDER BY id")]


async def test_a_row_that_raises_is_quarantined(transact, see, sql, database, vault):
    """A row that raises is set aside after its retries, by the type of what it raised; the others are done."""
    await plant_secrets(sql, 300)
    bad = set((await ids_of(sql))[::97])
    run = await transact(lambda t: start_backfill(t, SEAL))
    await Engine(database, vault, {SEAL: Fragile(bad)}).work(run.id)
    done = await see(run.id)
    rows = await sql.fetch("SELECT config_id, reason FROM quarantined_configs")
    assert (done.status, done.processed, done.changed) == (BackfillStatus.SUCCEEDED, 300, 300 - len(bad))
    assert {uuid.UUID(str(row["config_id"])) for row in rows} == bad
    assert {row["reason"] for row in rows} == {"raised ValueError"}


async def test_every_row_has_its_retries(transact, see, sql, database, vault):
    """A row that raises once is tried again, also where a batch is one row and others have raised before it."""

    class Hiccups(Seal):
        def __init__(self) -> None:
            self.tried = set[uuid.UUID]()

        async def work(self, batch: Batch) -> Counts:
            new = set(batch.ids) - self.tried
            self.tried |= new
            if new:
                raise ValueError("s3cret-value")
            return await super().work(batch)

    await plant_secrets(sql, 6)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=1))
    await Engine(database, vault, {SEAL: Hiccups()}).work(run.id)
    done = await see(run.id)
    assert (done.status, done.changed, done.quarantined) == (BackfillStatus.SUCCEEDED, 6, 0)
    await assert_sealed_once(database, vault, 6)


async def test_neighbours_of_a_row_that_raises_have_their_retries(transact, see, sql, database, vault, monkeypatch):
    """A row that comes next to one that always raises is tried as often as any before it is set aside."""
    monkeypatch.setattr(steps, "_RETRIES", (0.001, 0.001))
    await plant_secrets(sql, 40)
    ids = await ids_of(sql)
    tries = dict.fromkeys(ids, 0)

    class Counting(Fragile):
        async def work(self, batch: Batch) -> Counts:
            if len(batch.ids) == 1:
                tries[batch.ids[0]] += 1
            return await super().work(batch)

    bad = set(ids[10:13])
    run = await transact(lambda t: start_backfill(t, SEAL))
    await Engine(database, vault, {SEAL: Counting(bad)}).work(run.id)
    assert (await see(run.id)).quarantined == 3
    assert min(tries[id] for id in bad) >= 3


@pytest.mark.parametrize("rows", [3, 200])
async def test_a_task_that_always_raises_fails_the_run_early(transact, see, sql, database, vault, monkeypatch, rows):
    """When every row raises the run fails at once, telling the type of the error and no value."""
    monkeypatch.setattr(steps, "_RETRIES", (0.01, 0.02))
    await plant_secrets(sql, rows)
    run = await transact(lambda t: start_backfill(t, SEAL))
    await Engine(database, vault, {SEAL: Fragile()}).work(run.id)
    done = await see(run.id)
    assert (done.status, done.error) == (BackfillStatus.FAILED, "every row raised ValueError")
    assert done.processed <= 20


async def test_several_workers_at_a_task_that_always_raises(small_slices, transact, see, sql, database, vault):
    """Rows of many slices, at which several lanes of two workers are: the run fails as early as with one of them."""
    await plant_secrets(sql, 1_000)
    run = await transact(lambda t: start_backfill(t, SEAL))
    await asyncio.gather(*(Engine(database, vault, {SEAL: Fragile()}).work(run.id) for _ in range(2)))
    done = await see(run.id)
    assert (done.status, done.error) == (BackfillStatus.FAILED, "every row raised ValueError")
    assert done.processed < 20 + 4
    assert await sql.fetchval("SELECT count(*) FROM backfill_slices WHERE claimed_by IS NOT NULL") == 0


async def test_a_data_key_that_does_not_open_fails_the_run(backfill, sql):
    """With a data key that the root keyring does not open, nothing can be sealed: the run says so."""
    await plant_secrets(sql, 30, organizations=1)
    await sql.execute(
        "INSERT INTO data_keys (id, organization_id, root_key_id, wrapped) "
        "SELECT gen_random_uuid(), id, 'lost', '\\x00' FROM organizations"
    )
    run = await backfill()
    assert (run.status, run.error) == (BackfillStatus.FAILED, "every row raised SealError")
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE legacy") == 30


async def test_a_server_that_is_away_leaves_the_run_running(transact, see, sql, database, vault):
    """A lost connection is nobody's fault: the run stays RUNNING, its slice is free, and work goes on later."""
    await plant_secrets(sql, 30)
    run = await transact(lambda t: start_backfill(t, SEAL))
    away = Fragile(error=ConnectionResetError("s3cret"))
    assert await Engine(database, vault, {SEAL: away}).work(run.id) is False
    waiting = await see(run.id)
    assert (waiting.status, waiting.processed) == (BackfillStatus.RUNNING, 0)
    assert len(away.sizes) == 1
    await Engine(database, vault).work(run.id)
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED


async def test_connections_cut_by_the_server(transact, see, sql, database, vault):
    """Every connection terminated in the middle of a batch: the run goes on, and every row is done once."""
    await plant_secrets(sql, 200)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=20))
    engine = Engine(database, vault, {SEAL: Fragile(set(), pause=0.05)})
    working = asyncio.create_task(engine.work(run.id))
    while not (await see(run.id)).processed:
        await asyncio.sleep(0.01)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
    await sql.execute(cut.replace("$1", "pg_backend_pid()"))
    await working
    await sql.execute("UPDATE backfill_slices SET heartbeat_at = NULL")
    for _ in range(3):
        await engine.work(run.id)
    done = await see(run.id)
    assert (done.status, done.processed) == (BackfillStatus.SUCCEEDED, 200)
    await assert_sealed_once(database, vault, 200)
