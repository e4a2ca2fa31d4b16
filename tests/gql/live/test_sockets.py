import json
import logging
from typing import Any

import pytest

from gql.sockets import MAX_OPERATIONS
from tests.gql.live.stage import SECRET, WAIT


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
