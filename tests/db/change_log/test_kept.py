"""How long changes are kept, whose positions count, and who may read and write."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from db.change_log import Batch, prune_changes
from db.positions import Position
from db.sessions import Database
from db.upgrade import upgrade
from tests.db.change_log.place import OF_PLACE, ORGANIZATION, Read


async def test_pruning(sql: Any, place: None, read: Read, database: Database) -> None:
    """What is old goes; a position that did not see it is told by a reset, one that did goes on."""
    old = (await read(None)).position
    await sql.execute("UPDATE configs SET version = 2")
    seen = (await read(old)).position
    await sql.execute("UPDATE config_changes SET at = now() - interval '25 hours'")
    assert await prune_changes(database) > 0
    assert await sql.fetchval("SELECT count(*) FROM config_changes") == 0
    await sql.execute("UPDATE configs SET version = 3")
    assert (await read(old)).is_reset
    assert [change.version for change in (await read(seen)).changes] == [3]
    assert await prune_changes(database, timedelta(hours=1)) == 0


async def test_pruning_leaves_what_may_be_unseen(
    database_url: str, sql: Any, place: None, read: Read, database
) -> None:
    """While a transaction runs that is older than a change, the change stays: a reader may not have seen it."""
    running = await asyncpg.connect(database_url)
    try:
        transaction = running.transaction()
        await transaction.start()
        await running.execute("SELECT pg_current_xact_id()")
        await sql.execute("UPDATE configs SET version = 2")
        before = await sql.fetchval("SELECT count(*) FROM config_changes WHERE version = 2")
        await prune_changes(database, timedelta())
        assert await sql.fetchval("SELECT count(*) FROM config_changes WHERE version = 2") == before == 1
        position = (await read(None)).position
        await transaction.rollback()
        await prune_changes(database, timedelta())
        assert await sql.fetchval("SELECT count(*) FROM config_changes") == 0
        assert (await read((await read(None)).position)).is_reset is False
        assert position.lower <= await sql.fetchval("SELECT transaction_id FROM config_changes_pruned")
    finally:
        await running.close()


async def test_positions_of_another_history(read: Read, place: None) -> None:
    """A position of another server, or from beyond this one's present, is told by a reset."""
    now = (await read(None)).position
    assert (await read(Position("f" * 32, now.lower, now.upper))).is_reset
    assert (await read(Position(now.epoch, now.upper + 1_000, now.upper + 1_000))).is_reset


async def test_rows_of_another_server_are_never_told(sql: Any, place: None, read: Read, database: Database) -> None:
    """A restored database has rows, and a pruned mark, with transactions that this server has not reached: they are
    neither told again and again nor in anybody's way, and are pruned like all others."""
    position = (await read(None)).position
    far = 2**60
    await sql.execute("INSERT INTO config_changes (transaction_id, version) VALUES ($1, 1)", far)
    await sql.execute("UPDATE config_changes_pruned SET transaction_id = $1", far)
    batch = await read(position)
    assert batch == Batch(batch.position)
    await sql.execute("UPDATE config_changes SET at = now() - interval '25 hours'")
    await prune_changes(database)
    assert await sql.fetchval("SELECT count(*) FROM config_changes") == 0
    assert await sql.fetchval("SELECT transaction_id FROM config_changes_pruned") < far


async def test_a_role_that_knows_nothing_of_the_feed_goes_on_writing(sql: Any, place: None, read: Read) -> None:
    """Older software's own role, with rights to its tables alone, writes as before, and is told; it can neither read
    nor write the log, nor have SQL of its own run by the log's triggers."""
    role = f"old_{uuid.uuid4().hex}"
    await sql.execute(
        f"CREATE ROLE {role}; GRANT SELECT, UPDATE ON configs TO {role}; GRANT CREATE ON SCHEMA public TO {role}"
    )
    position = (await read(None)).position
    try:
        await sql.execute(f"SET ROLE {role}")
        await sql.execute("UPDATE configs SET value = '{\"value\": 2}'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sql.execute("SELECT * FROM config_changes")
        await sql.execute("CREATE TABLE own (id int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sql.execute(
                "CREATE TRIGGER t AFTER INSERT ON own REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
                " EXECUTE FUNCTION strongroom_record('SELECT 1')"
            )
    finally:
        await sql.execute("RESET ROLE")
        told = (await read(position)).changes
        await sql.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert told == (OF_PLACE,)


async def test_a_reader_without_special_rights(sql: Any, place: None) -> None:
    """The log can be read by a role that is no superuser and may only read its tables."""
    role = f"reader_{uuid.uuid4().hex}"
    await sql.execute(
        f"CREATE ROLE {role}; GRANT SELECT ON config_changes, config_changes_pruned, integrations TO {role}"
    )
    try:
        await sql.execute(f"SET ROLE {role}")
        assert await sql.fetchval(
            "SELECT system_identifier IS NOT NULL FROM pg_control_system(), pg_control_checkpoint()"
        )
        assert await sql.fetchval("SELECT count(*) FROM config_changes") > 0
    finally:
        await sql.execute("RESET ROLE")
        await sql.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_migrating_with_writers_about(empty_database_url: str) -> None:
    """A transaction that older software began before the migration only makes it wait for its end."""
    await upgrade(empty_database_url, "0009")
    writer = await asyncpg.connect(empty_database_url)
    try:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute(f"INSERT INTO organizations (id, name, created_by) VALUES ('{ORGANIZATION}', 'a', 'b')")
        upgrading = asyncio.create_task(upgrade(empty_database_url))
        await asyncio.sleep(0.3)
        await transaction.commit()
        await upgrading
        await writer.execute("UPDATE organizations SET name = 'c'")
        assert await writer.fetchval("SELECT count(*) FROM config_changes") == 1
    finally:
        await writer.close()
