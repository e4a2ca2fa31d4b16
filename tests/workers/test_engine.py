"""The engine: slices, claims, control and pace, with real PostgreSQL and tasks that take their time."""

import asyncio
import time
import uuid

import pytest
from sqlalchemy import text

from db import runs
from db.errors import Conflict
from db.models import BackfillKind, BackfillStatus
from db.runs import cancel_backfill, pause_backfill, resume_backfill, start_backfill
from tests.workers.kit import Fragile, assert_sealed_once, plant_secrets
from workers.engine import Engine
from workers.planning import Planned, plan
from workers.seal import Seal
from workers.slices import Lost, Position, claim, hold

SEAL = BackfillKind.SEAL


async def test_a_run_is_cut_into_slices(small_slices, backfill, sql, database, vault):
    """Slices cover every id: open at both ends, and none twice."""
    await plant_secrets(sql, 250)
    run = await backfill()
    slices = await sql.fetch("SELECT * FROM backfill_slices WHERE run_id = $1 ORDER BY number", run.id)
    assert [row["total"] for row in slices] == [100, 100, 50]
    assert [row["lower"] for row in slices] == [None, slices[0]["upper"], slices[1]["upper"]]
    assert slices[2]["upper"] is None
    await assert_sealed_once(database, vault, 250)


async def test_a_run_without_rows_succeeds(backfill):
    """Nothing to do is done at once."""
    run = await backfill()
    assert (run.status, run.total) == (BackfillStatus.SUCCEEDED, 0)


async def test_many_engines_share_a_run(small_slices, transact, see, sql, database, vault):
    """Eight jobs of four workers on one run: every row is done once."""
    await plant_secrets(sql, 2_000)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=30))
    engines = [Engine(database, vault) for _ in range(4)]
    await asyncio.gather(*(engine.work(run.id) for engine in engines for _ in range(2)))
    for engine in engines:
        await engine.work(run.id)
    done = await see(run.id)
    assert (done.status, done.processed, done.changed) == (BackfillStatus.SUCCEEDED, 2_000, 2_000)
    await assert_sealed_once(database, vault, 2_000)


async def test_two_workers_on_one_slice(transact, see, sql, database, vault):
    """A worker whose slice was taken over while it was silent changes nothing more; the other goes on."""
    await plant_secrets(sql, 300)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=20))
    slow = Engine(database, vault, {SEAL: Fragile(set(), pause=0.05)})
    first = asyncio.create_task(slow.work(run.id))
    while not (await see(run.id)).processed:
        await asyncio.sleep(0.01)
    await sql.execute("UPDATE backfill_slices SET heartbeat_at = heartbeat_at - interval '1 hour'")
    await Engine(database, vault).work(run.id)
    await first
    while (done := await see(run.id)).finished_at is None:
        await slow.work(run.id)
    assert (done.status, done.processed, done.changed) == (BackfillStatus.SUCCEEDED, 300, 300)
    await assert_sealed_once(database, vault, 300)


async def test_a_slow_batch_is_not_taken_over(transact, see, sql, database, vault):
    """While a batch is under way nobody else gets its slice, however old its heartbeat."""
    await plant_secrets(sql, 20)
    run = await transact(lambda t: start_backfill(t, SEAL))
    task = Fragile(set(), pause=0.4)
    working = asyncio.create_task(Engine(database, vault, {SEAL: task}).work(run.id))
    while not task.sizes:
        await asyncio.sleep(0.01)
    stale = "SELECT number FROM backfill_slices WHERE claimed_by IS NOT NULL FOR UPDATE SKIP LOCKED"
    assert await sql.fetch(stale) == []
    await working
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED


async def test_a_lost_claim_is_noticed(transact, sql, database, see, vault):
    """A transaction that finds its slice claimed by somebody else, or its run paused, gives up."""
    await plant_secrets(sql, 20)
    run = await transact(lambda t: start_backfill(t, SEAL))
    engine = Engine(database, vault)
    task = Fragile(error=ConnectionResetError())
    await Engine(database, vault, {SEAL: task}).work(run.id)
    row = await engine._begin(run.id)
    assert row is not None
    held = await claim(database, row, uuid.uuid4())
    assert held is not None
    assert await database.write(lambda session: hold(session, held)) == Position(None, None, left=20)
    await transact(lambda t: pause_backfill(t, run.id))
    with pytest.raises(Lost):
        await database.write(lambda session: hold(session, held))
    await transact(lambda t: resume_backfill(t, run.id))
    await sql.execute("UPDATE backfill_slices SET claimed_by = gen_random_uuid()")
    with pytest.raises(Lost):
        await database.write(lambda session: hold(session, held))


