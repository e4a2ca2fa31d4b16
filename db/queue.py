"""The queue: it rings the workers' bell. Jobs are called by name and carry ids only, as JSON.

arq would pickle: whoever can write to Redis could then run code where the keys are.
"""

import asyncio
import json
import logging
import uuid
from typing import Any, Final, cast

from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

QUEUE: Final = "strongroom:queue"
"""The sorted set that arq keeps its jobs in."""

WORK: Final = "work_on_run"
"""The job that works on one backfill run for a while; its argument is the run's id."""

_PATIENCE: Final = 2.0
"""Seconds to wait for Redis before the bell is left to the workers' clock."""

_logger = logging.getLogger("strongroom.queue")


class Queue:
    """Rings the bell. What it rings for is in PostgreSQL already, and found without it a moment later."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)

    async def enqueue_run(self, run_id: uuid.UUID) -> None:
        """Have a run worked on; to be called once its transaction has committed.

        Redis being out of reach is logged and no more: the workers look for runs every few seconds.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                await ring(self._redis, run_id)
        except (RedisError, OSError, TimeoutError) as error:
            _logger.warning("run %s is not enqueued: %s", run_id, type(error).__name__)

    async def ping(self) -> None:
        """Ask whether Redis answers. Raises RedisError, OSError or TimeoutError."""
        async with asyncio.timeout(_PATIENCE):
            await cast("Any", self._redis).ping()

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose(close_connection_pool=True)


async def ring(redis: ArqRedis, run_id: uuid.UUID) -> None:
    """Enqueue one job for a run, under a fresh id: arq refuses an id that it still knows."""
    await redis.enqueue_job(WORK, str(run_id), _job_id=uuid.uuid4().hex)


def connect(redis_url: str) -> ArqRedis:
    """A client with our queue and serializer. It connects when it is first used.

    The URL is read by redis-py: arq's own reading leaves %-escapes in passwords and paths as they are, and
    knows nothing of rediss:// parameters.
    """
    from_url = cast("Any", ConnectionPool).from_url
    pool: ConnectionPool = from_url(redis_url, socket_connect_timeout=_PATIENCE, socket_timeout=10)
    redis = ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize, default_queue_name=QUEUE)
    redis.auto_close_connection_pool = True
    return redis


def serialize(job: dict[str, Any]) -> bytes:
    """A job as JSON. What is no JSON (arq's own exceptions, in results that nobody keeps) goes by its type."""
    return json.dumps(job, default=lambda thing: type(thing).__name__).encode()


def deserialize(raw: bytes) -> dict[str, Any]:
    """The job of `serialize`."""
    job: dict[str, Any] = json.loads(raw)
    return job
