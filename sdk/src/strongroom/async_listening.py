"""The feed of an asynchronous client: one task that listens, and one that calls back."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import httpx

from strongroom.answers import describe_failure
from strongroom.changes import Change
from strongroom.errors import Internal
from strongroom.feed import Hear, Listen, NextLine, Trouble
from strongroom.subscribing import Lines, is_stream
from strongroom.wiring import Options, Parts, Waiting

logger = logging.getLogger("strongroom")

_CANCELS = 5
_CANCELS_EVERY = 2.0
"""Seconds. A cancellation may be lost below httpx."""

T = TypeVar("T")


class AsyncListener:
    """Listens until it is stopped."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        options: Options,
        parts: Parts,
        callbacks: list[Callable[[Change], Awaitable[None] | None]],
    ) -> None:
        self._http = http
        self._options = options
        self._parts = parts
        self._callbacks = callbacks
        self._stream = AsyncStream()
        self._waiting = Waiting(callbacks)
        self._came = asyncio.Event()
        self._begun = False
        self._stopper: asyncio.Task[Any] | None = None
        self._tasks = [asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._call_back())]

    async def stop(self) -> None:
        """End; returns when both tasks have. A callback may do it, and is the one that is not cancelled then."""
        self._stopper = asyncio.current_task()
        for _ in range(_CANCELS):
            # Those that ended with their event loop cannot be waited for.
            tasks = [task for task in self._tasks if not task.done()]
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CANCELS_EVERY)
        await self._stream.close()

    def admit(self, callback: Callable[[Change], Awaitable[None] | None]) -> None:
        """As of the synchronous one."""
        self._callbacks.append(callback)
        if self._begun:
            self._waiting.add((Change(reset=True),), callback)
            self._came.set()

    async def _listen(self) -> None:
        flow = self._parts.feed.run()
        step = next(flow)
        while True:
            try:
                answer = await self._do(step)
            except asyncio.CancelledError:
                # In the stream's own event loop, which may be about to end.
                await self._stream.close()
                raise
            except Exception as error:  # noqa: BLE001 - a feed that has died would be missed by nobody
                logger.warning("the feed of changes failed: %s", type(error).__name__)
                answer = None
            step = flow.send(answer)

    async def _do(self, step: object) -> Any:
        if isinstance(step, Listen):
            return await _do_alone(self._stream.open(self._http, self._options, step.body))
        if isinstance(step, NextLine):
            return await self._stream.read()
        if isinstance(step, Hear):
            self._parts.hear(step)
            self._begun = True
            if self._callbacks:
                self._waiting.add(step.changes)
                self._came.set()
            return None
        if isinstance(step, Trouble):
            logger.warning("the feed of changes is not to be had: %s; trying again", step.why)
            return None
        await self._stream.close()
        return await asyncio.sleep(getattr(step, "seconds", 1.0))

    async def _call_back(self) -> None:
        while True:
            await self._came.wait()
            while self._waiting:
                change, callbacks = self._waiting.take()
                for callback in callbacks:
                    await self._call(callback, change)
            self._came.clear()

    async def _call(self, callback: Callable[[Change], Awaitable[None] | None], change: Change) -> None:
        try:
            result = callback(change)
        except Exception as error:  # noqa: BLE001 - its text may hold what the callback has just resolved
            _complain(error)
            return
        if inspect.isawaitable(result):
            await self._finish(asyncio.ensure_future(result))

    async def _finish(self, work: asyncio.Future[None]) -> None:
        """Wait for a callback. As a task of its own: one that is cancelled from within ends that, and not this."""
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            if work is not self._stopper:
                work.cancel()
            raise
        try:
            work.result()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - as above
            _complain(error)


async def _do_alone(work: Coroutine[Any, Any, T]) -> T:
    """What some work comes to. As a task of its own: below httpx, versions of anyio lose a cancellation that comes just
    as a connection is made. The work then ends with the connection; the feed would go on for ever."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    return task.result()


def _complain(error: BaseException) -> None:
    logger.error("a callback of on_change failed: %s", type(error).__name__)


class AsyncStream:
    """The one open stream of a feed."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self._parts: AsyncIterator[bytes] | None = None
        self._lines = Lines()

    async def open(self, http: httpx.AsyncClient, options: Options, body: bytes) -> str:
        """Open it; why there is none, or an empty text."""
        request = options.ask_for_stream(http, body)
        try:
            response = await http.send(request, stream=True)
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the client has been closed
            return describe_failure(error)
        self._response, self._parts, self._lines = response, response.aiter_raw(), Lines()
        return "" if is_stream(response.status_code, response.headers) else f"HTTP status {response.status_code}"

    async def read(self) -> bytes | None:
        """The next line; None when it is cut, or at its end."""
        if self._parts is None:
            return None
        try:
            while (line := self._lines.pop()) is None:
                self._lines.take(await self._parts.__anext__())
        except (StopAsyncIteration, httpx.HTTPError, httpx.StreamError, OSError, Internal):
            return None
        return line

    async def close(self) -> None:
        """Give the connection back."""
        response, self._response, self._parts = self._response, None, None
        if response is not None:
            with suppress(httpx.HTTPError, OSError):
                await response.aclose()
