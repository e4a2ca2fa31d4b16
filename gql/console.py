"""The console: the page that people open in a browser, as Vite built it from client/.

One page answers every address below /console: the page itself reads the address. Its script and style have names that
change with their content; the page does not, and is never kept.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from gql.manifests import read_manifest
from gql.trusted import Trust

CONSOLE: Final = Path(__file__).parent.parent / "client" / "dist"

_DIRECTIVES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
"""Nothing but this server's own files and its own API; no inline script or style, no markup made of text."""

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": "; ".join(_DIRECTIVES),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

_FOREVER: Final = "public, max-age=31536000, immutable"
_MISSING: Final = "The console is not built. `make run` builds it; see README.md.\n"


def list_console_routes(built: Path) -> list[BaseRoute]:
    """The routes of the console in this folder; where it has not been built, they say so."""
    page = _Page(built / "index.html")
    assets = StaticFiles(directory=built / "assets", check_dir=False)
    return [
        Mount("/console/assets", _Kept(assets)),
        Route("/console", page.answer, methods=["GET", "HEAD"]),
        Route("/console/{path:path}", page.answer, methods=["GET", "HEAD"]),
    ]


def trust_console(trust: Trust, built: Path = CONSOLE) -> Trust:
    """The same trust, and the console's own operations. Raises SettingsError if their list is spoilt."""
    operations = built / "operations.json"
    if trust.mode == "off" or not operations.is_file():
        return trust
    return replace(trust, listed={**read_manifest(operations), **trust.listed})


class _Page:
    """The page, whatever is asked for below it."""

    def __init__(self, page: Path) -> None:
        self._page = page

    async def answer(self, request: Request) -> Response:
        """Answer with the page."""
        headers = {**HEADERS, "cache-control": "no-store"}
        if not self._page.is_file():
            return PlainTextResponse(_MISSING, 404, headers)
        return FileResponse(self._page, headers=headers, media_type="text/html; charset=utf-8")


class _Kept:
    """Files whose names change with their content: kept for good."""

    def __init__(self, files: StaticFiles) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file."""

        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["cache-control"] = _FOREVER if message["status"] < 400 else "no-store"
            await send(message)

        await self._files(scope, receive, send_kept)
