"""HTTP below the application: what is no request, or one without an end, costs little and is refused in JSON."""

import asyncio
import json
import logging
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from gql.frames import PROTOCOL
from gql.socket_wire import MAX_FRAGMENTS
from gql.wire import MAX_HEADERS, MAX_PIPELINED, MAX_URL, HttpProtocol
from tests.gql.live.stage import WAIT

POST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
TOKEN = b"Authorization: Bearer let-me-in\r\n"
HELLO = b'{"query": "{ hello }"}'
ENDLESS = json.dumps({"query": WAIT}).encode()
EVENTS = POST + TOKEN + b"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s" % (len(ENDLESS), ENDLESS)
KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
UPGRADE = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" + KEY
SPOKEN = b"Sec-WebSocket-Protocol: " + PROTOCOL.encode() + b"\r\n"


async def send(port: int, *parts: bytes, pause: float = 0.02) -> bytes:
    """All that comes back, until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(60):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def read_refusal(answer: bytes) -> tuple[int, str]:
    """The status and the code of a refusal, which is JSON and kept by nobody."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert "content-type: application/json; charset=utf-8" in lines
    assert "cache-control: no-store" in lines
    return int(lines[0].split()[1]), json.loads(body)["errors"][0]["extensions"]["code"]


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "no HTTP": (b"hello\r\n\r\n", 400, "BAD_USER_INPUT"),
    "a method of nobody's": (b"FROB / HTTP/1.1\r\n\r\n", 400, "BAD_USER_INPUT"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "BAD_USER_INPUT"),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "BAD_USER_INPUT"),
    "a length and chunks": (
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400, "BAD_USER_INPUT",
    ),
    "an encoding of the transfer": (POST + TOKEN + b"Transfer-Encoding: gzip\r\n\r\n{}", 400, "BAD_USER_INPUT"),
    "a URL without end": (b"GET /" + b"x" * (MAX_URL + 1) + b" HTTP/1.1\r\n\r\n", 414, "LIMIT_EXCEEDED"),
    "a header without end": (POST + b"X: " + b"x" * (MAX_HEADERS + 1) + b"\r\n\r\n", 431, "LIMIT_EXCEEDED"),
    "headers without end": (POST + b"X: x\r\n" * MAX_HEADERS + b"\r\n", 431, "LIMIT_EXCEEDED"),
    "a token without end": (
        POST + b"Authorization: Bearer " + b"x" * MAX_HEADERS + b"\r\n\r\n", 431, "LIMIT_EXCEEDED",
    ),
    "a handshake without a key": (
        b"GET /graphql HTTP/1.1\r\n" + UPGRADE.replace(KEY, b"") + b"\r\n", 400, "BAD_USER_INPUT",
    ),
    "a handshake of another version": (
        b"GET /graphql HTTP/1.1\r\n" + UPGRADE.replace(b"13", b"7") + b"\r\n", 400, "BAD_USER_INPUT",
    ),
    "a handshake by POST": (b"POST /graphql HTTP/1.1\r\n" + UPGRADE + b"\r\n", 405, "BAD_USER_INPUT"),
    "a handshake with a long header": (
        b"GET /graphql HTTP/1.1\r\n" + UPGRADE + b"Cookie: " + b"x" * 9_000 + b"\r\n\r\n", 431, "LIMIT_EXCEEDED",
    ),
    "a handshake with many headers": (
        b"GET /graphql HTTP/1.1\r\n" + UPGRADE + b"x: y\r\n" * 200 + b"\r\n", 431, "LIMIT_EXCEEDED",
    ),
    "a handshake elsewhere": (b"GET /nowhere HTTP/1.1\r\n" + UPGRADE + b"\r\n", 403, "FORBIDDEN"),
    "a handshake from another origin": (
        b"GET /graphql HTTP/1.1\r\n" + UPGRADE + b"Origin: https://evil.example\r\n\r\n", 403, "FORBIDDEN",
    ),
}  # fmt: skip


async def test_what_is_no_request(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever cannot be read, or begins too long, is refused in JSON, and nobody fills the log with it."""
    caplog.set_level(logging.DEBUG)
    told = {name: read_refusal(await send(port, request)) for name, (request, *_) in REFUSED.items()}
    assert told == {name: tuple(expected) for name, (_, *expected) in REFUSED.items()}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("beginning", [b"GET /", POST + b"X: ", POST + b"X", b"\r\n"])
async def test_a_beginning_without_end_is_not_kept(stage: Any, beginning: bytes) -> None:
    """One that never ends is refused after a few hundred KiB, however slowly it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    filler = b"\r\n" * 4_096 if beginning == b"\r\n" else b"x" * 8_192
    writer.write(beginning)
    sent = 0
    try:
        async with asyncio.timeout(60):
            while sent < 2 * (MAX_URL + MAX_HEADERS):
                writer.write(filler)
                await writer.drain()
                sent += len(filler)
                await asyncio.sleep(0)
                if reader.at_eof() or writer.is_closing():
                    break
            answer = await reader.read()
    except ConnectionError:
        answer = b"HTTP/1.1 431"
    finally:
        writer.close()
    assert answer[9:12] in (b"414", b"431")


async def test_what_follows_a_body_is_no_header(stage: Any) -> None:
    """Trailers are nobody's word: no token is taken from there, nor where a request came from."""
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(HELLO), HELLO)
    close = b"Connection: close\r\n"
    smuggled = await send(stage.port, POST + close + chunks + TOKEN + b"\r\n")
    assert smuggled.startswith(b"HTTP/1.1 401")
    honest = await send(stage.port, POST + TOKEN + close + chunks + b"\r\n")
    assert honest.startswith(b"HTTP/1.1 200")
    assert b'{"data":{"hello":"hello"}}' in honest


