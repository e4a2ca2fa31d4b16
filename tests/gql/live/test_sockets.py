import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from db.errors import Forbidden, LimitExceeded, Unavailable
from gql.frames import MAX_MESSAGE
from gql.sockets import MAX_OPERATIONS

SECRET = "hunter2-hunter2"
TOKEN = "Bearer let-me-in"
WAIT = "subscription { wait { number } }"
INIT = {"type": "connection_init", "payload": {"Authorization": TOKEN}}


def subscribe(**payload: Any) -> dict[str, Any]:
    return {"type": "subscribe", "id": "1", "payload": payload}


async def test_a_subscription_from_beginning_to_end(stage: Any) -> None:
    """Every event comes as `next`, then `complete`; and the caller was asked for again before each."""
    async with stage.connect() as socket:
        await socket.subscribe("a", "subscription ($to: Int!) { count(to: $to) { number asked } }", variables={"to": 3})
        *events, last = await socket.receive_all()
    assert last == {"id": "a", "type": "complete"}
    assert [event["payload"]["data"]["count"]["number"] for event in events] == [1, 2, 3]
    asked = [event["payload"]["data"]["count"]["asked"] for event in events]
    assert asked == sorted(set(asked))
    assert {(event["id"], event["type"]) for event in events} == {("a", "next")}


async def test_queries_and_mutations_too(stage: Any) -> None:
    """A WebSocket answers every operation, with null-safe parameters, and what is unknown beside them ignored."""
    async with stage.connect() as socket:
        await socket.subscribe("a", "{ hello }", variables=None, operationName=None, extensions=None, key=1)
        assert await socket.receive_all() == [
            {"id": "a", "type": "next", "payload": {"data": {"hello": "hello"}}},
            {"id": "a", "type": "complete"},
        ]
        await socket.subscribe("a", "mutation ($t: String!) { add(text: $t) }", variables={"t": "é"})
        assert (await socket.receive_all())[0]["payload"] == {"data": {"add": "é"}}


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("{ hello", {}, "BAD_USER_INPUT"),
    ("{ nothing }", {}, "BAD_USER_INPUT"),
    ("subscription { a: wait { number } wait { number } }", {}, "BAD_USER_INPUT"),
    ("subscription { wait @skip(if: true) { number } }", {}, "BAD_USER_INPUT"),
    ("subscription ($to: Int!) { count(to: $to) { number } }", {"to": SECRET}, "BAD_USER_INPUT"),
    ("query A { hello } query B { hello }", {}, "BAD_USER_INPUT"),
    ("{" + "hello " * 501 + "}", {}, "LIMIT_EXCEEDED"),
    ("#" * 70_000 + "\n{ hello }", {}, "LIMIT_EXCEEDED"),
    ("subscription { refused(late: false) { number } }", {}, "CONFLICT"),
]


async def test_operations_that_cannot_begin(stage: Any) -> None:
    """The same rules and limits as over HTTP; a refusal ends its operation and nothing else."""
    async with stage.connect() as socket:
        for query, variables, code in BROKEN:
            await socket.subscribe("a", query, variables=variables)
            [message] = await socket.receive_all()
            assert (message["id"], message["type"]) == ("a", "error")
            assert message["payload"][0]["extensions"]["code"] == code
            assert SECRET not in json.dumps(message)
        await socket.subscribe("a", "{ hello }")
        assert (await socket.receive())["type"] == "next"


async def test_failures_on_the_way(stage: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What fails after the first event ends the operation with an error; the unexpected is not told, and logged
    without its text."""
    caplog.set_level(logging.DEBUG)
    async with stage.connect() as socket:
        for query in ("subscription { refused(late: true) { number } }", "subscription { failing { number } }"):
            await socket.subscribe("a", query)
            event, error = await socket.receive_all()
            assert event["type"] == "next"
            assert error["type"] == "error"
        assert error["payload"][0]["extensions"]["code"] == "INTERNAL"
        assert error["payload"][0]["extensions"]["reference"] in caplog.text
        await socket.subscribe("b", "{ broken }")
        answer, complete = await socket.receive_all()
        assert complete["type"] == "complete"
        assert answer["payload"]["errors"][0]["path"] == ["broken"]
    assert SECRET not in caplog.text


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


async def test_a_limit_of_operations(stage: Any) -> None:
    """One connection runs so many operations at once; the next is refused, and runs once another has ended."""
    async with stage.connect() as socket:
        for number in range(MAX_OPERATIONS + 1):
            await socket.subscribe(str(number), WAIT)
        messages = [await socket.receive() for _ in range(MAX_OPERATIONS + 1)]
        [refused] = [message for message in messages if message["type"] == "error"]
        assert refused["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
        await socket.send(id="0", type="complete")
        await socket.subscribe(refused["id"], WAIT)
        assert (await socket.receive())["type"] == "next"


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
        started = time.monotonic()
        assert await socket.wait_closed() == (4403, "Forbidden")
        assert time.monotonic() - started < 1
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
        started = time.monotonic()
        stopping = asyncio.create_task(server.__aexit__(None, None, None))
        assert await socket.wait_closed() == (1001, "Going away")
        assert await stream.receive_all() == []
        await stopping
    assert time.monotonic() - started < 5
    await other.wait_idle()


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
