"""Every commit is in the log, none is lost to a reader, and nothing is told that did not change."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest

from db.change_log import BATCH_LIMIT, Batch, Change
from tests.db.change_log.place import HALO, INTEGRATION, OF_ALL, OF_PLACE, ORGANIZATION, OTHER, Read

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
