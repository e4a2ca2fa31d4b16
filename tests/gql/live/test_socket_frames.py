import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from db.errors import Forbidden, LimitExceeded, Unavailable
from gql.frames import MAX_MESSAGE
from tests.gql.live.stage import INIT, SECRET, TOKEN, WAIT


def subscribe(**payload: Any) -> dict[str, Any]:
    return {"type": "subscribe", "id": "1", "payload": payload}


FRAMES: list[tuple[list[Any], int]] = [
    ([b"\0\1\2"], 4400),
    ([json.dumps(INIT).encode()], 4400),
    ([""], 4400),
    (["no JSON"], 4400),
    (["null"], 4400),
    (["[]"], 4400),
    (['"text"'], 4400),
    (["1e999"], 4400),
    (["9" * 5_000], 4400),
    (["[" * 100_000], 4400),
    (['{"type": "ping", "type": "ping"}'], 4400),
    ([{}], 4400),
    ([{"type": None}], 4400),
    ([{"type": ["ping"]}], 4400),
    ([{"type": "unknown"}], 4400),
    ([{"type": "next", "id": "1", "payload": {}}], 4400),
    ([{"type": "start", "id": "1", "payload": {"query": "{ hello }"}}], 4400),
    ([{"type": "connection_init", "payload": [1]}], 4400),
    ([{"type": "connection_init", "payload": {"Authorization": 5}}], 4400),
    ([{"type": "connection_init", "payload": {"Authorization": "Bearer é"}}], 4400),
    ([{"type": "connection_init", "payload": {"Authorization": TOKEN, "authorization": TOKEN}}], 4400),
    ([{"type": "ping", "payload": 1}], 4400),
    ([{"type": "complete"}], 4400),
    ([{"type": "subscribe", "payload": {"query": "{ hello }"}}], 4400),
    ([{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}], 4400),
    ([{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}], 4400),
    ([{"type": "subscribe", "id": "x" * 256, "payload": {"query": "{ hello }"}}], 4400),
    ([{"type": "subscribe", "id": "1"}], 4400),
    ([INIT, subscribe()], 4400),
    ([INIT, subscribe(query=5)], 4400),
    ([INIT, subscribe(query="{ hello }", variables=[1])], 4400),
    ([INIT, subscribe(query="{ hello }", variables={"a": "\0"})], 4400),
    ([subscribe(query="{ hello }")], 4401),
    ([{"type": "connection_init"}], 4403),
    ([{"type": "connection_init", "payload": {"Authorization": "Bearer nobody"}}], 4403),
    ([{"type": "connection_init", "payload": {"Authorization": "\r\nx: y"}}], 4403),
    ([INIT, subscribe(query=WAIT), subscribe(query=WAIT)], 4409),
    ([INIT, INIT], 4429),
    (["x" * (MAX_MESSAGE + 1)], 1009),
    (["x" * 10_000_000], 1009),
    ([b"x" * 10_000_000], 1009),
]


async def test_frames_of_any_shape(stage: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is sent is answered with the close code that the protocol has for it, and nothing is logged."""
    caplog.set_level(logging.DEBUG)
    for frames, code in FRAMES:
        async with stage.connect(ready=False) as socket:
            with suppress(ConnectionClosed):  # The close comes while the rest of a large message is still sent.
                for frame in frames:
                    await socket.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)
            assert (await socket.wait_closed())[0] == code, str(frames)[:100]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    await stage.wait_idle()


async def test_callers_that_cannot_be_known(stage: Any) -> None:
    """The close tells a client whether another token, or another time, may help."""
    closed: list[tuple[int, str]] = []
    for error in (Forbidden("no"), LimitExceeded("wait"), Unavailable(), RuntimeError(SECRET)):
        stage.revoke(error)
        async with stage.connect(ready=False) as socket:
            await socket.send(**INIT)
            closed.append(await socket.wait_closed())
    assert [code for code, _ in closed] == [4403, 1013, 1013, 4500]
    assert SECRET not in str(closed)


@pytest.mark.parametrize("stage", [{"init_seconds": 0.1}], indirect=True)
async def test_who_says_nothing_is_not_waited_for(stage: Any) -> None:
    """A connection whose client does not introduce itself is closed; one that did stays."""
    async with stage.connect() as ready, stage.connect(ready=False) as silent:
        assert (await silent.wait_closed())[0] == 4408
        await ready.send(type="ping")
        assert await ready.receive() == {"type": "pong"}


async def test_other_subprotocols_are_refused(stage: Any) -> None:
    """The legacy protocol, or none at all, is not spoken."""
    for offered in (None, [Subprotocol("graphql-ws")], [Subprotocol("graphql-ws"), Subprotocol("other")]):
        async with connect(f"ws://127.0.0.1:{stage.port}/graphql", subprotocols=offered) as connection:
            await connection.wait_closed()
            assert connection.subprotocol is None
            assert connection.close_code == 4406


async def test_the_right_subprotocol_among_others(stage: Any) -> None:
    """Clients that offer the legacy protocol too are answered in the new one."""
    names = [Subprotocol("graphql-ws"), Subprotocol("graphql-transport-ws")]
    async with stage.connect(subprotocols=names) as socket:
        assert socket.connection.subprotocol == "graphql-transport-ws"


async def test_a_token_in_the_handshake(stage: Any) -> None:
    """The token may come with the handshake's header; one in connection_init comes before it."""
    async with stage.connect(ready=False, additional_headers={"authorization": TOKEN}) as socket:
        await socket.send(type="connection_init")
        assert (await socket.receive())["type"] == "connection_ack"
    async with stage.connect(ready=False, additional_headers={"authorization": TOKEN}) as socket:
        await socket.send(type="connection_init", payload={"authorization": "Bearer nobody"})
        assert (await socket.wait_closed())[0] == 4403


@pytest.mark.parametrize("stage", [{"origins": ("https://console.example.com",)}], indirect=True)
async def test_pages_of_other_origins_cannot_connect(stage: Any) -> None:
    """A browser's page connects from this service's own origin and from those that are configured."""
    for origin in ("https://console.example.com", f"http://127.0.0.1:{stage.port}"):
        async with stage.connect(origin=Origin(origin)):
            pass
    for origin in ("https://evil.example.com", "http://127.0.0.1", "null", "https://console.example.com.evil.com"):
        with pytest.raises(InvalidStatus) as refused:
            async with stage.connect(origin=Origin(origin)):
                pass
        assert refused.value.response.status_code == 403


async def test_pings(stage: Any) -> None:
    """A ping is answered, before the introduction too, with what it brought; a pong is taken as it comes."""
    async with stage.connect(ready=False) as socket:
        await socket.send(type="pong", payload={"a": 1})
        await socket.send(type="ping", payload={"a": 1})
        assert await socket.receive() == {"type": "pong", "payload": {"a": 1}}


async def test_the_server_logs_no_query_strings(stage: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What a client puts where a token does not belong is not logged, nor is any message, whatever the level."""
    caplog.set_level(logging.DEBUG)
    async with connect(
        f"ws://127.0.0.1:{stage.port}/graphql?token={SECRET}", subprotocols=[Subprotocol("graphql-transport-ws")]
    ) as connection:
        await connection.send(json.dumps({**INIT, "payload": {"Authorization": SECRET}}))
        await connection.wait_closed()
    ours = [record for record in caplog.records if not record.name.startswith("websockets.client")]
    assert SECRET not in " ".join(record.getMessage() for record in ours)
