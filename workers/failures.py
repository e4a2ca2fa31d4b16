"""What an exception in a batch means: a server that is away, or a row that is at fault."""

from typing import Final

import asyncpg
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db.sessions import sqlstate

_AWAY: Final = ("08", "53", "57")
"""Classes of SQLSTATE: connection, resources, operator's intervention (a server that shuts down)."""

_LATER: Final = frozenset({"40P01", "40001", "55P03", "25P03", "25006"})
"""Deadlock, serialization, lock and idle timeouts, a standby: nothing that a row is to blame for."""


def is_passing(error: BaseException) -> bool:
    """Whether the same work may succeed later, as it is."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if (state := _state(error)) is not None:
        return state[:2] in _AWAY or state in _LATER
    return isinstance(error, PoolTimeout | asyncpg.InterfaceError | RedisError | OSError | TimeoutError)


def name_of(error: BaseException) -> str:
    """An exception's type and no more: its text may hold a value. Of PostgreSQL's errors, the code too."""
    state = _state(error)
    return f"{type(error).__name__} {state}" if state else type(error).__name__


def _state(error: BaseException) -> str | None:
    """The SQLSTATE; while connecting, asyncpg's errors come as they are."""
    if isinstance(error, DBAPIError):
        return sqlstate(error)
    return error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
