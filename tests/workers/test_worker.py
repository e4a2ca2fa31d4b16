"""The arq worker: what it finds, what it survives, and how it starts and ends."""

import asyncio
import logging
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import redis
from arq import Retry, Worker

from db.errors import SettingsError
from db.models import BackfillKind, BackfillStatus
from db.queue import QUEUE, connect
from db.runs import cancel_backfill, start_backfill
from db.settings import Settings
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.jobs import TRIES, look_for_runs, work_on_run
from workers.worker import open_parts, run, work

ROOT = Path(__file__).resolve().parents[2]
SEAL = BackfillKind.SEAL


async def work_until_over(worker: Worker, see: Any, id: Any, meanwhile: Any = None) -> Any:
    """Run the worker until the run is over."""
    stop = asyncio.Event()
    running = asyncio.create_task(work(worker, stop))
    try:
        async with asyncio.timeout(180):
            while (now := await see(id)).finished_at is None:
                assert not running.done()
                if meanwhile is not None and now.processed:
                    meanwhile()
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await running
    return now


async def test_a_run_that_nobody_enqueued_is_found(sql, transact, worker, see, database, vault):
    """A run whose bell was lost is found by the clock when a worker starts."""
    await plant_secrets(sql, 50)
    started = await transact(lambda t: start_backfill(t, SEAL))
    done = await work_until_over(worker, see, started.id)
    assert (done.status, done.processed) == (BackfillStatus.SUCCEEDED, 50)
    await assert_sealed_once(database, vault, 50)


async def test_redis_emptied_again_and_again(sql, transact, worker, queue, see, redis_url, database, vault):
    """Redis emptied all the time, in the middle of jobs: the run ends, and every row is done once."""
    await plant_secrets(sql, 1_000)
    started = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))
    await queue.enqueue_run(started.id)
    with redis.Redis.from_url(redis_url) as client:
        done = await work_until_over(worker, see, started.id, meanwhile=client.flushall)
    assert (done.status, done.processed) == (BackfillStatus.SUCCEEDED, 1_000)
    await assert_sealed_once(database, vault, 1_000)


async def test_one_run_enqueued_many_times(sql, transact, worker, queue, see, database, vault):
    """Ten bells for one run: every row is done once."""
    await plant_secrets(sql, 300)
    started = await transact(lambda t: start_backfill(t, SEAL, batch_size=10))
    for _ in range(10):
        await queue.enqueue_run(started.id)
    done = await work_until_over(worker, see, started.id)
    assert (done.processed, done.changed) == (300, 300)
    await assert_sealed_once(database, vault, 300)


async def test_a_bell_for_another_worker_is_left_to_it():
    """A worker that is at a run leaves further bells for others to hear, though not for ever: arq would log that."""

    class Busy:
        def is_at(self, id: Any) -> bool:
            return True

        async def work(self, id: Any) -> bool:
            return False

    context = {"engine": Busy(), "redis": None}
    for number in range(1, TRIES):
        with pytest.raises(Retry):
            await work_on_run(context | {"job_try": number}, str(uuid.uuid4()))
    await work_on_run(context | {"job_try": TRIES}, str(uuid.uuid4()))


async def test_all_workers_hear_of_a_new_run(sql, transact, database, redis_url):
    """A run that nobody has planned yet is rung for more than once, so that not one worker alone begins with it."""
    await plant_secrets(sql, 10)
    await transact(lambda t: start_backfill(t, SEAL))
    client = connect(redis_url)
    await look_for_runs({"database": database, "redis": client})
    assert await client.zcard(QUEUE) > 1
    await client.aclose(close_connection_pool=True)


async def test_an_abandoned_cancellation_is_finished(sql, transact, worker, see):
    """A run whose workers died while it was being cancelled is cancelled by the next one."""
    await plant_secrets(sql, 10)
    started = await transact(lambda t: start_backfill(t, SEAL))
    await sql.execute("UPDATE backfill_runs SET status = 'cancelling'")
    assert (await work_until_over(worker, see, started.id)).status is BackfillStatus.CANCELLED


