"""The asynchronous client. It belongs to one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import closing
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from strongroom.answers import Body, Lost, Reply, describe_failure
from strongroom.async_listening import AsyncListener
from strongroom.changes import Change
from strongroom.client import Client, Unsubscribe
from strongroom.config import ResolvedConfig
from strongroom.errors import SettingsError, StrongroomError, Unavailable
from strongroom.flows import Answer, Send, Step
from strongroom.subscribing import HEADERS, SILENCE, Events, is_stream, judge_refusal, write_request
from strongroom.wiring import Id, Parts, Verify, canonical, make_http, read_options

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
        self._http = make_http(httpx.AsyncClient, self._options)
        self._listener: AsyncListener | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

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
        flow = self._parts.flows.call(document, variables or {})
        del variables  # as in Strongroom
        return await self._run(flow)

    def subscribe(self, document: str, variables: Mapping[str, Any] | None = None) -> AsyncIterator[dict[str, Any]]:
        """As `Strongroom.subscribe`: `async for data in client.subscribe(…)`."""
        send = write_request(document, variables)
        del variables  # as in Strongroom
        return self._stream(send)

    @cached_property
    def api(self) -> AsyncApi:
        """As `Strongroom.api`: `await client.api.create_token(…)`."""
        from strongroom.api import AsyncApi  # noqa: PLC0415 - as in Strongroom

        def run(document: str, given: Mapping[str, Any], name: str | None) -> Coroutine[Any, Any, dict[str, Any]]:
            return self._run(self._parts.flows.call(document, given, name))

        return AsyncApi(run)

    def on_change(self, callback: AsyncCallback) -> Unsubscribe:
        """As `Strongroom.on_change`, in the running event loop; the callback may be a coroutine function."""
        self._listen().admit(callback)
        return self._make_unsubscribe(callback)

    async def close(self) -> None:
        """End the feed and close all connections."""
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None
        try:
            await self._http.aclose()
        except RuntimeError:
            # Connections end with their event loop.
            if self._loop is None or not self._loop.is_closed():
                raise

    async def __aenter__(self) -> AsyncStrongroom:  # noqa: PYI034 - typing has Self from 3.11 on
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _listen(self) -> AsyncListener:
        http = self._connect()
        if self._listener is None:
            self._listener = AsyncListener(http, self._options, self._parts, self._callbacks)
        return self._listener

    async def _run(self, flow: Generator[Step, Answer, T]) -> T:
        answer: Answer = None
        with closing(flow):
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration as end:
                    return end.value
                except StrongroomError as error:
                    # As in Strongroom.
                    raise error.with_traceback(None) from None
                if isinstance(step, Send):
                    answer = await self._send(step)
                else:
                    answer = await asyncio.sleep(step.seconds)

    async def _stream(self, send: Send) -> AsyncIterator[dict[str, Any]]:
        timeout = self._options.make_stream_timeout(SILENCE)
        given: dict[str, Any] = {"content": send.body, "headers": HEADERS, "timeout": timeout}
        try:
            async with self._connect().stream("POST", self._options.url, **given) as response:
                del given  # as in Strongroom
                if not is_stream(response.status_code, response.headers):
                    raise judge_refusal(await self._read(response))
                events = Events()
                async for part in response.aiter_raw():
                    for data in events.take(part):
                        yield data
                    if events.done:
                        return
                events.end()
                return
        except httpx.HTTPError as error:
            why = describe_failure(error)
        raise Unavailable(f"the service does not answer: {why}")

    async def _read(self, response: httpx.Response) -> Reply:
        body = Body(response.headers, self._options.timeout)
        async for part in response.aiter_raw():
            if not body.take(part):
                break
        return body.make_reply(response.status_code)

    def _connect(self) -> httpx.AsyncClient:
        if self._http.is_closed:
            raise SettingsError("the client has been closed")
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise SettingsError("the client belongs to the event loop that it was first used in: make one in each")
        return self._http

    async def _send(self, step: Send) -> Reply | Lost:
        http = self._connect()
        try:
            async with http.stream("POST", self._options.url, content=step.body) as response:
                return await self._read(response)
        except (httpx.HTTPError, TimeoutError) as error:
            why = describe_failure(error)
        except BaseException as error:  # noqa: BLE001 - raised again, without the frames, which hold the token
            raise error.with_traceback(None) from None
        # Beyond the except: httpx's error holds the request, and with it the token.
        return Lost(why)
