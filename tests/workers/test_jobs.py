"""Jobs: none lasts longer than a minute, and each enqueues the rest."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import workers.engine
from db.models import BackfillKind, BackfillStatus
from db.queue import connect
from db.runs import start_backfill
from tests.timing import within
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.engine import LONGEST, PARTING, SHIFT, Engine
from workers.jobs import work_on_run
from workers.seal import Seal
from workers.tasks import Batch, Counts
from workers.worker import make_worker

SEAL = BackfillKind.SEAL


async def test_no_job_runs_longer_than_a_minute(database, vault, redis_url):
    """A shift, the batch and the pause at its end fit into the time that arq gives a job, which is under a minute."""
    worker = make_worker(redis_url, database, vault)
    longest = max(function.timeout_s or 0 for function in worker.functions.values())
    assert SHIFT + 10 < LONGEST < LONGEST + PARTING + 5 < longest < 60


class Lasting(Seal):
    """SEAL whose work does not heed that it is cancelled, as if its server had stopped answering, or whose conclusion
    takes long."""

    def __init__(self, deaf: float = 0, concludes: float = 0) -> None:
        self.deaf = deaf
        self.concludes = concludes

    async def work(self, batch: Batch) -> Counts:
        end = time.monotonic() + self.deaf
        while (left := end - time.monotonic()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(left)
        return await super().work(batch)

    async def conclude(self, database: Any, vault: Any, run: Any) -> str | None:
        await asyncio.sleep(self.concludes)
        return await super().conclude(database, vault, run)


async def test_a_job_ends_though_its_server_does_not_answer(sql, transact, see, database, vault, monkeypatch):
    """A job returns in time also when what it waits for cannot be called off; until that is over nobody in this process
    works on the run, and afterwards it goes on."""
    monkeypatch.setattr(workers.engine, "PARTING", 0.1)
    await plant_secrets(sql, 10)
    run = await transact(lambda t: start_backfill(t, SEAL))
    engine = Engine(database, vault, {SEAL: Lasting(deaf=2)}, longest=0.6)
    with within(1.2):
        assert await engine.work(run.id) is False
    assert await engine.work(run.id) is False
    assert (await see(run.id)).processed == 0
    await engine.close()
    await Engine(database, vault).work(run.id)
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
    await assert_sealed_once(database, vault, 10)


async def test_a_conclusion_may_take_longer_than_a_job(sql, transact, see, database, vault):
    """What takes PostgreSQL long at the end of a run, as looking at all rows at once does, goes on when its job is
    over, and is not begun again and again."""
    await plant_secrets(sql, 10)
    run = await transact(lambda t: start_backfill(t, SEAL))
    engine = Engine(database, vault, {SEAL: Lasting(concludes=1)}, longest=0.5)
    with within(0.9):
        assert await engine.work(run.id) is False
    assert await engine.work(run.id) is False
    async with asyncio.timeout(20):
        while (done := await see(run.id)).finished_at is None:
            await asyncio.sleep(0.05)
    assert done.status is BackfillStatus.SUCCEEDED
    await engine.close()


async def test_a_job_enqueues_the_rest(sql, transact, redis_url, see, database, vault):
    """A job whose shift is over rings once more, under a fresh id, until the run is over; it raises nothing."""
    await plant_secrets(sql, 60)
    started = await transact(lambda t: start_backfill(t, SEAL, batch_size=20))
    redis, ids = connect(redis_url), []
    context = {"engine": Engine(database, vault, shift=0), "redis": redis}
    try:
        for _ in range(20):
            await work_on_run(context, str(started.id))
            jobs = await redis.queued_jobs()
            if not jobs:
                break
            assert [list(job.args) for job in jobs] == [[str(started.id)]]
            ids += [job.job_id for job in jobs]
            await redis.flushdb()
    finally:
        await redis.aclose(close_connection_pool=True)
    assert (await see(started.id)).status is BackfillStatus.SUCCEEDED
    assert len(set(ids)) == len(ids) == 2
