"""The queue: jobs by name, ids only, as JSON; Redis away is no failure of what was committed."""

import json
import logging
import uuid
from typing import Any, cast

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from db.queue import QUEUE, WORK, Queue, serialize

RUN = uuid.UUID(int=1)


async def test_jobs_are_json_and_hold_ids_only(queue, redis_url):
    """What is in Redis is JSON with the run's id: nothing to unpickle, and no value."""
    await queue.enqueue_run(RUN)
    with redis.Redis.from_url(redis_url) as client:
        (id,) = cast("Any", client.zrange(QUEUE, 0, -1))
        job = json.loads(cast("Any", client.get(b"arq:job:" + id)))
    assert (job["f"], job["a"], job["k"]) == (WORK, [str(RUN)], {})


async def test_fresh_ids(queue, redis_url):
    """The same run can be enqueued while arq still knows its last job."""
    for _ in range(2):
        await queue.enqueue_run(RUN)
    with redis.Redis.from_url(redis_url) as client:
        assert client.zcard(QUEUE) == 2


async def test_a_bell_that_cannot_ring_is_logged(caplog):
    """Redis out of reach: enqueueing is logged by type, and refuses nothing."""
    queue = Queue("unix://:p4ssword@/nowhere.sock")
    with caplog.at_level(logging.WARNING):
        await queue.enqueue_run(RUN)
    await queue.close()
    assert f"run {RUN} is not enqueued: ConnectionError" in caplog.text
    assert "p4ssword" not in caplog.text


async def test_ping(queue):
    """A ping tells whether Redis answers."""
    await queue.ping()
    lost = Queue("unix:///nowhere.sock")
    with pytest.raises(RedisConnectionError):
        await lost.ping()
    await lost.close()


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (
            "redis://user:p%40ss@host:1234/5",
            {"username": "user", "password": "p@ss", "host": "host", "port": 1234, "db": 5},
        ),
        ("rediss://host/1?ssl_ca_certs=/ca.pem", {"host": "host", "db": 1, "ssl_ca_certs": "/ca.pem"}),
        ("unix://:p%40ss@/run/a%20b.sock?db=2", {"password": "p@ss", "path": "/run/a b.sock", "db": 2}),
    ],
)
async def test_urls(url, wanted):
    """Every form of REDIS_URL is read, with what is escaped in it."""
    queue = Queue(url)
    given = queue._redis.connection_pool.connection_kwargs
    assert {name: given.get(name) for name in wanted} == wanted
    await queue.close()


def test_what_is_no_json_goes_by_its_type():
    """Arq puts exceptions into results: their text, which may hold a value, does not get there."""
    assert serialize({"r": ValueError("s3cret")}) == b'{"r": "ValueError"}'
