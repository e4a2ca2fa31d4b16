"""The one reader of the change log behind all who watch."""

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest

import gql.change_stream
import gql.changes
from db.change_log import Batch
from db.sessions import Database
from gql.change_stream import ChangeStream
from tests.gql.live.listening import set_port


async def test_a_slow_watcher_is_ended_and_can_go_on(
    api: Any, client: Any, world: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not keep up is ended, and hears everything when it goes on; others do not wait for it."""
    monkeypatch.setattr(gql.change_stream, "_WAITING_LIMIT", 3)
    stream: ChangeStream = api.service.changes
    async with aclosing(stream.watch(None)) as slow, aclosing(stream.watch(None)) as quick:
        cursor = (await anext(slow)).position
        await anext(quick)
        for number in range(9001, 9008):
            await set_port(client, world, number)
            while not (await anext(quick)).changes:
                pass
        with pytest.raises(gql.change_stream.LimitExceeded):
            await anext(slow)
    async with aclosing(stream.watch(cursor)) as again:
        assert [change.version for change in (await anext(again)).changes] == list(range(2, 9))


async def test_one_reader_for_all_who_watch(api: Any, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many watch, the log is read once a moment, and no more once nobody has watched for a while."""
    monkeypatch.setattr(gql.change_stream, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(gql.change_stream, "POLL_SECONDS", 0.05)
    reads = 0
    read = gql.change_stream.read_batch

    async def count(*given: Any) -> Batch:
        nonlocal reads
        reads += 1
        return await read(*given)

    monkeypatch.setattr(gql.change_stream, "read_batch", count)
    stream = ChangeStream(database, lambda batch: None)
    watching = [stream.watch(None) for _ in range(20)]
    for batches in watching:
        await anext(batches)
    reads, began = 0, time.monotonic()
    while reads < 5:
        await asyncio.sleep(0.1)
    assert reads <= (time.monotonic() - began) / 0.05 + 1
    for batches in watching:
        await batches.aclose()
    async with asyncio.timeout(60):
        while stream._reading:
            await asyncio.sleep(0.02)
    reads = 0
    await asyncio.sleep(0.2)
    assert reads == 0
    async with aclosing(stream.watch(None)) as batches:
        await anext(batches)
        await anext(batches)
    await stream.stop()


async def test_without_a_database(api: Any, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short time without a database is bridged; a long one ends the watching with UNAVAILABLE."""
    monkeypatch.setattr(gql.change_stream, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(gql.change_stream, "_PATIENCE_SECONDS", 2)
    read = gql.change_stream.read_batch
    broken = False

    async def fail(*given: Any) -> Batch:
        if broken:
            raise ConnectionRefusedError
        return await read(*given)

    monkeypatch.setattr(gql.change_stream, "read_batch", fail)
    stream = ChangeStream(database, lambda batch: None)
    async with aclosing(stream.watch(None)) as batches:
        await anext(batches)
        broken = True
        await asyncio.sleep(0.2)
        broken = False
        await anext(batches)
        broken = True
        await asyncio.sleep(0.1)  # a reading that had begun
        with pytest.raises(gql.change_stream.Unavailable):
            await anext(batches)
    await stream.stop()


async def test_an_old_cursor_makes_nothing_stale(
    api: Any, client: Any, world: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who brings an old cursor, as anybody may again and again, hears of changes that are long known here: nothing is
    forgotten for it that others resolve from memory. What is not known here yet is forgotten before it is told."""
    monkeypatch.setattr(gql.change_stream, "POLL_SECONDS", 60)
    told: list[Batch] = []
    stream = ChangeStream(database, told.append)
    old = (await anext(stream.watch(None))).position
    for port in (9001, 9002):
        await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": port}})
    stream.wake()
    while not any(batch.changes for batch in told):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": 9003}})
    for new in (True, False, False):
        told.clear()
        async with aclosing(stream.watch(old)) as batches:
            assert len((await anext(batches)).changes) == 3
        assert [len(batch.changes) for batch in told] == [1] if new else [0]
        stream.wake()
        await asyncio.sleep(0.1)
    await stream.stop()
