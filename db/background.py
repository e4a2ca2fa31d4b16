"""What a process does beside its requests: a task, begun and ended with the service; and how tasks are ended."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

_CANCELS_EVERY: Final = 5.0
"""Seconds; a task that heeds the first cancellation may be busy giving back what it holds."""


async def end_tasks(*tasks: asyncio.Future[Any], every: float) -> None:
    """Cancel tasks, again after so many seconds, until they have ended: a cancellation that meets the end of a timeout
    in a library is lost. What they raise is left to whoever holds them."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=every)


class Background:
    """A task that runs until it is stopped. Stopping it twice, or before it was started, is nothing."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(work)

    async def stop(self) -> None:
        """Cancel the work and wait for its end."""
        if self._task is None:
            return
        await end_tasks(self._task, every=_CANCELS_EVERY)
        if not self._task.cancelled():
            self._task.result()
