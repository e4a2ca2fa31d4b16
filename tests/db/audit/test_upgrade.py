"""What the revision does to a log that was there before the chains, and what start-up puts on record."""

import asyncpg
from sqlalchemy import text

from db.models import Base
from db.settings import Settings
from db.start import prepare
from db.upgrade import upgrade


async def test_an_older_log_is_kept_aside(empty_database_url: str) -> None:
    """Events from before the chains are kept in a table of their own; where there are none, there is no such table."""
    await upgrade(empty_database_url, "0002")
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(
        "INSERT INTO audit_log (id, actor, action) VALUES (gen_random_uuid(), 'somebody', 'config.write')"
    )
    await upgrade(empty_database_url)
    assert await connection.fetchval("SELECT count(*) FROM audit_log") == 0
    assert await connection.fetchval("SELECT actor FROM audit_log_unchained") == "somebody"
    await connection.close()


async def test_an_empty_log_leaves_nothing_behind(database_url: str) -> None:
    """A database that never had events without a chain has no table for them."""
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT to_regclass('audit_log_unchained')") is None
    await connection.close()


async def test_the_models_are_the_tables(database) -> None:
    """The columns that the models have are those that the revisions made."""
    async with database.engine.connect() as connection:
        rows = await connection.execute(
            text("""
            SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_name LIKE 'audit%'
        """)
        )
        made = {tuple(row) for row in rows}
    declared = {
        (table.name, column.name, "YES" if column.nullable else "NO")
        for table in Base.metadata.tables.values()
        if table.name.startswith("audit")
        for column in table.columns
    }
    assert made == declared | {("audit_heads", "organization_id", "YES")} - {("audit_heads", "organization_id", "NO")}


async def test_start_up_is_on_record(database_url: str, database, tmp_path) -> None:
    """A new admin token is on record, by start-up; starting again with the same one is nothing new."""
    settings = Settings.from_env({"STRONGROOM_HOME": str(tmp_path), "STRONGROOM_ADMIN_TOKEN": "a" * 40})
    other = Settings.from_env({"STRONGROOM_HOME": str(tmp_path), "STRONGROOM_ADMIN_TOKEN": "b" * 40})
    for given in (settings, settings, other):
        await prepare(given, database_url, lambda token: None)
    async with database.read() as session:
        rows = await session.rows(text("SELECT actor, token_id, action, detail FROM audit_log ORDER BY sequence"))
    assert [(row.actor, row.token_id, row.action) for row in rows] == [("start-up", None, "token.admin")] * 2
    assert [row.detail["replaced"] for row in rows] == [0, 1]
