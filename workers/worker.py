"""The arq worker: what it runs, and how it starts and ends."""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from arq import Worker, cron, func
from arq.cron import CronJob
from redis.exceptions import RedisError

from db.background import end_tasks
from db.errors import SettingsError
from db.garbage import settle
from db.opening import open_current
from db.queue import QUEUE, WORK, connect, deserialize, serialize
from db.reachability import check_postgres, check_redis
from db.sessions import Database
from db.settings import Settings
from db.start import open_vault
from db.vault import Vault
from workers.engine import Engine
from workers.jobs import TRIES, look_for_runs, prune_old_changes, seal_waiting, work_on_run
from workers.load import BOUNDS, Bounds

_JOBS: Final = 5
_TIMEOUT: Final = 55
"""Seconds of a job, at most. arq keeps a dead job's key for ten seconds longer."""

_LOOKS_EVERY: Final = 2
_LOOP_CANCELS_EVERY: Final = 0.1
_JOB_CANCELS_EVERY: Final = 2.0
"""Seconds; a job is busy giving its slice back."""

_logger = logging.getLogger("strongroom.worker")


async def run(environ: Mapping[str, str]) -> None:
    """Work until SIGTERM or SIGINT. SettingsError tells what is in the way."""
    settings = Settings.from_env(environ)
    database_url, redis_url = _require_urls(settings)
    await check_postgres(database_url)
    await check_redis(redis_url)
    async with open_parts(settings, database_url) as (database, vault):
        stop = asyncio.Event()
        _heed_signals(stop)
        worker = make_worker(redis_url, database, vault, settings)
        settle()
        await work(worker, stop)


@asynccontextmanager
async def open_parts(settings: Settings, database_url: str) -> AsyncGenerator[tuple[Database, Vault]]:
    """The database, once it is migrated, and the vault, once its keyring opens what is there."""
    async with open_current(database_url) as database:
        yield database, await open_vault(settings, database)


def make_worker(
    redis_url: str, database: Database, vault: Vault, settings: Settings | None = None, **options: Any
) -> Worker:
    """An arq worker with our jobs, that writes and reads JSON and keeps no results."""
    schedule = None if settings is None else settings.backfill_schedule
    bounds = BOUNDS if settings is None else Bounds(lag=settings.backfill_max_lag)
    options = {"queue_name": QUEUE, "max_jobs": _JOBS, "poll_delay": 0.1, "health_check_interval": 10} | options
    return Worker(
        functions=[func(work_on_run, name=WORK, timeout=_TIMEOUT, max_tries=TRIES, keep_result=0)],
        cron_jobs=[make_clock(), make_broom(), *([] if schedule is None else [make_schedule(schedule)])],
        redis_pool=connect(redis_url),
        ctx={"database": database, "vault": vault, "engine": Engine(database, vault, bounds=bounds)},
        job_timeout=_TIMEOUT,
        keep_result=0,
        handle_signals=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
        **options,
    )


def make_clock() -> CronJob:
    """Looks for runs every few seconds, and at start: a bell that Redis lost is rung again."""
    seconds = set(range(0, 60, _LOOKS_EVERY))
    return cron(look_for_runs, name="look_for_runs", second=seconds, run_at_startup=True, timeout=10)


def make_broom() -> CronJob:
    """Prunes the log of changes, every ten minutes."""
    return cron(prune_old_changes, name="prune_old_changes", minute=set(range(0, 60, 10)), timeout=_TIMEOUT)


def make_schedule(minutes: int) -> CronJob:
    """Looks for rows to seal, so often: one worker of all at a time."""
    return cron(seal_waiting, name="seal_waiting", minute=set(range(0, 60, minutes)), second=30, timeout=30)


def _require_urls(settings: Settings) -> tuple[str, str]:
    if settings.database_url is None:
        raise SettingsError("DATABASE_URL is not set: a worker by itself has no embedded PostgreSQL")
    if settings.redis_url is None:
        raise SettingsError("REDIS_URL is not set: a worker by itself has no embedded Valkey")
    return settings.database_url, settings.redis_url


async def work(worker: Worker, stop: asyncio.Event) -> None:
    """Run arq's loop until it is told to stop. Raises SettingsError when Redis goes away."""
    running, stopping = asyncio.ensure_future(worker.async_run()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(running, stopping, every=_LOOP_CANCELS_EVERY)
        await _close(worker)
    if not running.cancelled() and (error := running.exception()) is not None:
        raise SettingsError(f"Redis does not answer any more: {type(error).__name__}")


async def _close(worker: Worker) -> None:
    """End a worker's jobs, which give their slices back, and its connections.

    Not arq's own close: that one asks redis-py for what it has deprecated, and gives up at the first job's error.
    """
    await end_tasks(*worker.tasks.values(), every=_JOB_CANCELS_EVERY)
    await worker.ctx["engine"].close()
    try:
        await worker.pool.delete(worker.health_check_key)
        await worker.pool.aclose(close_connection_pool=True)
    except (RedisError, OSError) as error:
        _logger.warning("closing Redis failed: %s", type(error).__name__)


def _heed_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def configure_logs() -> None:
    """One line an event to standard error. arq would log each job, and Alembic that it has nothing to do."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    for name in ("arq", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
