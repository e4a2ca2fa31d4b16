"""Sessions on PostgreSQL: one type for reads, one for writes; only the edge of a request opens either.

A read session runs each statement by itself (autocommit: no BEGIN, no ROLLBACK). A write session is one
transaction, retried as a whole when PostgreSQL refuses it for a deadlock; what is to be its last statements (the
audit log's) is handed to `at_last`, and what is to happen only once it has committed to `after_commit`.
"""

import asyncio
import logging
import random
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar, cast

import asyncpg
from sqlalchemy import CursorResult, Executable, Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from db.pool import Pool
from db.prepared import Prepared
from db.settings import sqlalchemy_url
from db.values import dump, parse

_RETRIED: Final = frozenset({"40P01", "40001"})
"""Deadlock detected, serialization failure: the transaction did nothing and may run again."""

_ATTEMPTS: Final = 8
_STREAMED: Final = 1_000

_LONGEST: Final = 600.0
"""Seconds that a statement on the driver itself may take."""

_BEGIN: Final = text("SELECT")
"""SQLAlchemy begins a transaction with the first statement that it is given itself."""

# At DEBUG SQLAlchemy logs the rows that it reads, legacy plaintext too: whatever the level, ours never does.
logging.getLogger("sqlalchemy.engine.Engine.strongroom").addFilter(lambda record: record.levelno > logging.DEBUG)

T = TypeVar("T")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

Touched = tuple[uuid.UUID | None, uuid.UUID | None]
"""What a write touched: an integration, an organization, or the one for the other; None is any."""


