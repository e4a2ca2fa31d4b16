"""The database's clock is set back in the middle of a run: what was written before lies in the future then."""

import asyncio
import uuid
from typing import Any

from db.models import BackfillKind, BackfillStatus
from db.runs import cancel_backfill, start_backfill
from tests.workers.kit import plant_secrets
from workers.engine import Engine
from workers.standing import COMMAND_LINE, start_for_waiting

SEAL = BackfillKind.SEAL


async def begin(transact: Any, engine: Engine, sql: Any, **options: Any) -> uuid.UUID:
    """A run with a slice whose worker died an hour from now."""
    await plant_secrets(sql, 20)
    run = await transact(lambda t: start_backfill(t, SEAL, **options))
    await sql.execute("UPDATE backfill_runs SET status = 'running', started_at = now() + interval '1 hour'")
    await sql.execute(
        "INSERT INTO backfill_slices (run_id, number, source, total, claimed_by, heartbeat_at) "
        "SELECT id, 1, 'configs', 20, gen_random_uuid(), now() + interval '1 hour' FROM backfill_runs"
    )
    await sql.execute("UPDATE backfill_runs SET planned = true")
    return run.id


async def test_a_dead_workers_slice_is_taken_over(transact, engine, sql, see) -> None:
    """A heartbeat from the future keeps nobody from the slice."""
    id = await begin(transact, engine, sql)
    await engine.work(id)
    assert (await see(id)).status is BackfillStatus.SUCCEEDED


async def test_a_cancellation_does_not_wait_for_a_dead_worker(transact, engine, sql, see) -> None:
    """Nor does it keep a cancelled run from its end."""
    id = await begin(transact, engine, sql)
    assert (await transact(lambda t: cancel_backfill(t, id))).status is BackfillStatus.CANCELLED


async def test_a_rate_does_not_wait_for_the_old_time(transact, engine, sql, see) -> None:
    """A run with a rate, and its progress, go on at once."""
    id = await begin(transact, engine, sql, max_rows_per_second=1000)
    await sql.execute("UPDATE backfill_slices SET claimed_by = NULL")
    await sql.execute("UPDATE backfill_runs SET paced_until = now() + interval '1 hour', sampled_at = paced_until")
    async with asyncio.timeout(20):
        await engine.work(id)
    assert (await see(id)).status is BackfillStatus.SUCCEEDED
    assert await sql.fetchval("SELECT sampled_at < now() FROM backfill_runs")


async def test_a_run_that_was_in_vain_does_not_hold_a_standing_one_back(transact, sql, database, vault) -> None:
    """A SEAL that was cancelled an hour from now does not keep rows waiting for an hour."""
    await plant_secrets(sql, 1)
    run = await transact(lambda t: start_backfill(t, SEAL))
    await transact(lambda t: cancel_backfill(t, run.id))
    assert await start_for_waiting(database, vault, COMMAND_LINE) is None
    await sql.execute("UPDATE backfill_runs SET finished_at = finished_at + interval '1 hour'")
    assert await start_for_waiting(database, vault, COMMAND_LINE) is not None
