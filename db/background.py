"""What a process does beside its requests: one task, begun and ended with the service."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Background:
    """A task that runs until it is stopped. Stopping it twice, or before it was started, is nothing."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(work)

    async def stop(self) -> None:
        """Cancel the work and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
