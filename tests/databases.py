"""Databases of a test server, made and reached by what runs outside of a test's event loop.

complete      run a coroutine to its end, whatever loop this thread has
run_sql       run statements
at_database   the URL of another database of the same server
Databases     makes databases, and drops them, over one connection
"""

import asyncio
import threading
import uuid
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg

T = TypeVar("T")

_PATIENCE = 120.0
"""Seconds that a server may take for what takes it less than one; what waits for longer waits for ever."""


def complete(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop and a thread of its own, whatever loop this thread has."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001 - raised below, on the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if thread.is_alive():
        raise TimeoutError(f"{coroutine.__qualname__} has not come to its end within {_PATIENCE} s")
    if errors:
        raise errors[0]
    return results[0]


def run_sql(database_url: str, *statements: str) -> None:
    """Run statements, each by itself."""

    async def run() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    complete(run())


def at_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}?{query}"


class Databases:
    """Makes a server's databases and drops them, over one connection that stays: every test has one made."""

    def __init__(self, server_url: str) -> None:
        self._url = server_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connection: asyncpg.Connection | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def make(self, template: str, name: str | None = None) -> str:
        """The URL of a new database, a copy of the template's files: several times cheaper than one by way of WAL."""
        name = name or f"test_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return at_database(self._url, name)

    def drop(self, url: str) -> None:
        """Drop it, whoever is still connected to it."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._execute(statement), self._loop).result(_PATIENCE)
        except TimeoutError as error:
            raise TimeoutError(f"PostgreSQL is not done within {_PATIENCE} s: {statement}") from error

    async def _execute(self, statement: str) -> None:
        if self._connection is None or self._connection.is_closed():  # A test may have cut it.
            self._connection = await asyncpg.connect(self._url)
        await self._connection.execute(statement)