async def test_jobs_raise_nothing_that_arq_would_log(caplog):
    """A server that is away is logged by type; anything else reaches arq as its type's name alone."""

    class Engine:
        error: Exception = ConnectionRefusedError("p4ssword")

        def is_at(self, id: Any) -> bool:
            return False

        async def work(self, id: Any) -> bool:
            raise self.error

        read = work

    engine = Engine()

    class Database:
        def read(self) -> Any:
            raise engine.error

    context = {"engine": engine, "database": Database(), "redis": None}
    id = "00000000-0000-0000-0000-000000000001"
    with caplog.at_level(logging.WARNING):
        await work_on_run(context, id)
        await look_for_runs(context)
    engine.error = ValueError("p4ssword")
    for job in (work_on_run(context, id), look_for_runs(context)):
        with pytest.raises(RuntimeError, match=r"^ValueError$") as caught:
            await job
        assert caught.value.__cause__ is None
    assert "ConnectionRefusedError" in caplog.text
    assert "p4ssword" not in caplog.text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"DATABASE_URL": None}, "DATABASE_URL is not set"),
        ({"REDIS_URL": None}, "REDIS_URL is not set"),
        ({"DATABASE_URL": "postgresql:///x?host=/nowhere"}, "PostgreSQL does not answer"),
        ({"REDIS_URL": "unix:///nowhere.sock"}, "Redis does not answer"),
        ({"STRONGROOM_ROOT_KEYS": None}, "there is no root keyring"),
        ({"STRONGROOM_ROOT_KEYS": "s3cret"}, "STRONGROOM_ROOT_KEYS"),
    ],
)
async def test_settings_that_cannot_work(database_url, redis_url, tmp_path, changes, told):
    """A setting or a server that a worker cannot work with is told in one line, without any secret."""
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STRONGROOM_HOME": str(tmp_path),
        "STRONGROOM_ROOT_KEYS": "root-1:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=",
    } | changes
    with pytest.raises(SettingsError, match=told) as caught:
        await run({name: value for name, value in environ.items() if value is not None})
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_database_that_is_not_migrated(database_url, sql, tmp_path):
    """A worker does not work on a database of another revision."""
    await sql.execute("UPDATE strongroom_version SET version_num = '0001'")
    keys = "root-1:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
    settings = Settings.from_env({"STRONGROOM_HOME": str(tmp_path), "STRONGROOM_ROOT_KEYS": keys})
    with pytest.raises(SettingsError, match="run python -m db upgrade"):
        async with open_parts(settings, database_url):
            pass


def test_a_failed_start_is_one_line(tmp_path):
    """`python -m workers` without settings: one line, exit code 1, no traceback."""
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    command = [sys.executable, "-m", "workers"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "strongroom: DATABASE_URL is not set: a worker by itself has no embedded PostgreSQL\n"


async def test_sigterm_gives_slices_back(sql, transact, see, start_worker):
    """A worker that is told to stop ends at once with code 0, and its slices are free for others."""
    await plant_secrets(sql, 2_000)
    started = await transact(lambda t: start_backfill(t, SEAL, max_rows_per_second=200))
    worker = start_worker()
    async with asyncio.timeout(180):
        while not (await see(started.id)).processed:
            await asyncio.sleep(0.02)
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, 10) == 0
    assert await sql.fetchval("SELECT count(*) FROM backfill_slices WHERE claimed_by IS NOT NULL") == 0
    assert (await transact(lambda t: cancel_backfill(t, started.id))).status is BackfillStatus.CANCELLED


async def test_a_worker_that_loses_redis_ends(sql, redis_url, start_worker, servers):
    """Without Redis a worker ends with one line, for whoever supervises it to start it again."""
    worker = start_worker()
    with redis.Redis.from_url(redis_url) as client:
        async with asyncio.timeout(180):
            while not client.exists(f"{QUEUE}:health-check"):
                await asyncio.sleep(0.05)
    servers.valkey.stop()
    try:
        code = await asyncio.to_thread(worker.wait, 15)
    finally:
        servers.valkey.start()
    assert code == 1
    log = worker.log.read_text()
    assert "Redis does not answer any more" in log
    assert "Traceback" not in log
