"""The log of changes: every commit is in it, none is lost to a reader, and nothing is told that did not change."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from db.change_log import BATCH_LIMIT, Batch, Change, prune_changes, read_batch
from db.positions import Position
from db.sessions import Database
from db.upgrade import upgrade

ORGANIZATION, OTHER, INTEGRATION, CONFIG, FIELD = (uuid.UUID(int=number) for number in range(1, 6))
Read = Callable[[Position | None], Awaitable[Batch]]


@pytest.fixture
def read(database: Database) -> Read:
    """Reads the log after a position."""

    async def read(after: Position | None) -> Batch:
        async with database.read() as session:
            return await read_batch(session, after)

    return read


@pytest.fixture
async def place(sql: Any) -> None:
    """An organization, an integration with one field, its mapping, and a value of it as older software writes one."""
    await sql.execute(
        f"""
        INSERT INTO organizations (id, name, created_by) VALUES ('{ORGANIZATION}', 'one', 'test'),
            ('{OTHER}', 'other', 'test');
        INSERT INTO integrations (id, name) VALUES ('{INTEGRATION}', 'halo');
        INSERT INTO integration_config_schema (id, integration_id, key, type)
            VALUES ('{FIELD}', '{INTEGRATION}', 'port', 'int');
        INSERT INTO integration_mappings (integration_id, organization_id, entity_id)
            VALUES ('{INTEGRATION}', '{ORGANIZATION}', '1');
        INSERT INTO configs (id, organization_id, integration_id, key, value, updated_by)
            VALUES ('{CONFIG}', '{ORGANIZATION}', '{INTEGRATION}', 'port', '{{"value": 1}}', 'test')
        """
    )


HALO = frozenset({"halo"})
OF_PLACE = Change(INTEGRATION, ORGANIZATION, ("port",), 1, HALO, "halo")
OF_ALL = Change(INTEGRATION, None, None, None, HALO, "halo")

CHANGES: dict[str, tuple[str, list[Change]]] = {
    "older software writes a value": ("UPDATE configs SET value = '{\"value\": 2}'", [OF_PLACE]),
    "we write a value": (
        "UPDATE configs SET version = 2, updated_at = now()",
        [Change(INTEGRATION, ORGANIZATION, ("port",), 2, HALO, "halo")],
    ),
    "a value is deleted": (
        "DELETE FROM configs",
        [Change(INTEGRATION, ORGANIZATION, ("port",), None, HALO, "halo")],
    ),
    "a value moves": (
        f"UPDATE configs SET organization_id = '{OTHER}'",
        [OF_PLACE, Change(INTEGRATION, OTHER, ("port",), 1, HALO, "halo")],
    ),
    "a default": (
        (
            "INSERT INTO configs (id, integration_id, key, value, updated_by)"
            f" VALUES (gen_random_uuid(), '{INTEGRATION}', 'url', '{{}}', 'x')"
        ),
        [Change(INTEGRATION, None, ("url",), 1, HALO, "halo")],
    ),
    "a standalone value": (
        (
            "INSERT INTO configs (id, organization_id, key, value, updated_by)"
            f" VALUES (gen_random_uuid(), '{ORGANIZATION}', 'url', '{{}}', 'x')"
        ),
        [],
    ),
    "a mapping changes": (
        "UPDATE integration_mappings SET entity_id = '2'",
        [Change(INTEGRATION, ORGANIZATION, None, None, HALO, "halo")],
    ),
    "a mapping is touched": ("UPDATE integration_mappings SET updated_at = now()", []),
    "a mapping is deleted": (
        "DELETE FROM integration_mappings",
        [Change(INTEGRATION, ORGANIZATION, None, None, HALO, "halo")],
    ),
    "a field changes": (
        "UPDATE integration_config_schema SET required = true",
        [Change(INTEGRATION, None, ("port",), None, HALO, "halo")],
    ),
    "a field's description": ("UPDATE integration_config_schema SET description = 'x'", []),
    "an integration is deleted": ("UPDATE integrations SET is_deleted = true", [OF_ALL]),
    "an integration is renamed": (
        "UPDATE integrations SET name = 'new'",
        [Change(INTEGRATION, None, None, None, frozenset({name, "new"}), "new") for name in ("halo", "new")],
    ),
    "an organization is renamed": (
        f"UPDATE organizations SET name = 'new' WHERE id = '{OTHER}'",
        [Change(None, OTHER)],
    ),
    "an organization's settings": ("UPDATE organizations SET settings = '{\"a\": 1}'", []),
    "an organization is deleted": (f"DELETE FROM organizations WHERE id = '{OTHER}'", [Change(None, OTHER)]),
    "a table is emptied": ("TRUNCATE integration_mappings", [Change(None, None)]),
    "a value is typed": ("UPDATE configs SET legacy = false, config_type = 'int', value = '{\"value\": 1}'", []),
    "nothing": ("UPDATE configs SET updated_at = updated_at", []),
}


@pytest.mark.parametrize("about", list(CHANGES))
async def test_what_is_told(sql: Any, place: None, read: Read, about: str) -> None:
    """Every change of what is resolved is told, by place and key; what changes no resolved value is not."""
    statement, told = CHANGES[about]
    position = (await read(None)).position
    await sql.execute(statement)
    batch = await read(position)
    assert sorted(batch.changes, key=repr) == sorted(told, key=repr)
    assert not batch.is_reset
    assert (await read(batch.position)).changes == ()


async def test_what_commits_late_is_told(database_url: str, sql: Any, place: None, read: Read) -> None:
    """A transaction that began first and commits last is told, by a reader that had gone on meanwhile; others do
    not wait for it."""
    position = (await read(None)).position
    late = await asyncpg.connect(database_url)
    try:
        transaction = late.transaction()
        await transaction.start()
        await late.execute("UPDATE integration_mappings SET entity_id = 'late'")
        await sql.execute("UPDATE configs SET version = 7")
        first = await read(position)
        assert [change.version for change in first.changes] == [7]
        assert (await read(first.position)).changes == ()
        await transaction.commit()
        second = await read(first.position)
        assert [change.keys for change in second.changes] == [None]
        assert (await read(second.position)).changes == ()
    finally:
        await late.close()


async def test_nothing_is_lost_and_nothing_told_twice(database_url: str, sql: Any, place: None, read: Read) -> None:
    """Of writers that commit in any order, or not at all, a reader that reads all the time hears each commit once."""
    position = (await read(None)).position
    committed: list[int] = []

    async def write(numbers: range, chance: random.Random) -> None:
        connection = await asyncpg.connect(database_url)
        try:
            for number in numbers:
                transaction = connection.transaction()
                await transaction.start()
                await connection.execute(
                    "INSERT INTO configs (id, integration_id, organization_id, key, value, updated_by, version)"
                    " VALUES (gen_random_uuid(), $1, $2, $3, '{}', 'x', $4)",
                    INTEGRATION,
                    OTHER,
                    f"key-{number}",
                    number,
                )
                await asyncio.sleep(chance.uniform(0, 0.01))
                if chance.random() < 0.2:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    committed.append(number)
        finally:
            await connection.close()

    writers = [asyncio.create_task(write(range(n * 100, n * 100 + 40), random.Random(n))) for n in range(1, 7)]
    heard: list[int] = []
    done = False
    while not done:
        done = all(writer.done() for writer in writers)
        batch = await read(position)
        position = batch.position
        heard.extend(change.version or 0 for change in batch.changes)
    await asyncio.gather(*writers)
    assert sorted(heard) == sorted(committed)
    assert committed


async def test_large_writes_write_few_rows(sql: Any, read: Read) -> None:
    """10,000 rows in one statement are told in a row an integration at most, and nobody is left out."""
    await sql.execute(f"INSERT INTO integrations (id, name) VALUES ('{INTEGRATION}', 'halo')")
    position = (await read(None)).position
    await sql.execute(
        "INSERT INTO organizations (id, name, created_by)"
        " SELECT gen_random_uuid(), 'o', 't' FROM generate_series(1, 10000)"
    )
    batch = await read(position)
    assert batch.changes == (Change(None, None),)
    await sql.execute(
        "INSERT INTO integration_mappings (integration_id, organization_id, entity_id)"
        f" SELECT '{INTEGRATION}', id, '1' FROM organizations"
    )
    assert (await read(batch.position)).changes == (OF_ALL,)


async def test_renaming_many_at_once_forgets_no_name(sql: Any, read: Read) -> None:
    """Where the old names would not fit, anything may have changed."""
    await sql.execute("INSERT INTO integrations (name) SELECT 'i' || g FROM generate_series(1, 60) g")
    position = (await read(None)).position
    await sql.execute("UPDATE integrations SET name = 'new-' || name")
    assert (await read(position)).changes == (Change(None, None),)


async def test_more_than_can_be_told_is_a_reset(sql: Any, place: None, read: Read) -> None:
    """Who comes back after very many changes is told that anything may have changed, and can go on from there."""
    position = (await read(None)).position
    await sql.execute(f"INSERT INTO config_changes (version) SELECT 1 FROM generate_series(1, {BATCH_LIMIT})")
    assert not (await read(position)).is_reset
    await sql.execute("INSERT INTO config_changes (version) VALUES (1)")
    batch = await read(position)
    assert batch.is_reset
    assert batch.changes == ()
    assert (await read(batch.position)) == Batch(batch.position)


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
