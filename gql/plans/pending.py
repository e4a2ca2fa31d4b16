"""Parts of an answer that have to be awaited."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from graphql import GraphQLError


class Pending:
    """A part of the answer that has to be awaited: told from a resolver's own awaitables."""

    __slots__ = ("_part",)

    def __init__(self, part: Awaitable[Any]) -> None:
        self._part = part

    def __await__(self) -> Any:
        return self._part.__await__()

    def __del__(self) -> None:
        # Of a request that is cancelled before this was begun; asyncio would warn of a coroutine never awaited.
        close = getattr(self._part, "close", None)
        if close is not None:
            close()


def abandon(pending: Sequence[tuple[Any, Awaitable[Any]]], error: GraphQLError) -> Pending:
    """Give up an object or list: its error goes on, once what was begun has ended."""
    if not pending:
        raise error

    async def end() -> None:
        await asyncio.gather(*(part for _, part in pending), return_exceptions=True)
        raise error

    return Pending(end())


async def fill(answer: Any, pending: list[tuple[Any, Awaitable[Any]]]) -> Any:
    """Await what is pending, all at once, so that loaders see all of their keys; the first error goes on."""
    if len(pending) == 1:
        key, part = pending[0]
        answer[key] = await part
        return answer
    results = await asyncio.gather(*(part for _, part in pending), return_exceptions=True)
    for (key, _), result in zip(pending, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        answer[key] = result
    return answer
