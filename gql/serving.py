"""The HTTP server around the application, and how it comes to its end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from gql.frames import MAX_MESSAGE
from gql.lines import Lines
from gql.socket_wire import SocketProtocol
from gql.wire import HttpProtocol

_DRAIN_SECONDS: Final = 5
_PING_SECONDS: Final = 15.0
_IDLE_SECONDS: Final = 30
"""Longer than clients keep an idle connection: one that is closed while a request is on its way costs that request."""


class Server(uvicorn.Server):
    """Serves an application until it is told to stop; its lines end before its connections do."""

    def __init__(self, app: ASGIApp, lines: Lines, *, host: str = "127.0.0.1", port: int = 0) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=HttpProtocol,
            ws=SocketProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # gql.origin reads X-Forwarded-For, from trusted proxies only; this would believe any local process.
            proxy_headers=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            timeout_keep_alive=_IDLE_SECONDS,
            ws_max_size=MAX_MESSAGE,
            ws_ping_interval=_PING_SECONDS,
            ws_ping_timeout=_PING_SECONDS,
            # A small message could stand for a large one; and secrets are not to be compressed with what others chose.
            ws_per_message_deflate=False,
        )
        # At INFO it logs the query strings of WebSockets, and at DEBUG their messages.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        super().__init__(config)
        self._lines = lines

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop serving at a signal, and no more: uvicorn's own raises the signal again once it has stopped serving,
        and what waits for the audit log would be lost."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all lines in the words of their transports, then whatever is left."""
        await self._lines.stop()
        await super().shutdown(sockets)
