"""Connections for the hot path: asyncpg itself, one statement each, no transaction and no reset around it.

SQLAlchemy's session costs about a millisecond of Python a read; here it is the statement's own time.
Only statements that leave no trace in their session may run here.
"""

import sys
from collections.abc import Sequence
from typing import Any, Final, Self

import asyncpg

from db.urls import asyncpg_dsn

_TIMEOUT: Final = 10.0
_GONE: Final = (
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    ConnectionError,
)


class Pool:
    """A pool of connections that run single read statements."""

    def __init__(self, pool: "asyncpg.Pool[Any]") -> None:
        self._pool = pool

    @classmethod
    async def open(cls, database_url: str, *, connections: int = 16) -> Self:
        """A pool that connects as it is used."""
        pool: Any = await asyncpg.create_pool(
            asyncpg_dsn(database_url),
            min_size=0,
            max_size=connections,
            max_queries=sys.maxsize,
            command_timeout=_TIMEOUT,
            timeout=5,
            reset=_leave,
        )
        return cls(pool)

    async def fetch(self, statement: str, *arguments: object, timeout: float = _TIMEOUT) -> Sequence[Any]:  # noqa: ASYNC109 - asyncpg's own
        """All rows of a statement; tried once more when the connection turns out to be gone."""
        try:
            return await self._pool.fetch(statement, *arguments, timeout=timeout)
        except _GONE:
            # Where one connection is gone the others are, too: the server was restarted.
            await self._pool.expire_connections()
            return await self._pool.fetch(statement, *arguments, timeout=timeout)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()


async def _leave(connection: object) -> None:
    """Instead of asyncpg's reset query, a round trip after each use: nothing here changes the session."""
