"""Callbacks of `on_change` that do what they should not, and events that hold what lines do not."""

import asyncio
import contextlib
import gc
import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import strongroom.subscribing
from strongroom import AsyncStrongroom, Change, SettingsError, Strongroom
from strongroom.async_listening import AsyncStream
from tests.sdk.conftest import wait_until
from tests.sdk.servers import GOOD, ORGANIZATION, TOKEN, OddServer, reply
from tests.sdk.test_subscribing import HEAD, chunk
from tests.timing import within

Serve = Callable[..., OddServer]

ODD = "a\u2028b\u0085c\u000bd\u001ce"
"""What ends a line for `str.splitlines`, and not in a stream of events."""


def make_event(number: int, name: str = "halo", **more: Any) -> bytes:
    change = {"integrationId": "i", "integration": name, "organizationId": "o", "keys": [name], "version": number}
    told = {"cursor": f"c{number}", "reset": False, "more": False, "changes": [change]} | more
    data = json.dumps({"data": {"configChanged": told}}, ensure_ascii=False)
    return f"event: next\ndata: {data}\n\n".encode()


def feed(
    *events: bytes, size: int = 1 << 20, begins: threading.Event | None = None
) -> Callable[[bytes], Iterator[bytes]]:
    """A service that resolves, and whose feed brings these events, in parts of so many bytes, once it `begins`, and
    then stays open."""
    ends = threading.Event()

    def answer(request: bytes) -> Iterator[bytes]:
        if b"SdkConfigChanged" not in request:
            yield reply(GOOD)
            return
        yield HEAD
        if begins is not None:
            begins.wait(20)
        whole = b"".join(events)
        for at in range(0, len(whole), size):
            yield chunk(whole[at : at + size])
        ends.wait(20)

    return answer


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_name_does_not_end_a_line(size: int, serve: Serve, dial: Callable[..., Any]) -> None:
    """Names and keys with characters that end a line elsewhere are heard whole, however the stream is cut."""
    begins = threading.Event()
    server = serve(feed(make_event(1), make_event(2, ODD), make_event(3), size=size, begins=begins))
    heard: list[Change] = []
    dial(server.url).on_change(heard.append)
    begins.set()  # What came before the callback it would be told of by the reset alone.
    wait_until(lambda: len(heard) == 4)
    assert heard[2] == Change("i", ODD, "o", (ODD,), 2)
    assert len(server.seen) == 1


