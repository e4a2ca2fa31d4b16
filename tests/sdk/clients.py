"""Both clients, as one and the same to the tests."""

import asyncio
import threading
import traceback
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from strongroom import AsyncStrongroom, Change, ResolvedConfig, StrongroomError
from tests.sdk.servers import ORGANIZATION, SECRET, TOKEN


class Client(Protocol):
    """What both clients are to these tests."""

    feed_age: float | None

    def resolve(self, integration: str, organization_id: str) -> ResolvedConfig: ...
    def on_change(self, callback: Callable[[Change], None]) -> Any: ...
    def close(self) -> None: ...


class Awaited:
    """The asynchronous client on a loop and a thread of its own."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = self._run(self._make(*given, **options))

    @property
    def feed_age(self) -> float | None:
        return self._client.feed_age

    def resolve(self, integration: str, organization_id: str) -> ResolvedConfig:
        return self._run(self._client.resolve(integration, organization_id))

    def on_change(self, callback: Callable[[Change], None]) -> Any:
        async def call(change: Change) -> None:
            callback(change)

        async def listen() -> Any:
            return self._client.on_change(call)

        return self._run(listen())

    def close(self) -> None:
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    async def _make(self, *given: Any, **options: Any) -> AsyncStrongroom:
        return AsyncStrongroom(*given, **options)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


def refuse(client: Any, kind: type[StrongroomError]) -> StrongroomError:
    """The error that a resolve has to end with; neither it nor its traceback shows the token."""
    with pytest.raises(kind) as refused:
        client.resolve("halo", ORGANIZATION)
    shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value) + str(refused.value.extensions)
    assert TOKEN not in shown
    assert SECRET not in shown
    return refused.value
