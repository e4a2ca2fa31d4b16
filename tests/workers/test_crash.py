"""A run survives whatever happens to its workers and to Redis: every row is done exactly once."""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from tests.workers.kit import assert_sealed_once, plant_secrets

ROOT = Path(__file__).resolve().parents[2]
ROOT_KEYS = "root-1:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


async def test_sigkill_at_random_points(sql, transact, see, start_worker, database, vault, redis_url) -> None:
    """Workers killed at random points, and Redis emptied once: nothing is lost, skipped or sealed twice."""
    await crash(sql, transact, see, start_worker, database, vault, redis_url, kills=5, rows=4_000)


@pytest.mark.soak
async def test_sigkill_at_twenty_random_points(sql, transact, see, start_worker, database, vault, redis_url) -> None:
    """The same, twenty times over."""
    await crash(sql, transact, see, start_worker, database, vault, redis_url, kills=20, rows=60_000)


async def crash(sql, transact, see, start_worker, database, vault, redis_url, *, kills: int, rows: int) -> None:
    chance = random.Random(kills)
    await plant_secrets(sql, rows)
    run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL, batch_size=40))
    for number in range(kills):
        worker = start_worker()
        before = (await see(run.id)).processed
        await wait_until(lambda: see(run.id), lambda now, before=before: now.processed > before)
        if number == kills // 2:
            redis.Redis.from_url(redis_url).flushall()
        await asyncio.sleep(chance.uniform(0, 0.15))
        worker.kill()
        worker.wait()
        assert (await see(run.id)).status is BackfillStatus.RUNNING
        # Time goes by: nobody is waited for who is dead.
        await sql.execute("UPDATE backfill_slices SET heartbeat_at = heartbeat_at - interval '1 minute'")
    worker = start_worker()
    done = await wait_until(lambda: see(run.id), lambda now: now.finished_at is not None)
    assert (done.status, done.processed, done.changed) == (BackfillStatus.SUCCEEDED, rows, rows)
    await assert_sealed_once(database, vault, rows)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0


async def wait_until(look: Any, right: Callable[[Any], bool], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not right(now := await look()):
        assert time.monotonic() < end, now
        await asyncio.sleep(0.02)
    return now
