"""The direct way: a `resolve` that was asked for before is answered without the rest of the house.

It stands before the application: it answers what it can at once, and passes on everything else as it came.
Whoever asks is looked up, admitted and gated each time, each secret is opened each time, and each answer is on record.
Whatever is not plainly right is passed on: the application refuses it, or does it, in its own words.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.access import Principal
from db.audit.deeds import Origin
from db.errors import SealError, StrongroomError
from db.snapshot import Snapshot
from db.throttle import UNKNOWN
from gql.auth import read_bearer
from gql.context import Service
from gql.direct.asked import LONGEST_BODY, Asked
from gql.direct.templates import answer
from gql.failures import report
from gql.headers import complete_headers
from gql.negotiation import GRAPHQL, JSON, choose_media, is_json
from gql.origin import REASON_HEADER, find_client, find_peer, read_reason
from gql.plans.outlines import Outline

PATH: Final = "/graphql"

_PASSED_ON: Final = frozenset((b"origin", b"content-encoding"))
"""With one of these there is more to decide, or to answer, than is done here."""

_REASON: Final = REASON_HEADER.lower().encode()


class _Call(NamedTuple):
    """Who calls, from where, and in what form the answer is wanted."""

    principal: Principal
    origin: Origin
    media: str


class Direct:
    """An ASGI application before another one, `app`, which `asked` learns from."""

    def __init__(self, app: ASGIApp, service: Service, asked: Asked) -> None:
        self._app = app
        self._service = service
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        call = self._find_call(scope) if scope["type"] == "http" else None
        if call is None:
            await self._app(scope, receive, send)
            return
        messages = await _receive(receive)
        # Of a body that breaks off, what came may be another one that is known.
        whole = messages[-1]["type"] == "http.request" and not messages[-1].get("more_body")
        body = (
            messages[0].get("body", b"") if len(messages) == 1 else b"".join(part.get("body", b"") for part in messages)
        )
        written = await self._answer(call, body) if whole else None
        if written is None:
            await self._app(scope, _replay(messages, receive), send)
        else:
            length = (b"content-length", b"%d" % len(written))
            headers = [*_list_headers(call.media), length]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": written})

    def _find_call(self, scope: Scope) -> _Call | None:
        """Who calls, if that is known without asking anybody, and the request is as clients send it."""
        if scope["method"] != "POST" or scope["path"] != PATH:
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        media = choose_media(headers.get(b"accept", b"").decode("latin-1"))
        if (
            len(headers) != len(scope["headers"])
            or not headers.keys().isdisjoint(_PASSED_ON)
            or not is_json(headers.get(b"content-type", b"").decode("latin-1"))
            or media not in (JSON, GRAPHQL)
        ):
            return None
        try:
            credential = read_bearer(headers.get(b"authorization", b"").decode("latin-1"))
            origin = self._find_origin(scope, headers)
            principal = self._service.authenticator.sign_in_again(credential, origin.address or UNKNOWN)
            return principal and _Call(principal, origin, media)
        except StrongroomError:
            return None

    def _find_origin(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Origin:
        peer = scope["client"][0] if scope["client"] else None
        trusted = self._service.trusted_proxies
        if not trusted and _REASON not in headers:
            return find_peer(peer)
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        given = headers.get(_REASON)
        reason = None if given is None else read_reason(given.decode("latin-1"))
        return Origin(find_client(peer, [forwarded] if forwarded else [], trusted), reason)

    async def _answer(self, call: _Call, body: bytes) -> bytes | None:
        question = self._asked.find(body)
        operation = question and question.operation()
        if question is None or operation is None or operation.outline is None or self._service.audit.full:
            return None
        try:
            snapshot = await self._service.resolver.load(call.principal, question.integration, question.organization_id)
        except Exception:  # noqa: BLE001 - the application runs into the same, and says so
            return None
        return self._write(call, snapshot, operation.outline)

    def _write(self, call: _Call, snapshot: Snapshot, outline: Outline) -> bytes | None:
        try:
            written, deed = answer(snapshot, outline)
        except (StrongroomError, SealError):
            return None
        except Exception as error:  # noqa: BLE001 - the application answers; its place is logged
            report(error)
            return None
        if deed is not None:
            self._service.audit.add(call.principal, deed, call.origin)
        return written


@cache
def _list_headers(media: str) -> Sequence[tuple[bytes, bytes]]:
    """What every answer of the application says beside its length."""
    headers = [(b"content-type", f"{media}; charset=utf-8".encode())]
    complete_headers(headers)
    return tuple(headers)


async def _receive(receive: Receive) -> list[Message]:
    """A body's messages: all of them, or as many as show that it is too long to be known."""
    messages = [await receive()]
    length = len(messages[0].get("body", b""))
    while messages[-1].get("more_body") and length <= LONGEST_BODY:
        messages.append(await receive())
        length += len(messages[-1].get("body", b""))
    return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """What was received already, and then what is still to come."""
    waiting = messages[::-1]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
