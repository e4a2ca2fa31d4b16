"""The direct way on the wire: whatever bytes come, the answer is the one that the application gives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.gql.kit import OPERATIONS

Request = Callable[[bytes, bytes], bytes]
"""Makes the bytes of a request, of a token and a body that is known."""


def make(*headers: bytes, line: bytes = b"POST /graphql HTTP/1.1", times: int = 1, more: bytes = b"") -> Request:
    """A request with these headers beside the usual ones; TOKEN and LENGTH in them are filled in."""

    def write(token: bytes, body: bytes) -> bytes:
        lines = [line, b"Host: strongroom.test", *headers]
        if not any(header.lower().startswith((b"content-length", b"transfer-encoding")) for header in headers):
            lines.append(b"Content-Length: LENGTH")
        head = b"\r\n".join(lines).replace(b"TOKEN", token).replace(b"LENGTH", b"%d" % len(body))
        return (head + b"\r\n\r\n" + body + more) * times

    return write


AUTH, TYPE, CLOSE = b"Authorization: Bearer TOKEN", b"Content-Type: application/json", b"Connection: close"

REQUESTS: dict[str, Request] = {
    "plain": make(AUTH, TYPE, CLOSE),
    "odd case": make(b"aUTHORIZATION: bEARER TOKEN", b"CONTENT-type: APPLICATION/json; charset=UTF-8", CLOSE),
    "spaces": make(b"Authorization:   Bearer   TOKEN  ", TYPE, CLOSE),
    "a tab": make(b"Authorization: Bearer\tTOKEN", TYPE, CLOSE),
    "folded": make(b"Authorization: Bearer\r\n TOKEN", TYPE, CLOSE),
    "a space before the colon": make(b"Authorization : Bearer TOKEN", TYPE, CLOSE),
    "none, then one": make(b"Authorization: Bearer x", AUTH, TYPE, CLOSE),
    "one, then none": make(AUTH, b"Authorization: Bearer x", TYPE, CLOSE),
    "twice the same": make(AUTH, AUTH, TYPE, CLOSE),
    "two in one": make(b"Authorization: Bearer TOKEN, Bearer x", TYPE, CLOSE),
    "basic": make(b"Authorization: Basic TOKEN", TYPE, CLOSE),
    "empty": make(b"Authorization:", TYPE, CLOSE),
    "not ASCII": make(b"Authorization: Bearer TOKEN\xff", TYPE, CLOSE),
    "another type": make(AUTH, b"Content-Type: text/plain", CLOSE),
    "no type": make(AUTH, CLOSE),
    "a form": make(AUTH, b"Content-Type: application/x-www-form-urlencoded", CLOSE),
    "another charset": make(AUTH, b"Content-Type: application/json; charset=utf-16", CLOSE),
    "two types": make(AUTH, TYPE, b"Content-Type: text/plain", CLOSE),
    "encoded": make(AUTH, TYPE, b"Content-Encoding: gzip", CLOSE),
    "another origin": make(AUTH, TYPE, b"Origin: https://evil.example", CLOSE),
    "null origin": make(AUTH, TYPE, b"Origin: null", CLOSE),
    "accept nothing of ours": make(AUTH, TYPE, b"Accept: image/png", CLOSE),
    "accept its own type": make(AUTH, TYPE, b"Accept: application/graphql-response+json", CLOSE),
    "accept events": make(AUTH, TYPE, b"Accept: text/event-stream", CLOSE),
    "a long reason": make(AUTH, TYPE, b"Strongroom-Reason: " + b"x" * 501, CLOSE),
    "forwarded, by nobody trusted": make(AUTH, TYPE, b"X-Forwarded-For: 1.2.3.4", CLOSE),
    "HTTP/1.0": make(AUTH, TYPE, line=b"POST /graphql HTTP/1.0"),
    "HEAD": make(AUTH, TYPE, CLOSE, line=b"HEAD /graphql HTTP/1.1"),
    "GET with a body": make(AUTH, TYPE, CLOSE, line=b"GET /graphql HTTP/1.1"),
    "PUT": make(AUTH, TYPE, CLOSE, line=b"PUT /graphql HTTP/1.1"),
    "a query string": make(AUTH, TYPE, CLOSE, line=b"POST /graphql?query=%7B__schema%7D HTTP/1.1"),
    "an absolute URL": make(AUTH, TYPE, CLOSE, line=b"POST http://evil.example/graphql HTTP/1.1"),
    "an escaped path": make(AUTH, TYPE, CLOSE, line=b"POST /%67raphql HTTP/1.1"),
    "a slash more": make(AUTH, TYPE, CLOSE, line=b"POST /graphql/ HTTP/1.1"),
    "two lengths": make(AUTH, TYPE, b"Content-Length: LENGTH", b"Content-Length: 1", CLOSE),
    "a length and chunks": make(AUTH, TYPE, b"Content-Length: LENGTH", b"Transfer-Encoding: chunked", CLOSE),
    "a shorter length": make(AUTH, TYPE, b"Content-Length: 10", CLOSE),
    "no host": make(AUTH, TYPE, CLOSE, b"Host: another.test"),
    "a body more": make(AUTH, TYPE, CLOSE, more=b"GET /graphql HTTP/1.1\r\n\r\n"),
}


@pytest.fixture
def remembers() -> bool:
    """Here the API resolves from memory."""
    return True


@pytest.fixture
async def ports(api: Any, serve: Any) -> AsyncIterator[tuple[int, int]]:
    """The direct way's port, and that of the application behind it."""
    async with serve(api.app, api.service.lines) as direct, serve(api.app._app, api.service.lines) as behind:
        yield direct, behind


async def send(port: int, request: bytes) -> tuple[list[bytes], bytes]:
    """The head and the body of all that comes back, without what the clock or chance says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return sorted(line for line in head.split(b"\r\n") if not line.startswith(b"date:")), body


async def test_whatever_comes_is_answered_as_by_the_application(api: Any, world: Any, ports: tuple[int, int]) -> None:
    """Odd headers, methods, paths, types and lengths, with a token and a body that are known: status, headers and body
    are the application's own."""
    token = (await api.make_token("config:resolve")).encode()
    variables = {"integration": world.name, "organizationId": world.organization}
    body = json.dumps({"query": OPERATIONS["Resolve"], "variables": variables}).encode()
    known = REQUESTS["plain"](token, body)
    direct, behind = ports
    for name, request in REQUESTS.items():
        for _ in range(2):
            assert b"the-default-key" in (await send(direct, known))[1]
        given = request(token, body)
        assert await send(direct, given) == await send(behind, given), name


async def test_pipelined_requests_are_answered_each_in_its_turn(api: Any, world: Any, ports: tuple[int, int]) -> None:
    """Several requests on one connection, without waiting, of callers that may and that may not: each gets its own."""
    may, may_not = [(await api.make_token(permission)).encode() for permission in ("config:resolve", "config:read")]
    variables = {"integration": world.name, "organizationId": world.organization}
    body = json.dumps({"query": OPERATIONS["Resolve"], "variables": variables}).encode()
    kept = make(AUTH, TYPE)
    last = REQUESTS["plain"](may, body)
    for _ in range(2):
        answer = await send(ports[0], kept(may, body) + kept(may_not, body) + kept(may, body) + last)
        whole = b"\n".join(answer[0]) + answer[1]
        assert (whole.count(b"the-default-key"), whole.count(b"FORBIDDEN")) == (3, 1)
