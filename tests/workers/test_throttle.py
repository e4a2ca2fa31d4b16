"""The throttle: runs hold back while the database is slow or its replicas lag, and say so."""

import asyncio
import time
import uuid
from typing import Any

import pytest

from db.models import BackfillKind, BackfillStatus
from db.runs import cancel_backfill, start_backfill
from tests.timing import allowed, within
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.engine import Engine
from workers.load import BOUNDS, Bounds, Lag, Load, read_lag
from workers.pulse import take_pulse
from workers.seal import Seal
from workers.tasks import Batch, Counts
from workers.throttle import Throttle

SEAL = BackfillKind.SEAL
IDLE = Load(0.001, Lag())


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (IDLE, None),
        (Load(0.25, Lag(5.0, 268_435_456)), None),
        (Load(0.3, Lag()), "the database takes 300 ms to answer"),
        (Load(0.001, Lag(7.26, 10)), "a replica is 7.3 s behind"),
        (Load(0.001, Lag(None, 1_073_741_824)), "a replica has 1,024 MiB to replay"),
    ],
)
def test_reasons_to_hold_back(load: Load, reason: str | None) -> None:
    """A slow answer, a replica's seconds and its backlog are each a reason, and only beyond their bounds."""
    assert BOUNDS.judge(load) == reason


def test_a_replica_that_is_not_heeded() -> None:
    """Where no lag is set, replicas are no reason, and a slow answer still is."""
    unheeding = Bounds(lag=None)
    assert unheeding.judge(Load(0.001, Lag(9_999, 2**50))) is None
    assert unheeding.judge(Load(1, Lag())) is not None


def test_pauses_grow_and_shrink(database: Any) -> None:
    """Pauses double up to four seconds while the load is too high, and halve to nothing while it is not."""
    throttle = Throttle(database, None, BOUNDS)  # pyright: ignore[reportArgumentType] - measured by this test
    pauses = []
    for load in [Load(1, Lag())] * 6 + [IDLE] * 6:
        throttle.heed(load)
        pauses.append(throttle.pause)
    assert pauses == [0.25, 0.5, 1, 2, 4, 4, 2, 1, 0.5, 0.25, 0, 0]


async def test_no_replica_is_no_lag(database: Any) -> None:
    """Asked of a real server without replicas: no lag, and no error."""
    async with database.read() as session:
        assert await read_lag(session) == Lag()


class Slow(Seal):
    """SEAL whose batches last as long as their rows are many."""

    def __init__(self, seconds_a_row: float) -> None:
        self.seconds = seconds_a_row
        self.lasted: list[float] = []
        self.sizes: list[int] = []

    async def work(self, batch: Batch) -> Counts:
        began = time.monotonic()
        self.sizes.append(len(batch.ids))
        await asyncio.sleep(self.seconds * len(batch.ids))
        counts = await super().work(batch)
        self.lasted.append(time.monotonic() - began)
        return counts


async def test_batches_adapt_to_a_tenth_of_a_second(transact, see, sql, database, vault) -> None:
    """Where a row takes 2 ms, batches shrink until a transaction takes less than 100 ms, and stay there."""
    await plant_secrets(sql, 600)
    run = await transact(lambda t: start_backfill(t, SEAL))
    task = Slow(0.002)
    await Engine(database, vault, {SEAL: task}).work(run.id)
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
    settled = sorted(task.lasted[2:])
    assert len(settled) > 5
    assert settled[len(settled) // 2] < allowed(0.1)
    assert max(task.sizes[2:]) * 0.002 < 0.1


async def test_a_lagging_replica_slows_a_run_and_is_told(transact, see, sql, database, vault) -> None:
    """While a replica lags the run goes on slowly and says why; once it has caught up, at full speed and in silence."""
    await plant_secrets(sql, 200)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))
    lag = Lag(60.0)

    async def measure(_database: Any, _held: Any) -> Load:
        return Load(0.001, lag)

    working = asyncio.create_task(Engine(database, vault, measure=measure).work(run.id))
    async with asyncio.timeout(60):
        while (now := await see(run.id)).throttled_by is None:
            await asyncio.sleep(0.02)
    assert (now.throttled_by, now.status) == ("a replica is 60.0 s behind", BackfillStatus.RUNNING)
    began = time.monotonic()
    await asyncio.sleep(1)
    slow = (await see(run.id)).processed
    assert 0 < slow <= 60 * (time.monotonic() - began)
    lag = Lag(0.1)
    async with asyncio.timeout(60):
        await working
    done = await see(run.id)
    assert (done.status, done.processed, done.throttled_by) == (BackfillStatus.SUCCEEDED, 200, None)
    await assert_sealed_once(database, vault, 200)


