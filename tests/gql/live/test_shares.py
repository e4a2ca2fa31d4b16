"""How many lines one caller holds: nobody keeps all others out."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gql import lines
from gql.frames import PROTOCOL
from tests.gql.live.stage import Socket

OTHER = "Bearer another-one"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_OF_ONE", 3)
    monkeypatch.setattr(lines, "MAX_STRANGERS", 4)


async def test_one_caller_leaves_room_for_others(stage: Any) -> None:
    """A credential that holds as many lines as it may is told to try again later, over WebSockets and events; another
    one is served; and when a line ends there is room again."""
    stage.tokens[OTHER] = None
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(stage.connect()) for _ in range(3)]
        one_more = await stack.enter_async_context(stage.connect(ready=False))
        await one_more.send(type="connection_init", payload={"Authorization": "Bearer let-me-in"})
        assert (await one_more.wait_closed())[0] == 1013
        async with stage.stream("subscription { wait { number } }") as events:
            assert events.response.status_code == 429
        async with stage.stream("subscription { count(to: 1) { number } }", OTHER) as events:
            assert events.response.status_code == 200
        socket = await stack.enter_async_context(stage.connect(ready=False))
        await socket.introduce(OTHER)
        await held[0].connection.close()
        async with asyncio.timeout(60):
            while len(stage.lines) > 3:
                await asyncio.sleep(0.01)
        await stack.enter_async_context(stage.connect())


async def test_a_token_is_one_caller_however_it_is_written(api: Any, client: Any, port: int) -> None:
    """Capitals, spaces and a second secret make no second caller of a token."""
    made = (await client.run("CreateToken", input={"name": "t", "permissions": ["*"]}))["createToken"]
    rotated = (await client.run(f'mutation {{ rotateToken(id: "{made["id"]}") {{ token }} }}'))["rotateToken"]
    written = [f"Bearer {made['token']}", f"bEARER {made['token']}", f"BEARER   {rotated['token']}"]
    options: dict[str, Any] = {"subprotocols": [Subprotocol(PROTOCOL)]}
    async with AsyncExitStack() as stack:
        for text in [*written, f"bearer {rotated['token']} "]:
            connection = await stack.enter_async_context(connect(f"ws://127.0.0.1:{port}/graphql", **options))
            socket = Socket(connection)
            await socket.send(type="connection_init", payload={"Authorization": text})
            if text in written:
                assert (await socket.receive())["type"] == "connection_ack"
            else:
                assert (await socket.wait_closed())[0] == 1013


async def test_strangers_leave_room_for_callers(stage: Any) -> None:
    """WebSockets that do not say who they are hold a part of the lines only: events of known callers, and WebSockets
    that have introduced themselves, go on."""
    async with AsyncExitStack() as stack:
        known = await stack.enter_async_context(stage.connect())
        for _ in range(4):
            await stack.enter_async_context(stage.connect(ready=False))
        one_more = await stack.enter_async_context(stage.connect(ready=False))
        assert (await one_more.wait_closed())[0] == 1013
        await known.subscribe("1", "{ hello }")
        assert (await known.receive())["payload"]["data"] == {"hello": "hello"}
