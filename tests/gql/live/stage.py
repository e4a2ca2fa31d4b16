"""A server of a small schema, whose tokens a test gives and takes, and clients that send whatever a test wants.

Stage          the server
Socket         a WebSocket client
EventStream    a response that is a stream of events
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from db.errors import Conflict, Unauthenticated
from gql.cors import Origins, list_middleware
from gql.frames import PROTOCOL
from gql.http import GraphQLEndpoint
from gql.lines import Lines
from gql.sockets import SocketEndpoint
from gql.trusted import Trust

SECRET = "hunter2-hunter2"


TOKEN = "Bearer let-me-in"
WAIT = "subscription { wait { number } }"
INIT = {"type": "connection_init", "payload": {"Authorization": TOKEN}}


@dataclass
class Context:
    stage: "Stage"
    asked: int


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"

    @strawberry.field
    def broken(self) -> str:
        raise ValueError(SECRET)

    @strawberry.field
    async def slow(self) -> str:
        await asyncio.sleep(60)
        return "at last"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add(self, text: str) -> str:
        return text


@strawberry.type
class Event:
    number: int

    @strawberry.field
    def asked(self, info: strawberry.Info[Context, None]) -> int:
        return info.context.asked


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: strawberry.Info[Context, None], to: int, pause: float = 0.0) -> AsyncGenerator[Event]:
        for number in range(1, to + 1):
            yield Event(number=number)
            await asyncio.sleep(pause)

    @strawberry.subscription
    async def wait(self, info: strawberry.Info[Context, None]) -> AsyncGenerator[Event]:
        """One event, then nothing but waiting for `stage.next`."""
        stage = info.context.stage
        stage.waiting += 1
        try:
            yield Event(number=0)
            while True:
                yield Event(number=await stage.next.get())
        finally:
            stage.waiting -= 1

    @strawberry.subscription
    async def refused(self, late: bool) -> AsyncGenerator[Event]:
        if late:
            yield Event(number=1)
        raise Conflict("newer", {"currentVersion": 3})

    @strawberry.subscription
    async def failing(self) -> AsyncGenerator[Event]:
        yield Event(number=1)
        raise ValueError(SECRET)

    @strawberry.subscription
    async def large(self, size: int) -> AsyncGenerator[str]:
        while True:
            yield "x" * size


@dataclass
class Stage:
    """The small server: its port, and what a test does behind it."""

    port: int = 0
    tokens: dict[str, Exception | None] = field(default_factory=lambda: {TOKEN: None})
    lines: Lines = field(default_factory=Lines)
    next: asyncio.Queue[int] = field(default_factory=asyncio.Queue[int])
    waiting: int = 0
    asked: int = 0

    @asynccontextmanager
    async def open_context(self, request: Request) -> AsyncIterator[Context]:
        self.asked += 1
        refusal = self.tokens.get(request.headers.get("authorization", ""), Unauthenticated())
        if refusal is not None:
            raise refusal
        yield Context(self, self.asked)

    def revoke(self, error: Exception | None = None) -> None:
        """Take every token back."""
        self.tokens = {token: error or Unauthenticated() for token in self.tokens}

    async def wait_idle(self) -> None:
        """Until nothing is open and every source is closed."""
        async with asyncio.timeout(60):
            while self.waiting or len(self.lines):
                await asyncio.sleep(0.005)

    def make_app(
        self, trust: Trust | None = None, origins: tuple[str, ...] = (), init_seconds: float = 5.0
    ) -> Starlette:
        schema = strawberry.Schema(Query, Mutation, Subscription)
        endpoint = GraphQLEndpoint(schema, self.open_context, None, None, trust, self.lines)
        sockets = SocketEndpoint(endpoint.operations, self.open_context, self.lines, Origins(origins), init_seconds)
        routes = [Route("/graphql", endpoint), WebSocketRoute("/graphql", sockets)]
        return Starlette(routes=routes, middleware=list_middleware(origins))

    @asynccontextmanager
    async def connect(self, *, ready: bool = True, **options: Any) -> AsyncIterator["Socket"]:
        """A connected client; `ready` once it has been acknowledged."""
        options = {"subprotocols": [Subprotocol(PROTOCOL)], **options}
        async with connect(f"ws://127.0.0.1:{self.port}/graphql", **options) as connection:
            socket = Socket(connection)
            if ready:
                await socket.introduce(TOKEN)
            yield socket

    @asynccontextmanager
    async def stream(self, query: str, token: str = TOKEN, **options: Any) -> AsyncIterator["EventStream"]:
        """A stream of events."""
        headers = {"accept": "text/event-stream", "authorization": token, **options.pop("headers", {})}
        url = f"http://127.0.0.1:{self.port}/graphql"
        async with (
            httpx.AsyncClient(timeout=60) as http,
            http.stream("POST", url, json={"query": query, **options}, headers=headers) as response,
        ):
            yield EventStream(response)


class Socket:
    """A WebSocket client."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def introduce(self, authorization: str) -> None:
        """Say who is calling, and be acknowledged."""
        await self.send(type="connection_init", payload={"Authorization": authorization})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, id: str, query: str, **payload: Any) -> None:
        await self.send(id=id, type="subscribe", payload={"query": query, **payload})

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            return json.loads(await self.connection.recv())

    async def receive_all(self) -> list[dict[str, Any]]:
        """All messages up to the one that ends an operation."""
        messages = [await self.receive()]
        while messages[-1]["type"] not in ("complete", "error"):
            messages.append(await self.receive())
        return messages

    async def wait_closed(self) -> tuple[int, str]:
        """The code and the words of the close, whatever comes before."""
        async with asyncio.timeout(60):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
            await self.connection.wait_closed()
        close = self.connection.protocol.close_rcvd
        assert close is not None
        return close.code, close.reason


class EventStream:
    """A response that is a stream of events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._chunks = response.aiter_text()
        self._text = ""

    async def receive(self) -> str | None:
        """The next block, as it was sent; None at the end."""
        async with asyncio.timeout(60):
            while "\n\n" not in self._text:
                try:
                    self._text += await anext(self._chunks)
                except StopAsyncIteration:
                    assert not self._text
                    return None
        block, _, self._text = self._text.partition("\n\n")
        return block

    async def receive_all(self) -> list[str]:
        """All blocks that are no comments."""
        blocks: list[str] = []
        while (block := await self.receive()) is not None:
            if block != ":":
                blocks.append(block)
        return blocks
