"""The asynchronous client. It belongs to one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import closing
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from strongroom.async_listening import AsyncListener
from strongroom.changes import Change
from strongroom.client import Client, Unsubscribe
from strongroom.config import ResolvedConfig
from strongroom.flows import Answer, Lost, Reply, Send, Step
from strongroom.wiring import Id, Parts, Verify, canonical, read_options

if TYPE_CHECKING:
    from strongroom.api import AsyncApi

T = TypeVar("T")
AsyncCallback = Callable[[Change], Awaitable[None] | None]


class AsyncStrongroom(Client[httpx.AsyncClient, AsyncCallback]):
    """A client of one Strongroom: `Strongroom`, awaited."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        cache: bool = False,
        timeout: float = 10.0,
        retries: int = 2,
        max_age: float = 10.0,
        stale_for: float = 3600.0,
        verify: Verify = True,
    ) -> None:
        """As `Strongroom`."""
        super().__init__(read_options(url, token, cache, timeout, retries, max_age, stale_for, verify))
        self._parts = Parts(self._options)
        self._cache = self._parts.cache
        self._http = httpx.AsyncClient(**self._options.http)
        self._listener: AsyncListener | None = None

    async def resolve(self, integration: str, organization_id: Id) -> ResolvedConfig:
        """As `Strongroom.resolve`."""
        if self._cache is not None:
            found = self._cache.get((integration, organization_id))
            if found is not None:
                return found
            self._listen()
        return await self._run(self._parts.flows.resolve(integration, canonical(organization_id)))

    async def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As `Strongroom.execute`."""
        return await self._run(self._parts.flows.call(document, variables or {}))

    @cached_property
    def api(self) -> AsyncApi:
        """As `Strongroom.api`: `await client.api.create_token(…)`."""
        from strongroom.api import AsyncApi  # noqa: PLC0415 - as in Strongroom

        return AsyncApi(lambda document, given, name: self._run(self._parts.flows.call(document, given, name)))

    def on_change(self, callback: AsyncCallback) -> Unsubscribe:
        """As `Strongroom.on_change`, in the running event loop; the callback may be a coroutine function."""
        unsubscribe = self._register(callback)
        self._listen()
        return unsubscribe

    async def close(self) -> None:
        """End the feed and close all connections."""
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None
        await self._http.aclose()

    async def __aenter__(self) -> AsyncStrongroom:  # noqa: PYI034 - typing has Self from 3.11 on
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = AsyncListener(self._http, self._options, self._parts, self._callbacks)

    async def _run(self, flow: Generator[Step, Answer, T]) -> T:
        answer: Answer = None
        with closing(flow):
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration as end:
                    return end.value
                if isinstance(step, Send):
                    answer = await self._send(step)
                else:
                    answer = await asyncio.sleep(step.seconds)

    async def _send(self, step: Send) -> Reply | Lost:
        try:
            response = await self._http.post(self._options.url, content=step.body)
            return Reply(response.status_code, response.content)
        except httpx.HTTPError as error:
            why = type(error).__name__
        # Beyond the except: httpx's error holds the request, and with it the token.
        return Lost(why)
