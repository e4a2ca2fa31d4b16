"""Clients of servers that are hostile, broken or none: nothing leaks, nothing hangs."""

import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import strongroom.answers
from strongroom import Internal, Strongroom, StrongroomError, Unavailable
from strongroom.errors import make_error
from tests.sdk.clients import refuse
from tests.sdk.servers import ANSWER, GOOD, ORGANIZATION, SECRET, TOKEN, OddServer, reply
from tests.timing import allowed

Serve = Callable[..., OddServer]


def test_a_good_answer(serve: Serve, dial: Callable[..., Any]) -> None:
    """The servers of these tests are understood when they answer well, compressed too."""
    packed = reply(gzip.compress(GOOD), "200 OK", "application/json", "Content-Encoding: gzip")
    for answer in (reply(GOOD), packed):
        assert dial(serve(answer).url).resolve("halo", ORGANIZATION)["api_key"] == SECRET


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_redirects_are_not_followed(status: str, serve: Serve, dial: Callable[..., Any]) -> None:
    """The token goes to the address it is for, and nowhere else; the error says that it was a redirect."""
    other = serve(reply(GOOD))
    for target in (f"{other.url}/graphql", "/elsewhere"):
        first = serve(reply(b"", status, "text/html", f"Location: {target}"))
        assert "redirect" in str(refuse(dial(first.url), Internal))
        assert len(first.seen) == 1
    assert other.seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>planted-secret</html>",
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": {}}',
        b'{"data": {"resolve": null}}',
        b'{"data": {"resolve": {"config": {"api_key": "planted-secret"}}}}',
        b'{"errors": []}',
        b'{"errors": {}}',
        b'{"errors": "planted-secret"}',
        b'{"errors": ["planted-secret"]}',
        b'{"errors": [null]}',
        b"[" * 200_000,
        b'{"data": ' + b'{"a":' * 200_000,
        b"1" * 10_000,
        b"\xff\xfe\x00",
        b'\xef\xbb\xbf{"data"',
        json.dumps({"data": {"resolve": {**ANSWER, "entries": 5}}}).encode(),
        json.dumps({"data": {"resolve": {**ANSWER, "config": SECRET}}}).encode(),
        json.dumps({"data": {"resolve": {**ANSWER, "missing": None}}}).encode(),
    ],
    ids=range(22),
)
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_what_is_no_answer(body: bytes, kind: str, serve: Serve) -> None:
    """Whatever a server says, a client raises one of its own errors, with nothing of it."""
    with Strongroom(serve(reply(body, "200 OK", kind)).url, token=TOKEN, retries=0) as client:
        refuse(client, Internal)


@pytest.mark.parametrize(
    "extensions",
    [
        None,
        [],
        "text",
        {"code": 5},
        {"code": ["FORBIDDEN"]},
        {"code": "BAD_USER_INPUT", "problems": [5, {"path": 3}, {"path": [1], "message": "real"}]},
        {"code": "BAD_USER_INPUT", "problems": 7},
        {"code": "UNDECRYPTABLE", "keys": 5},
        {"code": "LIMIT_EXCEEDED", "retryAfter": "soon"},
        {"code": "CONFLICT", "currentVersions": 5},
        {"code": "INTERNAL", "reference": {}},
    ],
)
def test_errors_that_are_odd(extensions: Any) -> None:
    """An error whose extensions are not what they should be is an error still, and its properties are usable."""
    error: Any = make_error({"message": {"odd": 1}, "extensions": extensions})
    assert isinstance(error, StrongroomError)
    for name in ("problems", "keys", "current_versions"):
        assert len(getattr(error, name, ())) in (0, 1)
    assert getattr(error, "retry_after", None) is None
    assert getattr(error, "reference", None) is None


def test_an_answer_that_is_too_long(serve: Serve, dial: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is given up once it is longer than any of the service's, compressed or not; a bomb is not unpacked."""
    monkeypatch.setattr(strongroom.answers, "LIMIT", 1_000_000)
    zeros = b" " * 2_000_000
    pressed = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(pressed.compress(bytes(10**6)) for _ in range(30)) + pressed.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = (b"10000\r\n" + b" " * 0x10000 + b"\r\n" for _ in range(10**9))
    packed = ("200 OK", "application/json", "Content-Encoding: gzip")
    for answer in (reply(zeros), reply(bomb, *packed), lambda _: iter((head, *_take(endless, 40)))):
        assert "long" in str(refuse(dial(serve(answer).url), Internal))
    for broken in (reply(b"no gzip", *packed), reply(bomb[:50], "200 OK", "application/json", "Content-Encoding: br")):
        refuse(dial(serve(broken).url), Internal)


def _take(parts: Iterator[bytes], count: int) -> list[bytes]:
    return [part for _, part in zip(range(count), parts, strict=False)]


def test_an_answer_that_drips(serve: Serve, dial: Callable[..., Any]) -> None:
    """`timeout` is that of the whole answer: one that comes byte by byte is given up too."""

    def drip(_: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        for _turn in range(100_000):
            time.sleep(0.05)
            yield b" "

    started = time.monotonic()
    refuse(dial(serve(drip).url, timeout=0.4), Unavailable)
    assert time.monotonic() - started < allowed(10)


def test_only_what_is_safe_is_sent_again(serve: Serve) -> None:
    """A query that is broken off is sent again; a mutation is not, whatever breaks it off."""
    # Without the last header the next request may be lost on a connection that is about to be closed.
    busy = reply(b"", "503 Busy", "text/plain", "Connection: close")
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", busy, b"no HTTP\r\n\r\n"):

        def cut(_: bytes, answer: bytes = answer) -> Iterator[bytes]:
            yield answer
            raise OSError

        server = serve(cut)
        with Strongroom(server.url, token=TOKEN, retries=1, timeout=20) as client:
            for document, count in (("{ a }", 2), ("mutation { a }", 1), ("subscription { a }", 1)):
                server.seen.clear()
                with pytest.raises(Unavailable):
                    client.execute(document)
                assert len(server.seen) == count
