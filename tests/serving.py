"""Any application, served in the test's own process like in production."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from starlette.types import ASGIApp

from gql.lines import Lines
from gql.serving import Server


class QuickServer(Server):
    """Stops when it is told to, without looking at the clock first."""

    stopping: asyncio.Event

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def main_loop(self) -> None:
        await self.stopping.wait()


@asynccontextmanager
async def open_server(app: ASGIApp, lines: Lines) -> AsyncGenerator[int]:
    server = QuickServer(app, lines)
    server.stopping = asyncio.Event()
    running = asyncio.create_task(server.serve())
    while not server.started:
        assert not running.done(), "the server does not start"
        await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.stopping.set()
        async with asyncio.timeout(60):
            await running
