"""The feed of an asynchronous client: one task that listens, and one that calls back."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import httpx

from strongroom.changes import Change
from strongroom.feed import Hear, Listen, NextLine
from strongroom.wiring import Options, Parts, Waiting, is_stream

logger = logging.getLogger("strongroom")


class AsyncListener:
    """Listens until it is stopped."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        options: Options,
        parts: Parts,
        callbacks: Sequence[Callable[[Change], Awaitable[None] | None]],
    ) -> None:
        self._http = http
        self._options = options
        self._parts = parts
        self._callbacks = callbacks
        self._stream = AsyncStream()
        self._waiting = Waiting()
        self._came = asyncio.Event()
        self._tasks = [asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._call_back())]

    async def stop(self) -> None:
        """End; returns when both tasks have."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stream.close()

    async def _listen(self) -> None:
        flow = self._parts.feed.run()
        step = next(flow)
        while True:
            try:
                answer = await self._do(step)
            except Exception as error:  # noqa: BLE001 - a feed that has died would be missed by nobody
                logger.warning("the feed of changes failed: %s", type(error).__name__)
                answer = None
            step = flow.send(answer)

    async def _do(self, step: object) -> Any:
        if isinstance(step, Listen):
            return await self._stream.open(self._http, self._options, step.body)
        if isinstance(step, NextLine):
            return await self._stream.read()
        if isinstance(step, Hear):
            self._parts.hear(step)
            if self._callbacks:
                self._waiting.add(step.changes)
                self._came.set()
            return None
        await self._stream.close()
        return await asyncio.sleep(getattr(step, "seconds", 1.0))

    async def _call_back(self) -> None:
        while True:
            await self._came.wait()
            while self._waiting:
                change = self._waiting.take()
                for callback in list(self._callbacks):
                    await _call(callback, change)
            self._came.clear()


async def _call(callback: Callable[[Change], Awaitable[None] | None], change: Change) -> None:
    try:
        result = callback(change)
        if inspect.isawaitable(result):
            await result
    except Exception as error:  # noqa: BLE001 - its text may hold what the callback has just resolved
        logger.error("a callback of on_change failed: %s", type(error).__name__)  # noqa: TRY400


class AsyncStream:
    """The one open stream of a feed."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self._lines: AsyncIterator[str] | None = None

    async def open(self, http: httpx.AsyncClient, options: Options, body: bytes) -> bool:
        """Open it; whether there is one."""
        request = options.ask_for_stream(http, body)
        try:
            response = await http.send(request, stream=True)
        except (httpx.HTTPError, RuntimeError):  # RuntimeError: the client has been closed
            return False
        self._response, self._lines = response, response.aiter_lines()
        return is_stream(response)

    async def read(self) -> str | None:
        """The next line; None when it is cut, or at its end."""
        if self._lines is None:
            return None
        try:
            return await self._lines.__anext__()
        except (StopAsyncIteration, httpx.HTTPError, httpx.StreamError, OSError):
            return None

    async def close(self) -> None:
        """Give the connection back."""
        response, self._response, self._lines = self._response, None, None
        if response is not None:
            with suppress(httpx.HTTPError, OSError):
                await response.aclose()
