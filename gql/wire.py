"""HTTP on the wire: what begins a request is bounded, and what is no request is refused in JSON like all else.

uvicorn's own protocol keeps the beginning of a request whatever its length, before anybody is asked who sends it; it
takes what follows a body in chunks for headers; and it refuses in plain text, with a line in the log for each.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from db.errors import LimitExceeded
from gql.headers import complete_headers
from gql.negotiation import JSON
from gql.replies import Refusal, refuse_request, reply_failure

MAX_URL: Final = 256 * 2**10
"""Bytes of a URL: a query of 64 KiB fits into it, escaped."""

MAX_HEADERS: Final = 64 * 2**10
"""Bytes of all headers of a request: the longest JWT fits into them three times."""

MAX_PIPELINED: Final = 100
"""Requests of one connection that wait for the answer to one before them."""

HEAD_SECONDS: Final = 30.0
"""How long the beginning of a request may take to come."""

_MAX_HANDSHAKE_LINE: Final = 8_000
_MAX_HANDSHAKE_HEADERS: Final = 120
"""Of a WebSocket's handshake: past a little more its own protocol gives up without a word."""

_KEPT: Final = ("allow", "upgrade")

_logger: Final = logging.getLogger("uvicorn.error")
"""The one that the server keeps quiet: at DEBUG, handshakes are logged with their headers."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _is_whole = False
    """Whether the beginning of the current request has been read to its end."""
    _begun = 0
    """Bytes of a beginning that is not whole yet, as far as they are counted."""
    _fault: Refusal | None = None
    _patience: asyncio.TimerHandle | None = None
    _seconds = HEAD_SECONDS
    _answering: RequestResponseCycle | None = None
    """The request that is being answered, which `cycle` is not where others wait behind it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; it is not waited for without end."""
        super().connection_made(transport)  # pyright: ignore[reportArgumentType] - uvicorn's own narrowing
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, and whoever answers it hears of it."""
        self._stop_waiting()
        self._give_up_answering()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came. What is no request, or begins too long, ends the connection."""
        self._unset_keepalive_if_required()
        parser: Any = self.parser
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self._refuse(self._fault or refuse_request(400, "no HTTP request"))
        else:
            if not self._is_whole:
                self._count(len(data))

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_whole, self._begun = False, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the URL has come."""
        if len(self.url) + len(url) > MAX_URL:
            self._give_up(414, f"the URL is longer than {MAX_URL} bytes")
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come. What comes behind a body is none: no proxy has looked at it."""
        if self._is_whole:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The beginning of a request has been read."""
        self._is_whole = True
        self._stop_waiting()
        parser: Any = self.parser
        if sum(len(name) + len(value) for name, value in self.headers) > MAX_HEADERS:
            self._give_up(431, f"the headers are longer than {MAX_HEADERS} bytes")
        if len(self.pipeline) >= MAX_PIPELINED:
            self._give_up(429, f"more than {MAX_PIPELINED} requests wait on this connection")
        if parser.should_upgrade() and not self._should_upgrade() and _has_body(self.headers):
            # The parser leaves the body unread: it would be taken for the next request.
            self._fault = refuse_request(400, "a request with a body, which asks for another protocol")
            raise ValueError
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on, if its client opens a WebSocket as it should."""
        url: bytes = cast("Any", self).url
        refusal = _find_fault(self.scope["method"], url, self.headers)
        if refusal is not None:
            self._refuse(refusal)
            return
        super().handle_websocket_upgrade()

    def _count(self, length: int) -> None:
        """Of a beginning that comes in pieces: the parser keeps them all until a header ends."""
        self._begun += length
        if self._begun > MAX_URL + MAX_HEADERS:
            self._refuse(_too_long(431, "the request begins too long"))
        elif self._patience is None:
            self._wait()

    def _give_up(self, status: int, told: str) -> None:
        # The parser stops at an exception, and `data_received` hears of it.
        self._fault = _too_long(status, told)
        raise ValueError(told)

    def _wait(self) -> None:
        self._patience = self.loop.call_later(self._seconds, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self._answers:
            self._wait()  # Whatever else it sends meanwhile.
        elif self._begun:
            self._refuse(refuse_request(408, "the request does not come"))
        else:
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    @property
    def _answers(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _give_up_answering(self) -> None:
        """Uvicorn itself tells the last request that came, and not the one that is being answered."""
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, unless an answer is on its way already, and end the connection."""
        self._stop_waiting()
        if self._answering is None or not self._answers or not self._answering.response_started:
            self.transport.write(_write(refusal))
        if self._answers:
            # It would be answered behind the refusal.
            self._give_up_answering()
        self.transport.close()


def _too_long(status: int, told: str) -> Refusal:
    return Refusal(status, LimitExceeded(told))


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0") for name, value in headers
    )


def _find_fault(method: str, url: bytes, headers: list[tuple[bytes, bytes]]) -> Refusal | None:
    """Why a handshake opens no WebSocket; None if it does."""
    longest = max((len(url), *(len(name) + len(value) for name, value in headers)))
    if longest > _MAX_HANDSHAKE_LINE or len(headers) > _MAX_HANDSHAKE_HEADERS:
        return _too_long(431, "the handshake is too long")
    told = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    # Asked of a protocol that is not the connection's: whoever is refused by that one has it written in plain text.
    response = ServerProtocol(logger=_logger).accept(Request(url.decode("latin-1"), told, method))
    if response.status_code == 101:
        return None
    kept = {name: value for name, value in response.headers.raw_items() if name.lower() in _KEPT}
    return refuse_request(response.status_code, "no handshake of a WebSocket", kept)


def _write(refusal: Refusal) -> bytes:
    reply = reply_failure(refusal)
    length = str(len(reply.body)).encode()
    headers = [(b"content-type", f"{JSON}; charset=utf-8".encode()), (b"content-length", length)]
    headers.extend((name.lower().encode(), value.encode()) for name, value in _closing(reply.headers).items())
    complete_headers(headers)
    lines = [STATUS_LINE[reply.status], *(b"%s: %s\r\n" % header for header in headers), b"\r\n", reply.body]
    return b"".join(lines)


def _closing(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {**headers, "connection": "close"}
