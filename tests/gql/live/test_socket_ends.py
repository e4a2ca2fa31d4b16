import asyncio
from typing import Any

import pytest

from db.errors import Unavailable
from tests.gql.live.stage import WAIT
from tests.timing import within


async def test_complete_ends_a_subscription_at_its_source(stage: Any) -> None:
    """Who completes an operation hears no more of it, its source is closed, and its id is free again."""
    async with stage.connect() as socket:
        await socket.subscribe("a", WAIT)
        await socket.receive()
        await socket.send(id="a", type="complete")
        await socket.send(id="unknown", type="complete")
        await socket.subscribe("a", "{ hello }")
        assert await socket.receive_all() == [
            {"id": "a", "type": "next", "payload": {"data": {"hello": "hello"}}},
            {"id": "a", "type": "complete"},
        ]
        assert stage.waiting == 0
        await socket.subscribe("b", "{ slow }")
        await socket.subscribe("c", WAIT)
        await socket.receive()
    await stage.wait_idle()


async def test_revocation_while_nothing_happens(stage: Any) -> None:
    """A token that no longer holds ends an idle connection within a second, with a clean close."""
    async with stage.connect() as socket:
        await socket.subscribe("a", WAIT)
        await socket.receive()
        stage.revoke()
        with within(1):
            assert await socket.wait_closed() == (4403, "Forbidden")
    await stage.wait_idle()


async def test_revocation_before_the_next_event(stage: Any) -> None:
    """No event leaves after the token was revoked, however soon it comes."""
    async with stage.connect() as socket:
        await socket.subscribe("a", WAIT)
        await socket.receive()
        stage.revoke()
        stage.next.put_nowait(1)
        with pytest.raises(Exception, match="4403"):
            await socket.receive()


async def test_an_unreachable_database_is_no_revocation(stage: Any) -> None:
    """When a token cannot be checked the connection ends all the same, but clients come back by themselves."""
    async with stage.connect() as socket:
        stage.revoke(Unavailable())
        assert (await socket.wait_closed())[0] == 1013


async def test_shutdown(stage: Any, serve: Any) -> None:
    """A server that stops says so, closes sources, and opens nothing more."""
    async with stage.connect() as socket:
        await socket.subscribe("a", WAIT)
        await socket.receive()
        stopping = asyncio.create_task(stage.lines.stop())
        assert await socket.wait_closed() == (1001, "Going away")
        await stopping
        await stage.wait_idle()
    async with stage.connect(ready=False) as late:
        assert (await late.wait_closed())[0] == 1001


async def test_a_server_that_stops(stage: Any, serve: Any) -> None:
    """The server's own end is told to every line, idle or not, and does not wait for them."""
    other = type(stage)()
    server = serve(other.make_app(), other.lines)
    other.port = await server.__aenter__()
    async with other.connect() as socket, other.stream(WAIT) as stream:
        await socket.subscribe("a", WAIT)
        await socket.receive()
        assert await stream.receive() == ":"
        await stream.receive()
        with within(5):
            stopping = asyncio.create_task(server.__aexit__(None, None, None))
            assert await socket.wait_closed() == (1001, "Going away")
            assert await stream.receive_all() == []
            await stopping
    await other.wait_idle()


async def test_too_many_connections(stage: Any) -> None:
    """A process holds so many connections; the next may come back later."""
    stage.lines._limit = 1
    async with stage.connect(), stage.connect(ready=False) as second:
        assert (await second.wait_closed())[0] == 1013


async def test_who_does_not_read_costs_little(stage: Any) -> None:
    """Events wait for their reader: none are made for who does not take them, and shutdown does not wait for it."""
    async with stage.connect(max_queue=1) as socket:
        await socket.subscribe("a", "subscription { large(size: 1000000) }")
        await asyncio.sleep(0.3)
        asked = stage.asked
        await asyncio.sleep(0.3)
        assert stage.asked <= asked + 3
        await stage.lines.stop(0.2)
        socket.connection.transport.abort()
