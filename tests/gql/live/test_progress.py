"""The subscription backfillProgress, on the real application over a real database."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, text

import gql.progress
from db.access import Principal
from db.errors import Forbidden, NotFound, Unavailable
from db.sessions import Database
from gql.progress import INTERVAL, Progress
from tests.timing import within

QUERY = "subscription ($id: ID!) { backfillProgress(id: $id) { id status processed rowsPerSecond } }"

Change = Callable[[str], Awaitable[None]]


@pytest.fixture
def change(database: Database) -> Change:
    """Changes the one run, as a worker does, by an assignment in SQL."""

    async def run(assignment: str) -> None:
        async with database.engine.begin() as connection:
            await connection.execute(text(f"UPDATE backfill_runs SET {assignment}"))

    return run


@pytest.fixture
async def run_id(client: Any) -> str:
    """A run that no worker takes up."""
    return (await client.run("StartBackfill", input={"kind": "SEAL"}))["startBackfill"]["run"]["id"]


@pytest.fixture
async def port(api: Any, serve: Any) -> AsyncIterator[int]:
    async with serve(api.app, api.service.lines) as port:
        yield port


async def watch(socket: Any) -> dict[str, Any]:
    message = await socket.receive()
    assert message["type"] == "next", message
    return message["payload"]["data"]["backfillProgress"]


async def test_a_run_from_beginning_to_end(api: Any, port: int, connect_to: Any, run_id: str, change: Change) -> None:
    """The run comes at once, then whenever it changes and not more often than promised, and completes when over."""
    async with connect_to(port, await api.make_token("backfill:run")) as socket:
        await socket.subscribe("a", QUERY, variables={"id": run_id})
        assert await watch(socket) == {"id": run_id, "status": "ENQUEUED", "processed": 0, "rowsPerSecond": None}
        await change("status = 'running', started_at = now()")
        assert (await watch(socket))["status"] == "RUNNING"
        times = [time.monotonic()]
        for error in ("one", "two", "three"):
            await change(f"error = '{error}'")
            await watch(socket)
            times.append(time.monotonic())
        assert min(later - earlier for earlier, later in pairwise(times)) > INTERVAL * 0.9
        await change("status = 'succeeded', finished_at = now()")
        assert (await watch(socket))["status"] == "SUCCEEDED"
        assert await socket.receive() == {"id": "a", "type": "complete"}
        await socket.subscribe("a", QUERY, variables={"id": run_id})
        assert [message["type"] for message in await socket.receive_all()] == ["next", "complete"]


async def test_the_throttle_and_the_time_left(
    api: Any, port: int, connect_to: Any, run_id: str, change: Change, database: Database
) -> None:
    """A run that begins to hold back is news, and says why; each event has the time left as it is then. A rate that
    changes by itself is none."""
    query = "subscription ($id: ID!) { backfillProgress(id: $id) { status secondsLeft throttledBy } }"
    plant = "INSERT INTO backfill_slices (run_id, number, source, total) VALUES (:run, 1, 'configs', 90)"
    async with database.engine.begin() as connection:
        await connection.execute(text(plant), {"run": uuid.UUID(run_id)})
    async with connect_to(port, await api.make_token("backfill:run")) as socket:
        await socket.subscribe("a", query, variables={"id": run_id})
        assert await watch(socket) == {"status": "ENQUEUED", "secondsLeft": None, "throttledBy": None}
        await change("status = 'running', sampled_at = now(), recent_rate = 3")
        assert await watch(socket) == {"status": "RUNNING", "secondsLeft": 30, "throttledBy": None}
        await change("recent_rate = 2")
        await asyncio.sleep(INTERVAL * 3)
        await change("throttled_at = now(), throttled_by = 'a replica is 9.0 s behind'")
        told = {"status": "RUNNING", "secondsLeft": 45, "throttledBy": "a replica is 9.0 s behind"}
        assert await watch(socket) == told


@pytest.mark.parametrize(
    ("permissions", "limits", "id", "code"),
    [
        (["config:read"], {}, None, "FORBIDDEN"),
        (["backfill:run"], {"organization_ids": []}, None, "FORBIDDEN"),
        (["backfill:run"], {}, str(uuid.UUID(int=1)), "NOT_FOUND"),
        (["backfill:run"], {}, "no id", "BAD_USER_INPUT"),
    ],
)
async def test_who_may_not(
    api: Any, port: int, connect_to: Any, run_id: str, permissions: Any, limits: Any, id: str | None, code: str
) -> None:
    """The same callers may watch a run who may ask for it once."""
    token = await api.make_token(*permissions, **limits)
    async with connect_to(port, token) as socket:
        await socket.subscribe("a", QUERY, variables={"id": id or run_id})
        [refused] = await socket.receive_all()
        assert refused["payload"][0]["extensions"]["code"] == code


async def test_revoked_and_expired_tokens(
    api: Any, client: Any, port: int, connect_to: Any, run_id: str, database: Database
) -> None:
    """Revoked here, revoked by another process, or expired: the watching ends within a second."""
    made = await client.run("CreateToken", input={"name": "x", "permissions": ["backfill:run"]})
    token = made["createToken"]
    expiry = datetime.now(UTC) + timedelta(seconds=4)
    soon = await api.make_token("backfill:run", expires_at=expiry, name="soon")
    there = await api.make_token("backfill:run", name="there")
    async with (
        connect_to(port, token["token"]) as here,
        connect_to(port, soon) as expiring,
        connect_to(port, there) as elsewhere,
    ):
        for socket in (here, expiring, elsewhere):
            await socket.subscribe("a", QUERY, variables={"id": run_id})
            await watch(socket)
        with within(1):
            await client.run("RevokeToken", id=token["id"])
            async with database.engine.begin() as connection:
                await connection.execute(text("UPDATE tokens SET revoked_at = now() WHERE name = 'there'"))
            closed = await asyncio.gather(here.wait_closed(), elsewhere.wait_closed())
        with within((expiry - datetime.now(UTC)).total_seconds() + 1):
            closed.append(await expiring.wait_closed())
        assert closed == [(4403, "Forbidden")] * 3


async def test_one_poller_for_all_who_watch(database: Database, admin: Principal, run_id: str) -> None:
    """However many watch a run, the database is asked once an interval, and no more when nobody is left."""
    asked: list[float] = []

    def count(*_: Any) -> None:
        asked.append(time.monotonic())

    progress = Progress()
    watching = [progress.watch(database, admin, uuid.UUID(run_id)) for _ in range(20)]
    for rows in watching:
        await anext(rows)
    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    try:
        waiting = [asyncio.create_task(anext(rows)) for rows in watching]
        began = time.monotonic()
        while len(asked) < 3:
            await asyncio.sleep(INTERVAL)
        assert len(asked) <= (time.monotonic() - began) / INTERVAL + 1
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(2 * INTERVAL)
        asked.clear()
        await asyncio.sleep(2 * INTERVAL)
        assert asked == []
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", count)
        await progress.stop()


async def test_who_comes_later_hears_nothing_older(
    database: Database, admin: Principal, run_id: str, change: Change
) -> None:
    """A watcher that joins between two looks is not shown a state from before its first."""
    progress = Progress()
    first = progress.watch(database, admin, uuid.UUID(run_id))
    await anext(first)
    waiting = asyncio.create_task(anext(first))
    await asyncio.sleep(INTERVAL * 1.5)
    await change("status = 'running'")
    second = progress.watch(database, admin, uuid.UUID(run_id))
    assert (await anext(second)).status == "running"
    later = asyncio.create_task(anext(second))
    assert (await waiting).status == "running"
    await asyncio.sleep(INTERVAL * 2)
    assert not later.done()
    await change("status = 'failed', error = 'why'")
    assert (await later).error == "why"
    await progress.stop()


async def test_a_database_that_does_not_answer(
    database: Database, admin: Principal, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment without a database is waited out; a long one, or a run that is gone, is told to who watches."""
    monkeypatch.setattr(gql.progress, "INTERVAL", 0.01)
    find_run = gql.progress.find_run
    errors: list[Exception] = [Unavailable()] * 19

    async def find(session: Any, principal: Principal, id: uuid.UUID) -> Any:
        if errors and principal is not admin:
            raise errors.pop()
        return await find_run(session, principal, id)

    monkeypatch.setattr(gql.progress, "find_run", find)
    progress = Progress()
    async with database.engine.begin() as connection:
        watching = progress.watch(database, admin, uuid.UUID(run_id))
        await anext(watching)
        await connection.execute(text("UPDATE backfill_runs SET status = 'running'"))
    assert (await anext(watching)).status == "running"
    errors.extend([Unavailable()] * 30)
    with pytest.raises(Unavailable):
        await anext(watching)
    errors.clear()
    watching = progress.watch(database, admin, uuid.UUID(run_id))
    await anext(watching)
    errors.append(NotFound("backfill run"))
    with pytest.raises(NotFound):
        await anext(watching)
    with pytest.raises(Forbidden):
        await anext(progress.watch(database, Principal(uuid.uuid4(), "x", frozenset()), uuid.UUID(run_id)))
