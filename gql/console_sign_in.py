"""Signing people in to the console: the way to the provider, and what its code is worth. No cookie, no session."""

import re
from typing import Any, Final, cast
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from db.code_flow import CodeFlow, Granted
from db.errors import BadInput, Problem, StrongroomError, Unauthenticated
from db.throttle import UNKNOWN
from gql.context import Service
from gql.negotiation import is_json
from gql.origin import read_origin
from gql.payloads import read_json
from gql.replies import reply_failure

_RETURN: Final = "/console/signed-in"
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]{16,256}")
_LONGEST: Final = 16_384
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


def list_sign_in_routes(service: Service, flow: CodeFlow | None) -> list[BaseRoute]:
    """The routes; without a flow they say that there is no such way in."""
    steps = _Steps(service, flow)
    return [
        Route("/console/sign-in/options", steps.options, methods=["GET"]),
        Route("/console/sign-in/start", steps.start, methods=["GET"]),
        Route("/console/sign-in/token", steps.token, methods=["POST"]),
    ]


class _Steps:
    def __init__(self, service: Service, flow: CodeFlow | None) -> None:
        self._service = service
        self._flow = flow

    async def options(self, request: Request) -> Response:
        """Which ways in there are."""
        return JSONResponse({"people": self._flow is not None}, headers=_HEADERS)

    async def start(self, request: Request) -> Response:
        """On to the provider."""
        try:
            query = request.query_params
            state, challenge = _text(query.get("state"), _TOKEN), _text(query.get("challenge"), _TOKEN)
            url = await self._open().authorize(state, challenge, _return(request, query.get("return")))
        except StrongroomError as error:
            return _refuse(error)
        return RedirectResponse(url, 302, _HEADERS)

    async def token(self, request: Request) -> Response:
        """The JWT for a code or for a refresh token."""
        try:
            given = await _read(request)
            flow = self._open()
            granted = await self._exchange(request, flow, given)
            token = await self._pick(request, granted)
        except StrongroomError as error:
            return _refuse(error)
        return JSONResponse({"token": token, "refreshToken": granted.refresh_token}, headers=_HEADERS)

    def _open(self) -> CodeFlow:
        if self._flow is None:
            raise Unauthenticated
        return self._flow

    async def _exchange(self, request: Request, flow: CodeFlow, given: dict[str, Any]) -> Granted:
        """What a code or a refresh token is worth. One that is worth nothing is a failed sign-in."""
        again = "refreshToken" in given
        credential = _text(given.get("refreshToken" if again else "code"))
        try:
            if again:
                return await flow.refresh(credential)
            return await flow.exchange(
                credential, _text(given.get("verifier"), _TOKEN), _return(request, given.get("return"))
            )
        except Unauthenticated:
            pass  # Raised below, outside, as the authenticator does.
        raise self._service.authenticator.refuse(credential, self._find_address(request))

    def _find_address(self, request: Request) -> str:
        return read_origin(request, self._service.trusted_proxies).address or UNKNOWN

    async def _pick(self, request: Request, granted: Granted) -> str:
        """The first JWT that signs in: providers differ in which of them is meant for this service."""
        address = self._find_address(request)
        for candidate in granted.candidates:
            try:
                await self._service.authenticator.sign_in(self._service.database, candidate, address)
            except Unauthenticated:
                continue
            return candidate
        raise Unauthenticated


async def _read(request: Request) -> dict[str, Any]:
    # A form could be posted by any page; JSON only by this one's origin.
    if not is_json(request.headers.get("content-type", "")):
        raise _malformed()
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST:
            raise _malformed()
    try:
        found = read_json(bytes(body), "body")
    except StrongroomError:
        found = None
    if not isinstance(found, dict):
        raise _malformed()
    return cast("dict[str, Any]", found)


def _text(value: Any, pattern: re.Pattern[str] | None = None) -> str:
    if not isinstance(value, str) or not value or len(value) > _LONGEST:
        raise _malformed()
    if pattern is not None and not pattern.fullmatch(value):
        raise _malformed()
    return value


def _return(request: Request, value: Any) -> str:
    """Where the provider sends people back to: this very console."""
    url = _text(value)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _malformed() from None
    expected = f"{parts.scheme}://{request.headers.get('host', '')}{_RETURN}"
    if parts.scheme not in ("http", "https") or url != expected:
        raise _malformed()
    return url


def _malformed() -> BadInput:
    return BadInput([Problem((), "is no request of the console")])


def _refuse(error: StrongroomError) -> Response:
    reply = reply_failure(error)
    return Response(reply.body, reply.status, {**_HEADERS, **reply.headers}, media_type="application/json")