async def test_a_claim_heeds_how_many_are_at_work(transact, sql, database, vault, small_slices):
    """A job that is to do without where others are enough takes a slice only while fewer than so many are worked on."""
    await plant_secrets(sql, 300)
    run = await transact(lambda t: start_backfill(t, SEAL))
    row = await Engine(database, vault)._begin(run.id)
    assert row is not None
    assert await plan(database, vault, Seal(), row, time.monotonic() + 10) is Planned.WHOLLY
    assert await claim(database, row, uuid.uuid4()) is not None
    assert await claim(database, row, uuid.uuid4(), most=1) is None
    assert await claim(database, row, uuid.uuid4(), most=2) is not None
    assert await claim(database, row, uuid.uuid4(), most=2) is None
    await sql.execute("UPDATE backfill_slices SET heartbeat_at = now() - interval '1 hour'")
    assert await claim(database, row, uuid.uuid4(), most=1) is not None


async def test_pause_and_resume(transact, see, sql, database, vault):
    """A paused run stops within one batch and stays; resumed, it goes on where it was."""
    await plant_secrets(sql, 200)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))
    task = Fragile(set(), pause=0.02)
    engine = Engine(database, vault, {SEAL: task})
    working = asyncio.create_task(engine.work(run.id))
    while not task.sizes:
        await asyncio.sleep(0.01)
    paused = await transact(lambda t: pause_backfill(t, run.id))
    assert await working is False
    stopped = await see(run.id)
    assert stopped.status is paused.status is BackfillStatus.PAUSED
    assert stopped.processed <= paused.processed + 10
    assert await engine.work(run.id) is False
    assert (await see(run.id)).processed == stopped.processed
    assert (await transact(lambda t: resume_backfill(t, run.id))).status is BackfillStatus.ENQUEUED
    await engine.work(run.id)
    done = await see(run.id)
    assert (done.status, done.processed, sum(task.sizes)) == (BackfillStatus.SUCCEEDED, 200, 200)


async def test_cancel_while_worked_on(transact, see, sql, database, vault):
    """A run that is worked on is cancelled after the batch under way; its rows are as before or as after."""
    await plant_secrets(sql, 200)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))
    task = Fragile(set(), pause=0.02)
    working = asyncio.create_task(Engine(database, vault, {SEAL: task}).work(run.id))
    while not (await see(run.id)).processed:
        await asyncio.sleep(0.01)
    assert (await transact(lambda t: cancel_backfill(t, run.id))).status is BackfillStatus.CANCELLING
    await working
    done = await see(run.id)
    assert done.status is BackfillStatus.CANCELLED
    assert done.finished_at is not None
    assert 0 < done.processed < 200
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE NOT legacy") == done.processed
    with pytest.raises(Conflict, match="cannot resume a run that is cancelled"):
        await transact(lambda t: resume_backfill(t, run.id))


async def test_cancel_while_a_batch_takes_long(transact, see, sql, database, vault, monkeypatch):
    """A run is not CANCELLED while a batch is under way, though its worker was not heard of for long: what that commits
    afterwards would not be as it was told."""
    await plant_secrets(sql, 20)
    run = await transact(lambda t: start_backfill(t, SEAL))
    task = Fragile(set(), pause=0.5)
    engine = Engine(database, vault, {SEAL: task})
    working = asyncio.create_task(engine.work(run.id))
    while not task.sizes:
        await asyncio.sleep(0.01)
    monkeypatch.setattr(runs, "_STALE", text("interval '0 s'"))
    assert (await transact(lambda t: cancel_backfill(t, run.id))).status is BackfillStatus.CANCELLING
    await working
    done = await see(run.id)
    assert (done.status, done.processed) == (BackfillStatus.CANCELLED, 20)


async def test_the_rate_holds_over_all_workers(small_slices, transact, see, sql, database, vault):
    """Three workers together stay under maxRowsPerSecond."""
    await plant_secrets(sql, 400)
    run = await transact(lambda t: start_backfill(t, SEAL, max_rows_per_second=200))
    engines = [Engine(database, vault) for _ in range(3)]
    began = time.monotonic()
    await asyncio.gather(*(engine.work(run.id) for engine in engines))
    await engines[0].work(run.id)
    seconds = time.monotonic() - began
    done = await see(run.id)
    assert done.status is BackfillStatus.SUCCEEDED
    assert seconds > 1.9
    assert done.rows_per_second is not None
    assert done.rows_per_second <= 210


async def test_the_shift_ends(transact, see, sql, database, vault):
    """A job ends when its shift is over, gives its slice back and says that there is more."""
    await plant_secrets(sql, 100)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))
    engine = Engine(database, vault, {SEAL: Fragile(set(), pause=0.02)}, shift=0.05)
    assert await engine.work(run.id) is True
    assert await sql.fetchval("SELECT count(*) FROM backfill_slices WHERE claimed_by IS NOT NULL") == 0
    while await engine.work(run.id):
        pass
    assert (await see(run.id)).processed == 100


async def test_batches_have_the_size_that_is_set(transact, sql, database, vault):
    """With batchSize every batch has that size."""
    await plant_secrets(sql, 300)
    task = Fragile(set())
    run = await transact(lambda t: start_backfill(t, SEAL, dry_run=True, batch_size=100))
    await Engine(database, vault, {SEAL: task}).work(run.id)
    assert task.sizes == [100, 100, 100]


async def test_an_unknown_run_is_nothing(engine):
    """A job for a run that is not there ends."""
    assert await engine.work(uuid.uuid4()) is False
