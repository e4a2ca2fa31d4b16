"""Subscriptions over server-sent events: what comes, what is refused, and what breaks off."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import strongroom.subscribing
from strongroom import (
    AsyncStrongroom,
    Forbidden,
    Internal,
    NotFound,
    Strongroom,
    StrongroomError,
    Unauthenticated,
    Unavailable,
)
from strongroom.api import BackfillKind, StartBackfillInput
from tests.sdk.servers import SECRET, TOKEN, OddServer, reply

Serve = Callable[..., OddServer]
DOCUMENT = "subscription ($id: ID!) { backfillProgress(id: $id) { id status } }"
NOBODY = "00000000-0000-0000-0000-000000000001"

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def subscribe(url: str, token: str, asynchronous: bool, variables: dict[str, Any]) -> list[dict[str, Any]]:
    """All that a subscription tells."""

    async def listen() -> list[dict[str, Any]]:
        async with AsyncStrongroom(url, token=token) as client:
            return [data async for data in client.subscribe(DOCUMENT, variables)]

    if asynchronous:
        return asyncio.run(listen())
    with Strongroom(url, token=token) as client:
        return list(client.subscribe(DOCUMENT, variables))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_subscription(asynchronous: bool, service: Any, admin: Strongroom, make_token: Callable[..., str]) -> None:
    """It gives the data of each event until it completes; what is refused is raised."""
    run = admin.api.start_backfill(StartBackfillInput(kind=BackfillKind.VERIFY)).start_backfill.run
    admin.api.cancel_backfill(run.id)
    told = subscribe(service.url, service.token, asynchronous, {"id": run.id})
    assert told == [{"backfillProgress": {"id": run.id, "status": "CANCELLED"}}]
    refusals: list[tuple[str, str, type[StrongroomError]]] = [
        (service.token, NOBODY, NotFound),
        (make_token("config:read"), run.id, Forbidden),
        ("x" * 40, run.id, Unauthenticated),
    ]
    for token, id, kind in refusals:
        with pytest.raises(kind):
            subscribe(service.url, token, asynchronous, {"id": id})


@pytest.mark.parametrize("asynchronous", [False, True])
def test_streams_that_are_odd(asynchronous: bool, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are put together however they are cut; a stream that is cut, silent, endless or none is an error."""
    monkeypatch.setattr(strongroom.subscribing, "LIMIT", 100_000)

    def refuse(answer: Any, kind: type[StrongroomError]) -> None:
        with pytest.raises(kind) as refused:
            subscribe(serve(answer).url, TOKEN, asynchronous, {"value": SECRET})
        assert SECRET not in repr(refused.value)

    event = b'event: next\r\ndata: {"data": {"a": 1}}\r\n\r\n: a comment\n\n'
    whole = event + b'event: next\ndata: {"data": {"a": 2}}\n\nevent: complete\ndata:\n\n'
    for size in (1, 7, len(whole)):
        parts = [chunk(whole[at : at + size]) for at in range(0, len(whole), size)]
        told = subscribe(serve(b"".join([HEAD, *parts])).url, TOKEN, asynchronous, {})
        assert told == [{"a": 1}, {"a": 2}]
    refuse(HEAD + chunk(event) + b"0\r\n\r\n", Unavailable)
    refuse(_cut(HEAD + chunk(event)), Unavailable)
    refuse(HEAD + chunk(b"data: " + b" " * 200_000), Internal)
    refuse(HEAD + chunk(b"event: next\ndata: planted-secret\n\n"), Internal)
    refuse(reply(b'{"data": {"a": 1}}'), Internal)
    refuse(reply(b"<html>planted-secret</html>", "200 OK", "text/html"), Internal)
    refuse(reply(b"", "302 Found", "text/html", "Location: http://127.0.0.1:1"), Internal)
    refuse(reply(b"", "503 Busy"), Unavailable)


def _cut(answer: bytes) -> Callable[[bytes], Iterator[bytes]]:
    def cut(_: bytes) -> Iterator[bytes]:
        yield answer
        raise OSError

    return cut