async def test_a_run_that_holds_back_is_cancelled_at_once(transact, see, sql, database, vault) -> None:
    """A worker in its pause notices within a moment that its run is cancelled, and keeps its claim till then."""
    await plant_secrets(sql, 200)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))

    async def measure(_database: Any, _held: Any) -> Load:
        return Load(9, Lag())

    engine = Engine(database, vault, measure=measure)
    working = asyncio.create_task(engine.work(run.id))
    await asyncio.sleep(2.5)
    age = await sql.fetchval("SELECT extract(epoch FROM clock_timestamp() - min(heartbeat_at)) FROM backfill_slices")
    assert age < allowed(1)
    await transact(lambda t: cancel_backfill(t, run.id))
    with within(1.5):
        await working
    await engine.work(run.id)
    assert (await see(run.id)).status is BackfillStatus.CANCELLED


async def test_a_slow_database_is_noticed(transact, see, sql, database, vault, monkeypatch) -> None:
    """When the smallest of writes takes long, by the real measure, the run holds back and says so."""
    await plant_secrets(sql, 50)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))
    slow = """
        CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END';
        CREATE TRIGGER doze BEFORE UPDATE OF heartbeat_at ON backfill_slices FOR EACH ROW
            WHEN (OLD.claimed_by = NEW.claimed_by AND OLD.processed = NEW.processed) EXECUTE FUNCTION doze()
    """
    await sql.execute(slow)
    working = asyncio.create_task(Engine(database, vault).work(run.id))
    async with asyncio.timeout(60):
        while (now := await see(run.id)).throttled_by is None:
            await asyncio.sleep(0.02)
    assert now.throttled_by.startswith("the database takes 3")
    await sql.execute("DROP TRIGGER doze ON backfill_slices")
    async with asyncio.timeout(60):
        await working
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED


async def pulse(sql: Any, database: Any, run: uuid.UUID, *, ago: str, rows: int) -> float | None:
    """Have a pulse taken so long after the last one, in which so many rows were done; the rate that it finds."""
    await sql.execute(f"UPDATE backfill_runs SET sampled_at = clock_timestamp() - interval '{ago}'")
    await sql.execute("UPDATE backfill_slices SET processed = processed + $1", rows)
    await take_pulse(database, run, None)
    return await sql.fetchval("SELECT recent_rate FROM backfill_runs")


async def test_the_rate_is_smooth(transact, sql, database) -> None:
    """The first second tells the rate; later ones move it slowly; after a rest it begins anew; two pulses within a
    second are one."""
    run = (await transact(lambda t: start_backfill(t, SEAL))).id
    await sql.execute("INSERT INTO backfill_slices (run_id, number, source) VALUES ($1, 1, 'configs')", run)
    await take_pulse(database, run, None)
    assert await sql.fetchval("SELECT recent_rate FROM backfill_runs") is None
    assert await pulse(sql, database, run, ago="1 s", rows=1_000) == pytest.approx(1_000, rel=0.05)
    assert await pulse(sql, database, run, ago="1 s", rows=0) == pytest.approx(935, rel=0.06)
    assert await pulse(sql, database, run, ago="0.5 s", rows=9_000) == pytest.approx(935, rel=0.06)
    assert await pulse(sql, database, run, ago="1 hour", rows=5) is None
    assert await pulse(sql, database, run, ago="1 s", rows=50) == pytest.approx(50, rel=0.06)


async def test_one_workers_reason_is_not_taken_back_by_another(transact, sql, database) -> None:
    """A worker with a reason is heard beside one without; once nobody has repeated it for seconds, it is gone."""
    run = (await transact(lambda t: start_backfill(t, SEAL))).id
    told = "SELECT throttled_by FROM backfill_runs"
    await take_pulse(database, run, "why")
    await take_pulse(database, run, None)
    assert await sql.fetchval(told) == "why"
    await sql.execute("UPDATE backfill_runs SET throttled_at = throttled_at - interval '4 s'")
    await take_pulse(database, run, None)
    assert await sql.fetchval(told) is None
