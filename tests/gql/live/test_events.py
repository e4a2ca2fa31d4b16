import asyncio
import json
from typing import Any

import httpx
import pytest

import gql.events
from db.errors import Unavailable
from tests.timing import within

SECRET = "hunter2-hunter2"
TOKEN = "Bearer let-me-in"
WAIT = "subscription { wait { number } }"
COMPLETE = "event: complete\ndata:"


def show(answer: dict[str, Any]) -> str:
    return f"event: next\ndata: {json.dumps(answer, separators=(',', ':'), ensure_ascii=False)}"


def read(block: str) -> dict[str, Any]:
    assert block.startswith("event: next\ndata: {")
    return json.loads(block.removeprefix("event: next\ndata: "))


async def test_a_subscription_from_beginning_to_end(stage: Any) -> None:
    """Every event comes as `next`, then `complete`, its lines end with a line feed alone, and nothing may cache it."""
    async with stage.stream("subscription { count(to: 3) { number } }") as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store, no-transform"
        blocks = await stream.receive_all()
    assert blocks == [*(show({"data": {"count": {"number": number}}}) for number in (1, 2, 3)), COMPLETE]
    await stage.wait_idle()


async def test_other_operations_too(stage: Any) -> None:
    """A query or a mutation is a stream of one answer, and so is a refusal."""
    for query, answer in (
        ("{ hello }", {"data": {"hello": "hello"}}),
        ('mutation { add(text: "é\\n\\n") }', {"data": {"add": "é\n\n"}}),
    ):
        async with stage.stream(query) as stream:
            assert await stream.receive_all() == [show(answer), COMPLETE]
    for query, code in (("{ nothing }", "BAD_USER_INPUT"), ("{", "BAD_USER_INPUT"), ("{ broken }", "INTERNAL")):
        async with stage.stream(query) as stream:
            assert stream.response.status_code == 200
            block, complete = await stream.receive_all()
        assert complete == COMPLETE
        assert read(block)["errors"][0]["extensions"]["code"] == code
        assert SECRET not in block


async def test_failures_of_a_source(stage: Any) -> None:
    """What a source of events raises ends the stream with the error."""
    for query, before, code in (
        ("subscription { refused(late: false) { number } }", 0, "CONFLICT"),
        ("subscription { refused(late: true) { number } }", 1, "CONFLICT"),
        ("subscription { failing { number } }", 1, "INTERNAL"),
    ):
        async with stage.stream(query) as stream:
            *events, error, complete = await stream.receive_all()
        assert len(events) == before
        assert read(error)["errors"][0]["extensions"]["code"] == code
        assert complete == COMPLETE


async def test_by_get_for_queries_and_subscriptions(stage: Any) -> None:
    """A browser's EventSource can only GET; a mutation is refused there as ever."""
    url = f"http://127.0.0.1:{stage.port}/graphql"
    headers = {"accept": "text/event-stream", "authorization": TOKEN}
    async with httpx.AsyncClient(headers=headers) as http:
        stream = await http.get(url, params={"query": "subscription { count(to: 1) { number } }"})
        assert stream.text.endswith(f"{show({'data': {'count': {'number': 1}}})}\n\n{COMPLETE}\n\n")
        refused = await http.get(url, params={"query": 'mutation { add(text: "x") }'})
        assert (refused.status_code, refused.headers["content-type"]) == (405, "application/json; charset=utf-8")


async def test_refusals_before_the_operation_are_plain_http(stage: Any) -> None:
    """A missing token, or a body that is none, is answered as over HTTP, in JSON."""
    async with stage.stream("{ hello }", token="Bearer nobody") as stream:
        assert stream.response.status_code == 401
        assert (await stream.response.aread()).startswith(b'{"errors"')
    async with stage.stream("{ hello }", headers={"content-encoding": "gzip"}) as stream:
        assert stream.response.status_code == 415


async def test_only_who_prefers_events_gets_them(stage: Any) -> None:
    """Clients that name events last get JSON, and a subscription asked for in JSON is refused."""
    accept = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
    async with stage.stream("{ hello }", headers={"accept": accept}) as stream:
        assert await stream.response.aread() == b'{"data":{"hello":"hello"}}'
    async with stage.stream(WAIT, headers={"accept": accept}) as stream:
        assert stream.response.status_code == 400
        assert b"text/event-stream or a WebSocket" in await stream.response.aread()


async def test_revocation_while_nothing_happens(stage: Any) -> None:
    """A token that no longer holds ends an idle stream within a second: the error, then `complete`."""
    async with stage.stream(WAIT) as stream:
        assert await stream.receive() == ":"
        await stream.receive()
        stage.revoke()
        with within(1):
            error, complete = await stream.receive_all()
    assert read(error)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert complete == COMPLETE
    await stage.wait_idle()


async def test_revocation_before_the_next_event(stage: Any) -> None:
    """No event leaves after the token was revoked."""
    async with stage.stream(WAIT) as stream:
        assert await stream.receive() == ":"
        await stream.receive()
        stage.revoke()
        stage.next.put_nowait(1)
        blocks = await stream.receive_all()
    assert [read(block).get("data") for block in blocks[:-1]] == [None]


async def test_streams_that_the_service_breaks_off(stage: Any) -> None:
    """On shutdown, or when no token can be checked, a stream ends without `complete`: clients open it again."""
    async with stage.stream(WAIT) as stream:
        await stream.receive()
        stage.revoke(Unavailable())
        assert len(await stream.receive_all()) == 1
    stage.tokens = {TOKEN: None}
    async with stage.stream(WAIT) as stream:
        await stream.receive()
        await stage.lines.stop()
        assert len(await stream.receive_all()) == 1
    async with stage.stream(WAIT) as stream:
        assert stream.response.status_code == 503


async def test_who_hangs_up(stage: Any) -> None:
    """A client that is gone leaves nothing behind."""
    async with stage.stream(WAIT) as stream:
        await stream.receive()
        assert len(stage.lines) == 1
    await stage.wait_idle()


async def test_comments_keep_a_stream_alive(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing happens, comments show that the stream is alive."""
    monkeypatch.setattr(gql.events, "ALIVE_SECONDS", 0.02)
    async with stage.stream(WAIT) as stream:
        blocks = [await stream.receive() for _ in range(4)]
    assert blocks.count(":") == 3
    await asyncio.sleep(0)
