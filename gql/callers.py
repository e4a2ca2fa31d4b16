"""Who is at the other end of a line: asked again before every event, and while nothing happens."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final, Generic, TypeVar

from starlette.requests import Request
from starlette.types import Scope

from db.access import Principal
from db.authenticator import FRESH_SECONDS

RECHECK_SECONDS: Final = 0.9 - FRESH_SECONDS
"""An answer may be FRESH_SECONDS old when it is used, so a token revoked elsewhere ends its lines within a second."""

Context = TypeVar("Context")
OpenContext = Callable[[Request], AbstractAsyncContextManager[Context]]


class CallerRefused(Exception):
    """The caller's token does not hold, or no longer; `error` is what authentication raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__("the caller was refused")
        self.error = error


class Caller(Generic[Context]):
    """The caller of a line."""

    def __init__(self, open_context: OpenContext[Context], request: Request) -> None:
        self._open_context = open_context
        self._request = request

    def find_holder(self, context: Context) -> str:
        """Who holds its lines: the caller, however it wrote its credential; what it said, where no caller is known."""
        principal = getattr(context, "principal", None)
        if isinstance(principal, Principal):
            return str(principal.token_id)
        return self._request.headers.get("authorization", "")

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Context]:
        """A context for one event, or one operation. Raises CallerRefused."""
        async with AsyncExitStack() as stack:
            try:
                context = await stack.enter_async_context(self._open_context(self._request))
            except Exception as error:  # noqa: BLE001 (whatever it is, the caller is not known)
                raise CallerRefused(error) from None
            yield context

    async def watch(self) -> None:
        """Runs for as long as the caller's token holds, then raises CallerRefused."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            async with self.open():
                pass


def make_request(scope: Scope, authorization: str | None) -> Request:
    """A WebSocket's handshake as the request it was, with the credentials that came after it, if any did."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if authorization is not None:
        given = (b"authorization", authorization.encode())
        headers = [*(header for header in headers if header[0] != b"authorization"), given]
    http: dict[str, Any] = {**scope, "type": "http", "method": "GET", "headers": headers}
    return Request(http)