async def test_a_body_that_asks_for_another_protocol(stage: Any) -> None:
    """A request with a body that asks to go on in a protocol nobody speaks here is refused, and its connection ends:
    its body, come a moment later, is not taken for the next request, whose answer somebody else would get."""
    second = POST + TOKEN + b"Content-Length: %d\r\n\r\n%s" % (len(HELLO), HELLO)
    for body in (b"Content-Length: %d\r\n\r\n" % len(second), b"Transfer-Encoding: chunked\r\n\r\n"):
        first = POST + TOKEN + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + body
        answer = await send(stage.port, first, second)
        assert read_refusal(answer) == (400, "BAD_USER_INPUT")
        assert answer.count(b"HTTP/1.1") == 1


async def test_another_protocol_without_a_body(stage: Any) -> None:
    """A request without a body that asks for another protocol is answered in this one, as HTTP has it."""
    line = b"GET /graphql?query={hello} HTTP/1.1\r\nHost: x\r\n"
    asked = line + TOKEN + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
    answer = await send(stage.port, asked, line + TOKEN + b"Connection: close\r\n\r\n")
    assert answer.count(b'{"data":{"hello":"hello"}}') == 2


async def test_pipelined_without_end(stage: Any) -> None:
    """Requests that are sent without waiting for answers wait in a bounded number; past it the connection ends."""
    more = POST + TOKEN + b"Content-Length: %d\r\n\r\n%s" % (len(HELLO), HELLO)
    answer = await send(stage.port, EVENTS + more * (MAX_PIPELINED + 5))
    assert b"hello" not in answer
    await stage.wait_idle()


async def test_a_stream_ends_with_its_connection(stage: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A client that hangs up ends its stream, though another request waits behind it on the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    more = POST + TOKEN + b"Content-Length: %d\r\n\r\n%s" % (len(HELLO), HELLO)
    writer.write(EVENTS + more)
    async with asyncio.timeout(60):
        while not stage.waiting:
            await asyncio.sleep(0.005)
    writer.close()
    await stage.wait_idle()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_who_does_not_go_on(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that says nothing, or stops in the middle of a header, is not waited for without end; one that waits for
    its answer is."""
    monkeypatch.setattr(HttpProtocol, "_seconds", 0.2)
    assert await send(stage.port) == b""
    assert read_refusal(await send(stage.port, POST)) == (408, "BAD_USER_INPUT")
    waiting = asyncio.create_task(send(stage.port, EVENTS, b"GET /"))
    await asyncio.sleep(1)
    assert not waiting.done()
    waiting.cancel()
    await stage.wait_idle()


def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """A client's frame, masked with zeros."""
    length = struct.pack("!BB", 0x80 * last | opcode, 0x80 | len(payload))
    return length + bytes(4) + payload


BROKEN: dict[str, tuple[Iterable[bytes], int]] = {
    "not UTF-8": ((frame(1, b"\xff\xfe"),), 1007),
    "half a character": ((frame(1, b"\xc3", last=False), frame(0, b"x")), 1007),
    "pieces without end": ((frame(1, b"", last=False) + frame(0, b"", last=False) * (MAX_FRAGMENTS + 10),), 1009),
    "a piece of nothing": ((frame(0, b"x"),), 1002),
    "an opcode of nobody's": ((frame(3, b"x"),), 1002),
    "a long ping": ((struct.pack("!BBH", 0x89, 0xFE, 126) + bytes(130),), 1002),
    "not masked": ((b"\x81\x02{}",), 1002),
    "larger than anything": ((struct.pack("!BBQ", 0x81, 0xFF, 2**62) + bytes(4),), 1009),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_frames(stage: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Frames that no client's library sends are answered with a close and its code, and nothing is logged."""
    caplog.set_level(logging.DEBUG)
    frames, code = BROKEN[name]
    answer = await send(stage.port, b"GET /graphql HTTP/1.1\r\n" + UPGRADE + SPOKEN + b"\r\n", *frames)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert rest[0] == 0x88
    assert struct.unpack("!H", rest[2:4]) == (code,)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    await stage.wait_idle()


async def test_pings_without_end(stage: Any) -> None:
    """Whoever sends pings and reads no pong is cut off before they fill the memory."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port, limit=1_024)
    writer.write(b"GET /graphql HTTP/1.1\r\n" + UPGRADE + SPOKEN + b"\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    pings, sent = frame(9, bytes(125)) * 1_000, 0
    with suppress(ConnectionError):
        async with asyncio.timeout(60):
            while sent < 64 * 2**20:
                writer.write(pings)
                await writer.drain()
                sent += len(pings)
    writer.close()
    assert sent < 64 * 2**20
    await stage.wait_idle()
