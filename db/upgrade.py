"""Migrations: bring a database to the newest revision, or tell that it is not there."""

from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from db.grants import grant, role_of
from db.settings import sqlalchemy_url

_LOCK: Final = 0x57_52_4F_4F_4D
"""The advisory lock that lets one process at a time migrate."""

VERSION_TABLE: Final = "strongroom_version"
"""Not alembic_version: that one may be the replaced platform's own."""


async def upgrade(database_url: str, revision: str = "head") -> None:
    """Run every missing revision, up to this one, in one transaction. All of them apply, or none."""
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            await connection.execute(text("SET LOCAL statement_timeout = '30min'"))
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


async def migrate(database_url: str, migration_url: str | None = None) -> None:
    """Upgrade as the tables' owner, where there is one beside the service's own role, and grant the rest to that."""
    await upgrade(migration_url or database_url)
    if migration_url is not None:
        await grant(migration_url, await role_of(database_url))


async def is_current(connection: AsyncConnection) -> bool:
    """Whether the database is at the newest revision that this software knows."""
    return await connection.run_sync(_is_current)


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
    head = newest_revision()
    return _migration_context(connection).get_current_revision() == head


def _migration_context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


def _config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
