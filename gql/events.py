"""GraphQL over server-sent events, in its distinct-connections mode: one operation, one response."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from starlette.types import Receive, Send

from gql.callers import CallerRefused
from gql.failures import describe
from gql.lines import Finished, Line, Stopping, limit_send
from gql.negotiation import EVENTS
from gql.operations import list_errors
from gql.payloads import write_json
from gql.replies import ClientGone, Reply

ALIVE_SECONDS: Final = 12.0
"""After how much silence a comment shows proxies that the stream is alive."""

# Lines end with \n alone: there are clients that know no other.
_COMMENT: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_HEADERS: Final = (
    (b"content-type", f"{EVENTS}; charset=utf-8".encode()),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
)


def wrap(reply: Reply) -> Reply:
    """One answer as a whole stream."""
    return reply._replace(status=200, body=_write_next(reply.body) + _COMPLETE)


async def stream_events(line: Line, answers: AsyncGenerator[bytes], receive: Receive, send: Send) -> None:
    """Send answers as they come, until the last of them or the line's end. A stream that the service breaks off
    has no `complete`, so that clients open it again."""
    stream = _Stream(limit_send(send))
    line.start(stream.send_all(answers))
    line.start(stream.keep_alive())
    line.start(_wait_for_client(receive))
    await stream.close(await line.wait())


class _Stream:
    def __init__(self, send: Send) -> None:
        self._send_raw = send
        self._started = False

    async def send_all(self, answers: AsyncGenerator[bytes]) -> None:
        """Send each answer; Finished after the last."""
        await self._send(_COMMENT)
        async with aclosing(answers) as coming:
            async for answer in coming:
                await self._send(_write_next(answer))
        raise Finished

    async def keep_alive(self) -> None:
        """Send a comment every now and then."""
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            await self._send(_COMMENT)

    async def close(self, reason: BaseException) -> None:
        """Say why the stream ends, and end it."""
        if isinstance(reason, ClientGone):
            return
        try:
            await self._send(_write_last(reason), more=False)
        except ClientGone:
            return

    async def _send(self, body: bytes, *, more: bool = True) -> None:
        if not self._started:
            self._started = True
            await self._send_raw({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await self._send_raw({"type": "http.response.body", "body": body, "more_body": more})


def _write_next(answer: bytes) -> bytes:
    return b"event: next\ndata: " + answer + b"\n\n"


def _write_last(reason: BaseException) -> bytes:
    if isinstance(reason, Finished):
        return _COMPLETE
    if isinstance(reason, Stopping):
        return b""
    errors = _list_errors(reason)
    if isinstance(reason, CallerRefused) and errors[0]["extensions"]["code"] == "UNAVAILABLE":
        return b""
    return _write_next(write_json({"errors": errors})) + _COMPLETE


def _list_errors(reason: BaseException) -> list[dict[str, Any]]:
    if isinstance(reason, CallerRefused):
        return [describe(reason.error)]
    return list_errors(reason) if isinstance(reason, Exception) else [describe(reason)]


async def _wait_for_client(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientGone
