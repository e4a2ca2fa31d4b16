"""Migrations: bring a database to the newest revision, or tell that it is not there."""

import asyncio
import random
import time
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from db.errors import SettingsError
from db.grants import grant, role_of
from db.models import Base
from db.sessions import sqlstate
from db.settings import sqlalchemy_url

_LOCK: Final = 0x57_52_4F_4F_4D
"""The advisory lock that lets one process at a time migrate."""

VERSION_TABLE: Final = "strongroom_version"
"""Not alembic_version: that one may be the replaced platform's own."""


_TABLES: Final = text("""
SELECT quote_ident(tablename) FROM pg_tables
WHERE schemaname = current_schema() AND tablename = ANY(CAST(:names AS text[])) ORDER BY tablename
""")

_TURN: Final = "400ms"
"""How long the tables are waited for at a time: less than PostgreSQL's `deadlock_timeout`, so that nobody who writes to
them in another order is ever ended for our sake."""

_PAUSE: Final = (0.1, 0.6)
"""Seconds between two attempts, in which those who write get on."""

_PATIENCE: Final = 60.0
"""Seconds after which a transaction that stays on the tables is taken for one that does not end."""

_IN_USE: Final = frozenset({"55P03", "40P01"})


async def upgrade(database_url: str, revision: str = "head", patience: float = _PATIENCE) -> None:
    """Run every missing revision, up to this one, in one transaction. All of them apply, or none.

    Others may read and write meanwhile: they wait for a moment. Raises SettingsError when somebody else's transaction
    is on the tables for longer than `patience` seconds.
    """
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    end = time.monotonic() + patience
    try:
        while not await _try(engine, revision):
            if time.monotonic() >= end:
                raise SettingsError(
                    "the tables are in use by transactions that do not end; nothing was changed: end them and try again"
                )
            await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311 - no secret
    finally:
        await engine.dispose()


async def _try(engine: AsyncEngine, revision: str) -> bool:
    """Whether the database is at a revision now; False where others were on its tables."""
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if not await connection.run_sync(_is_at, revision):
                await _take_tables(connection)
                await connection.execute(text("SET LOCAL lock_timeout = '10s'"))
                await connection.execute(text("SET LOCAL statement_timeout = '30min'"))
                await connection.run_sync(_upgrade, revision)
    except DBAPIError as error:
        if sqlstate(error) not in _IN_USE:
            raise SettingsError(f"PostgreSQL refuses the migration, and nothing was changed: {_told(error)}") from None
        return False
    return True


def _told(error: DBAPIError) -> str:
    """What PostgreSQL says first: names, and never a value; those come with the details."""
    message = getattr(getattr(error.orig, "__cause__", None), "message", None)
    return f"{message or type(error).__name__} ({sqlstate(error)})"


async def _take_tables(connection: AsyncConnection) -> None:
    """All of them before anything is changed: one after the other, as they are changed, would be a deadlock with
    whoever writes to several of them."""
    tables = list(await connection.scalars(_TABLES, {"names": list(Base.metadata.tables)}))
    # In the order of those who write it only takes their ends; which one that is, is not known.
    order = random.choice((tables, tables[::-1], random.sample(tables, len(tables))))  # noqa: S311 - no secret
    if order:
        await connection.execute(text(f"SET LOCAL lock_timeout = '{_TURN}'"))
        await connection.execute(text(f"LOCK TABLE {', '.join(order)} IN ACCESS EXCLUSIVE MODE"))


async def migrate(database_url: str, migration_url: str | None = None) -> None:
    """Upgrade as the tables' owner, where there is one beside the service's own role, and grant the rest to that."""
    await upgrade(migration_url or database_url)
    if migration_url is not None:
        await grant(migration_url, await role_of(database_url))


async def is_current(connection: AsyncConnection) -> bool:
    """Whether the database is at the newest revision that this software knows."""
    return await connection.run_sync(_is_current)


def _is_at(connection: Connection, revision: str) -> bool:
    return _migration_context(connection).get_current_revision() == (
        newest_revision() if revision == "head" else revision
    )


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, revision)


@cache
def newest_revision() -> str | None:
    """The revision that this software knows last."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _is_current(connection: Connection) -> bool:
    return _is_at(connection, "head")


def _migration_context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


def _config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