class ReadSession(ABC):
    """Statements that change nothing."""

    async def rows(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        """All rows of a statement."""
        return (await self._run(statement, parameters)).all()

    async def first(self, statement: Executable, parameters: Parameters | None = None) -> Row[Any] | None:
        """The first row of a statement, or None."""
        return (await self._run(statement, parameters)).first()

    async def scalar(self, statement: Executable, parameters: Parameters | None = None) -> Any:
        """The first column of the first row, or None."""
        return (await self._run(statement, parameters)).scalar()

    @abstractmethod
    async def _run(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]: ...


class QuickSession(ReadSession):
    """Statements that change nothing, each by itself: prepared ones on asyncpg's pool, any other on a connection of
    SQLAlchemy's, which is taken when the first of them comes."""

    def __init__(self, open_pool: Callable[[], Awaitable[Pool]], reader: AsyncEngine) -> None:
        self._open_pool = open_pool
        self._reader = reader
        self._connection: AsyncConnection | None = None

    async def fetch(self, statement: Prepared, **values: object) -> Sequence[Any]:
        """All rows of a prepared statement, with these values for its names, as asyncpg gives them."""
        pool = await self._open_pool()
        return await pool.fetch_patiently(statement.text, *statement.arguments(values))

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            await self._connection.close()

    async def _run(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        if self._connection is None:
            self._connection = await self._reader.connect()
        return await self._connection.execute(statement, parameters)


class _ConnectedSession(ReadSession):
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _run(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        return await self._connection.execute(statement, parameters)


class SteadySession(_ConnectedSession):
    """Statements that change nothing and all see the same moment."""

    async def stream(self, statement: Executable, parameters: Parameters | None = None) -> AsyncGenerator[Row[Any]]:
        """The rows of a statement one after the other: never are many of them in memory."""
        options = {"yield_per": _STREAMED}
        async with self._connection.stream(statement, parameters, execution_options=options) as result:
            # In batches: SQLAlchemy makes a greenlet for each step, which costs more than the row.
            async for rows in result.partitions():
                for row in rows:
                    yield row


class WriteSession(_ConnectedSession):
    """One transaction. It commits when the work that it was opened for returns."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.last: dict[Callable[[WriteSession, list[Any]], Awaitable[None]], list[Any]] = {}
        self.after: list[Callable[[], None]] = []
        self.touched: set[Touched] = set()
        """The integrations and organizations whose deeds are on record in this transaction."""
        self.names: dict[uuid.UUID, set[str]] = {}
        """The names of the integrations that it locks, makes or renames."""

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> int:
        """Run a statement; the number of rows that it touched."""
        return (await self._connection.execute(statement, parameters)).rowcount

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Any]:
        """All rows of a statement as asyncpg takes and gives them, for many rows at once: enums as text, JSON decoded,
        and JSON that is given as text.

        SQLAlchemy, which costs several times as much for each of them, still begins and ends the transaction.
        """
        driver = await self._driver()
        return cast("Sequence[Any]", await driver.fetch(statement, *arguments, timeout=_LONGEST))

    async def touch(self, statement: str, *arguments: object) -> int:
        """Run a statement as `fetch` does; the number of rows that it touched."""
        driver = await self._driver()
        status: str = await driver.execute(statement, *arguments, timeout=_LONGEST)
        return int(status.rpartition(" ")[2])

    async def _driver(self) -> Any:
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        if not driver.is_in_transaction():
            await self._connection.execute(_BEGIN)
        return driver

    def name(self, integration_id: uuid.UUID, name: str) -> None:
        """Note what an integration that is written to is called: what is kept under its name may be another one's."""
        self.names.setdefault(integration_id, set()).add(name)

    def at_last(self, work: Callable[["WriteSession", list[T]], Awaitable[None]], *items: T) -> None:
        """Do `work`, once, with all items that were given for it, when everything else of the transaction is done."""
        self.last.setdefault(work, []).extend(items)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction has committed; never when it has not."""
        self.after.append(callback)


class Database:
    """The engine and the two ways to use it."""

    def __init__(self, database_url: str, *, connections: int = 10) -> None:
        self._engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(database_url),
            pool_size=connections * 2,
            max_overflow=0,  # An overflowing connection is closed when it comes back: opening one costs ten reads.
            pool_pre_ping=False,
            pool_timeout=10,
            hide_parameters=True,
            logging_name="strongroom",
            json_serializer=dump,
            json_deserializer=parse,
            connect_args={"timeout": 5},
        )
        self._url = database_url
        self._connections = connections
        self._pool: Pool | None = None
        self._pool_opens = asyncio.Lock()
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._steady = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[QuickSession]:
        """A read session."""
        session = QuickSession(self.pool, self._reader)
        try:
            yield session
        finally:
            await session.close()

    async def pool(self) -> Pool:
        """The pool of prepared statements, opened when it is first asked for. Resolves have another one: what lists
        and counts take from this one, they do not wait for."""
        if self._pool is None:
            async with self._pool_opens:
                self._pool = self._pool or await Pool.open(self._url, connections=self._connections)
        return self._pool

    @asynccontextmanager
    async def steady(self) -> AsyncGenerator[SteadySession]:
        """A session that sees the database as it is now, whatever is written meanwhile."""
        async with self._steady.connect() as connection:
            yield SteadySession(connection)

    async def write(self, work: Callable[[WriteSession], Awaitable[T]]) -> T:
        """Run `work` in one transaction and commit it; run it again when it was a deadlock's victim."""
        for attempt in range(_ATTEMPTS):
            try:
                return await self._write_once(work)
            except (DBAPIError, asyncpg.PostgresError) as error:
                if sqlstate(error) not in _RETRIED or attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 - jitter, no secret
        raise AssertionError("unreachable")

    async def _write_once(self, work: Callable[[WriteSession], Awaitable[T]]) -> T:
        async with self._engine.begin() as connection:
            session = WriteSession(connection)
            result = await work(session)
            for last, items in session.last.items():
                await last(session, items)
        for callback in session.after:
            callback()
        return result

    @property
    def engine(self) -> AsyncEngine:
        """The engine itself, for instruments and migrations' checks."""
        return self._engine

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.close()
        await self._engine.dispose()


def sqlstate(error: DBAPIError | asyncpg.PostgresError) -> str | None:
    """PostgreSQL's five-character code of an error, or None where it is no error of the server."""
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
