"""A real server for what stays open.

stage                      a `Stage`; `@pytest.mark.parametrize("stage", [{…}], indirect=True)` sets it up differently
connect_to                 `async with connect_to(port, token) as socket`: a client of any application
serve                      `async with serve(app, lines) as port`: any application, served like in production
port                       where the application on this test's servers is served
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from starlette.types import ASGIApp
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gql.frames import PROTOCOL
from gql.lines import Lines
from tests.gql.live.stage import Socket, Stage
from tests.serving import open_server

Serve = Callable[[ASGIApp, Lines], AbstractAsyncContextManager[int]]


@pytest.fixture
def serve() -> Serve:
    """Serves an application on a port of its own."""
    return open_server


@pytest.fixture
def connect_to() -> Callable[[int, str], AbstractAsyncContextManager[Socket]]:
    """Makes clients of any application, each with a token."""

    @asynccontextmanager
    async def open_socket(port: int, token: str) -> AsyncIterator[Socket]:
        async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[Subprotocol(PROTOCOL)]) as connection:
            socket = Socket(connection)
            await socket.introduce(f"Bearer {token}")
            yield socket

    return open_socket


@pytest.fixture
async def stage(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Stage]:
    """The small server; `@pytest.mark.parametrize("stage", [{…}], indirect=True)` sets it up differently."""
    stage = Stage()
    async with serve(stage.make_app(**getattr(request, "param", {})), stage.lines) as stage.port:
        yield stage


@pytest.fixture
async def port(api: Any, serve: Any) -> AsyncIterator[int]:
    async with serve(api.app, api.service.lines) as port:
        yield port
