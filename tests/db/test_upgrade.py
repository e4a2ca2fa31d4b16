"""Migrating: once, again, by two at a time, and over what is no database of the replaced software."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from db.errors import SettingsError
from db.models import Base
from db.sessions import Database
from db.upgrade import VERSION_TABLE, is_current, newest_revision, upgrade
from tests.timing import allowed, within

LEGACY = Path(__file__).parent.parent / "data" / "legacy.sql"


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_a_second_upgrade_is_a_no_op(empty_database_url: str) -> None:
    """A second upgrade changes nothing: no table, no index and no row is written again."""
    await execute(empty_database_url, LEGACY.read_text())
    await upgrade(empty_database_url)
    catalogue = "SELECT oid, xmin::text, relname::text, relfilenode FROM pg_class WHERE oid >= 16384 ORDER BY 1"
    rows = "SELECT id, xmin::text, ctid::text FROM configs ORDER BY 1"
    before = await fetch(empty_database_url, catalogue), await fetch(empty_database_url, rows)
    await upgrade(empty_database_url)
    assert (await fetch(empty_database_url, catalogue), await fetch(empty_database_url, rows)) == before


async def test_migrating_rewrites_no_config(empty_database_url: str) -> None:
    """Columns are added without rewriting configs: its rows stay where they are."""
    await execute(empty_database_url, LEGACY.read_text())
    rows = "SELECT id, xmin::text, ctid::text FROM configs ORDER BY 1"
    before = await fetch(empty_database_url, rows)
    await upgrade(empty_database_url)
    assert await fetch(empty_database_url, rows) == before


async def test_two_upgrades_at_once(empty_database_url: str) -> None:
    """One process at a time migrates; another waits and finds nothing to do."""
    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(3)))
    assert await fetch(empty_database_url, "SELECT version_num FROM strongroom_version") == [(newest_revision(),)]


async def test_it_tells_whether_the_database_is_current(empty_database_url: str) -> None:
    """A database is current once every revision has run, and not before."""
    database = Database(empty_database_url)
    try:
        async with database.engine.connect() as connection:
            assert not await is_current(connection)
        await upgrade(empty_database_url)
        async with database.engine.connect() as connection:
            assert await is_current(connection)
    finally:
        await database.close()


BREAKS = {
    "a table is missing": ("DROP TABLE configs", "table configs is not there"),
    "another one is": ("DROP TABLE organizations CASCADE", "table organizations is not there"),
    "a column is missing": ("ALTER TABLE configs DROP updated_by", "table configs lacks updated_by"),
    "a column that indexes need": (
        "ALTER TABLE integration_mappings DROP created_at",
        "table integration_mappings lacks created_at",
    ),
    "a column of the schema": (
        "ALTER TABLE integration_config_schema DROP options, DROP position",
        "table integration_config_schema lacks options, position",
    ),
    "tables of somebody else": (
        "DROP TABLE configs CASCADE; DROP TABLE integrations CASCADE; ALTER TABLE organizations DROP created_by",
        "table organizations lacks created_by; table integrations is not there",
    ),
    "a type of somebody else": (
        "DROP TABLE configs; DROP TYPE config_type; CREATE TYPE config_type AS ENUM ('string', 'blob')",
        "the type config_type lacks labels",
    ),
    "only the type": (
        "DROP TABLE configs, integration_config_schema, integration_mappings, integrations, organizations",
        "table configs is not there",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
async def test_part_of_the_legacy_tables_is_refused(name: str, empty_database_url: str) -> None:
    """A database that holds a part of the legacy shape is refused by name, and nothing is made in it."""
    broken, told = BREAKS[name]
    await execute(empty_database_url, LEGACY.read_text(), f"SET search_path = public; {broken}")
    relations = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    before = await fetch(empty_database_url, relations)
    with pytest.raises(SettingsError) as refused:
        await upgrade(empty_database_url)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert await fetch(empty_database_url, relations) == before


def test_the_command_tells_it_in_one_line(empty_database_url: str) -> None:
    """`python -m db upgrade` on such a database: one clear line, a non-zero exit, no traceback."""
    asyncio.run(execute(empty_database_url, "CREATE TABLE configs (id uuid, note text)"))
    done = subprocess.run(
        [sys.executable, "-m", "db", "upgrade"],
        env={**os.environ, "DATABASE_URL": empty_database_url},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("strongroom: cannot adopt this database: ")
    assert done.stderr.count("\n") == 1


async def test_the_models_are_what_the_migrations_make(database: Database) -> None:
    """The models' tables and columns are those of the migrated database."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return compare_metadata(context, Base.metadata)

    async with database.engine.connect() as connection:
        drift = await connection.run_sync(compare)
    kinds = {"add_table", "add_column", "remove_table", "remove_column"}
    wrong = [entry for entry in drift if not isinstance(entry, tuple) or entry[0] in kinds or "modify" in entry[0]]
    assert wrong == []


WRITES = (
    "INSERT INTO organizations (id, name, created_by) VALUES (gen_random_uuid(), 'o', 'old')",
    "INSERT INTO integrations (id, name) VALUES (gen_random_uuid(), gen_random_uuid()::text)",
    """
    INSERT INTO configs (id, key, config_type, value, updated_by)
    VALUES (gen_random_uuid(), gen_random_uuid()::text, 'string', '{"value": 1}', 'old')
    """,
)


@pytest.mark.parametrize("statements", [WRITES, WRITES[::-1]], ids=["forth", "back"])
async def test_those_who_write_to_several_tables_go_on(empty_database_url: str, statements: tuple[str, ...]) -> None:
    """Older software writes to several tables in each transaction, in whatever order, all the time: the migration comes
    to its end, and not one of those transactions fails or waits for long."""
    await upgrade(empty_database_url, "0005")
    done, longest, upgraded = 0, 0.0, asyncio.Event()

    async def write() -> None:
        nonlocal done, longest
        connection = await asyncpg.connect(empty_database_url)
        while not upgraded.is_set():
            started = time.monotonic()
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement)
                    await asyncio.sleep(0.02)
            done, longest = done + 1, max(longest, time.monotonic() - started)
        await connection.close()

    writing = [asyncio.create_task(write()) for _ in range(4)]
    await asyncio.sleep(0.5)
    try:
        await upgrade(empty_database_url)
    finally:
        upgraded.set()
        await asyncio.gather(*writing)
    assert done > 0
    assert longest < allowed(5)
    assert await fetch(empty_database_url, "SELECT count(*) >= 4 FROM config_changes_pruned, configs") == [(True,)]


async def test_a_transaction_that_does_not_end_is_told(empty_database_url: str) -> None:
    """Somebody's transaction stays open on a table: the migration gives up in one line and has changed nothing, and
    others go on writing to the table meanwhile."""
    await upgrade(empty_database_url, "0005")
    idle, other = await asyncpg.connect(empty_database_url), await asyncpg.connect(empty_database_url)
    transaction = idle.transaction()
    await transaction.start()
    await idle.execute(WRITES[0])
    upgrading = asyncio.create_task(upgrade(empty_database_url, patience=1.5))
    await asyncio.sleep(0.3)
    with within(5):
        await other.execute(WRITES[0])
    with pytest.raises(SettingsError, match="in use by transactions that do not end"):
        await upgrading
    await transaction.rollback()
    assert await fetch(empty_database_url, f"SELECT version_num FROM {VERSION_TABLE}") == [("0005",)]
    await upgrade(empty_database_url)
    for connection in (idle, other):
        await connection.close()
