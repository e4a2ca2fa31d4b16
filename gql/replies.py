"""Answers over HTTP: always JSON, never cached, refusals in GraphQL's form."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.errors import BadInput, Forbidden, NotFound, Problem, StrongroomError
from gql.failures import describe, describe_refusal
from gql.headers import complete_headers
from gql.negotiation import JSON
from gql.payloads import write_json

_STATUSES = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "LIMIT_EXCEEDED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}


class ClientGone(Exception):
    """The client hung up; there is nobody to answer."""


class Refusal(Exception):
    """A refusal that has an HTTP status and headers of its own."""

    def __init__(self, status: int, error: StrongroomError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = headers or {}


class Reply(NamedTuple):
    """An HTTP answer before its media type is put on it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


def refuse_request(status: int, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """A refusal of how the request was made."""
    return Refusal(status, BadInput([Problem((), message)]), headers)


def reply_failure(error: Exception) -> Reply:
    """The answer to a request that never came to be executed; unexpected exceptions are logged."""
    if isinstance(error, Refusal):
        return Reply(error.status, write_errors([describe_refusal(error.error)]), error.headers)
    described = describe(error)
    code = described["extensions"]["code"]
    headers = {"www-authenticate": "Bearer"} if code == "UNAUTHENTICATED" else {}
    if "retryAfter" in described["extensions"]:
        headers["retry-after"] = str(described["extensions"]["retryAfter"])
    return Reply(_STATUSES.get(code, 400), write_errors([described]), headers)


def write_errors(errors: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of an answer without data."""
    return write_json({"errors": errors})


async def send_reply(send: Send, reply: Reply, media: str) -> None:
    """Send an answer as ASGI messages."""
    headers = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *((name.encode(), value.encode()) for name, value in reply.headers.items()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _refuse_socket(send: Send) -> None:
    reply = reply_failure(Refusal(403, Forbidden("no WebSocket here, or not from this origin")))
    headers = [(b"content-type", f"{JSON}; charset=utf-8".encode())]
    complete_headers(headers)
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reply.body})


async def answer_http_exception(_request: Request, error: Exception) -> Response:
    """Starlette's own refusals (404, 405 …) in GraphQL's form: its exception handler for HTTPException."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    refusal = Refusal(404, NotFound("page")) if status == 404 else refuse_request(status, "not possible here")
    reply = reply_failure(refusal)
    headers |= {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(reply.body, status, headers, media_type=JSON)


class LastResort:
    """The first of a Starlette application's `middleware`: every answer gets the headers that it lacks, and an
    exception from below becomes INTERNAL and is logged without its text. Starlette's own last resort, which is
    outside of it, would answer in plain text and hand the exception on to the server, which logs text and all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the application below."""
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            if message["type"] == "websocket.close" and not started:
                # As a handshake, it is a request, and is answered like one.
                await _refuse_socket(send)
                return
            started = True
            if message["type"] == "http.response.start":
                message["headers"] = list(message.get("headers", ()))
                complete_headers(message["headers"])
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if scope["type"] == "lifespan":
                raise
            reply = reply_failure(error)
            if not started and scope["type"] == "http":
                await send_reply(watch, reply, JSON)
