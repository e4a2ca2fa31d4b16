"""What a process does beside its requests: one task, begun and ended with the service."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

_CANCELS_EVERY: Final = 5.0
"""Seconds; a task that heeds the first cancellation may be busy giving back what it holds."""


class Background:
    """A task that runs until it is stopped. Stopping it twice, or before it was started, is nothing."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(work)

    async def stop(self) -> None:
        """Cancel the work, again where that was lost in a library that waited with a limit, and wait for its end."""
        if self._task is None:
            return
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCELS_EVERY)
        if not self._task.cancelled():
            self._task.result()