def test_a_line_that_does_not_end(serve: Serve, dial: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up where it is longer than any event: the feed begins again, and memory stays bounded."""
    monkeypatch.setattr(strongroom.subscribing, "LIMIT", 10_000)
    server = serve(feed(make_event(1), b"data: " + b" " * 20_000))
    heard: list[Change] = []
    dial(server.url).on_change(heard.append)
    wait_until(lambda: len(server.seen) > 1)


def test_who_comes_later_is_told_of_a_reset_too(serve: Serve, dial: Callable[..., Any]) -> None:
    """The first call of every callback is a reset, though the feed has long begun; nobody else is told it again."""
    client = dial(serve(feed(make_event(1))).url, cache=True)
    client.resolve("halo", ORGANIZATION)
    wait_until(lambda: client.feed_age is not None)
    first: list[Change] = []
    second: list[Change] = []
    client.on_change(first.append)
    wait_until(lambda: first == [Change(reset=True)])
    client.on_change(second.append)
    wait_until(lambda: second == [Change(reset=True)])
    assert first == [Change(reset=True)]


def test_a_feed_that_is_refused_is_told_of(
    serve: Serve, dial: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits for changes that are not to come finds in the log why, once: the token may not, or does not hold."""
    told = b'event: next\ndata: {"errors": [{"message": "needs config:resolve"}]}\n\nevent: complete\ndata:\n\n'
    for answer, why in (
        (HEAD + chunk(told) + b"0\r\n\r\n", "needs config:resolve"),
        (reply(b"", "401 No"), "status 401"),
    ):
        server = serve(answer)
        caplog.clear()
        dial(server.url).on_change(lambda _: None)
        wait_until(lambda server=server: len(server.seen) > 2)
        told_of = [record.getMessage() for record in caplog.records if "not to be had" in record.getMessage()]
        assert len(told_of) == 1
        assert why in told_of[0]


def test_a_callback_that_ends_the_process(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """On its thread it can do no such thing: the other callbacks are called as before."""
    heard: list[Change] = []
    with Strongroom(serve(feed(make_event(1), make_event(2))).url, token=TOKEN) as client:
        client.on_change(lambda change: sys.exit(str(change)))
        wait_until(lambda: "failed: SystemExit" in caplog.text)
        client.on_change(heard.append)
        wait_until(lambda: len(heard) >= 1)


async def test_a_callback_that_is_cancelled(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """One that waits for something that somebody cancels is no reason to call no more; that somebody ends the client
    is, and cancels it in turn."""
    heard: list[Change] = []
    cancelled: list[str] = []
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()

    async def fail(_: Change) -> None:
        await gone

    async def wait(change: Change) -> None:
        heard.append(change)
        if len(heard) == 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append("yes")
                raise

    async with AsyncStrongroom(serve(feed(make_event(1), make_event(2))).url, token=TOKEN) as client:
        client.on_change(fail)
        client.on_change(wait)
        while len(heard) < 3:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert cancelled == ["yes"]
    assert "failed: CancelledError" in caplog.text


def test_a_callback_may_close_its_client(serve: Serve) -> None:
    """Either client ends by what one of its callbacks does, at once."""
    server = serve(feed(make_event(1)))
    closed = threading.Event()
    client = Strongroom(server.url, token=TOKEN)

    def close(_: Change) -> None:
        client.close()
        closed.set()

    async def use() -> None:
        asynchronous = AsyncStrongroom(server.url, token=TOKEN)
        done = asyncio.Event()

        async def end(_: Change) -> None:
            await asynchronous.close()
            done.set()

        asynchronous.on_change(end)
        await asyncio.wait_for(done.wait(), 20)
        with pytest.raises(SettingsError, match="closed"):
            await asynchronous.resolve("halo", ORGANIZATION)

    with within(3):
        client.on_change(close)
        assert closed.wait(20)
        asyncio.run(use())


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_another_event_loop(serve: Serve) -> None:
    """An asynchronous client that is used in a second event loop says so, instead of failing now and then."""
    client = AsyncStrongroom(serve(feed(make_event(1))).url, token=TOKEN, cache=True)
    assert asyncio.run(client.resolve("halo", ORGANIZATION))["port"] == 443
    with pytest.raises(SettingsError, match="event loop"):
        asyncio.run(client.resolve("other", ORGANIZATION))

    async def listen(client: AsyncStrongroom) -> None:
        client.on_change(lambda _: None)

    with pytest.raises(SettingsError, match="event loop"):
        asyncio.run(listen(client))
    asyncio.run(client.close())
    del client
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("closes", [True, False])
def test_a_cancellation_that_is_lost(closes: bool, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client ends, and a program that forgets to close it, though the making of a connection swallows that it is to
    end: older versions of anyio do so."""

    async def open_in_spite_of_all(*_: object) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return "gone"

    async def use() -> None:
        client = AsyncStrongroom(server.url, token=TOKEN, cache=True)
        client.on_change(lambda _: None)
        await client.resolve("halo", ORGANIZATION)
        if closes:
            await client.close()

    server = serve(reply(GOOD))
    monkeypatch.setattr(AsyncStream, "open", open_in_spite_of_all)
    with within(3):
        asyncio.run(asyncio.wait_for(use(), 60))
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_end_of_an_event_loop(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A program that forgets to close its client ends all the same, without a word."""

    async def use() -> None:
        client = AsyncStrongroom(serve(feed(make_event(1))).url, token=TOKEN, cache=True)
        client.on_change(lambda _: None)
        await client.resolve("halo", ORGANIZATION)

    with within(3):
        asyncio.run(use())
    gc.collect()
    assert caplog.text == ""
