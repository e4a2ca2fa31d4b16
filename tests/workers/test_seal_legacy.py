"""SEAL, VERIFY and ROTATE on the rows that the replaced platform left behind (tests/data/legacy.sql)."""

import json
from typing import Any

import asyncpg
import pytest

from db.models import BackfillKind, BackfillStatus
from db.runs import RunRow
from db.sessions import Database
from db.stored import StoredConfig, select_stored, stored
from db.vault import Opened, Shut, Vault, open_rows
from workers.door import CONSTRAINT

pytestmark = pytest.mark.usefixtures("legacy_rows")


async def read_all(database: Database, vault: Vault) -> dict[str, tuple[StoredConfig, Opened | Shut]]:
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        opened = await open_rows(session, vault, rows)
    return {str(row.id): (row, opened[row.id]) for row in rows}


async def snapshot(sql: Any) -> list[Any]:
    tables = ("configs", "config_history", "data_keys", "quarantined_configs")
    return [await sql.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def counts(run: RunRow) -> tuple[int, ...]:
    return run.total, run.processed, run.changed, run.skipped, run.quarantined


def dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


async def test_every_row_has_its_listed_outcome(backfill, database, vault, expected, sql):
    """After one run every one of the 964 rows has the outcome, type and value that are listed for it."""
    run = await backfill()
    rows = await read_all(database, vault)
    quarantined = {str(row["config_id"]) for row in await sql.fetch("SELECT config_id FROM quarantined_configs")}
    listed = expected["configs"]
    assert rows.keys() == listed.keys()
    assert quarantined == {id for id, wanted in listed.items() if wanted["outcome"] == "quarantined"}
    for id, wanted in listed.items():
        row, opened = rows[id]
        assert row.legacy == (id in quarantined), wanted
        assert (row.sealed is not None) == (wanted["outcome"] == "sealed"), wanted
        if id not in quarantined:
            assert isinstance(opened, Opened), wanted
            assert (row.config_type, dump(opened.value)) == (wanted["type"], dump(wanted["value"])), wanted
    assert (run.status, run.total, run.processed) == (BackfillStatus.SUCCEEDED, 964, 964)
    assert run.quarantined == len(quarantined) == run.processed - run.changed - run.skipped


async def test_sealing_changes_neither_version_nor_author(backfill, sql):
    """A row's version, times, author and description are what they were: sealing changes no value."""
    columns = "id, key, version, description, created_at, updated_at, updated_by, organization_id, integration_id"
    before = await sql.fetch(f"SELECT {columns} FROM configs ORDER BY id")
    await backfill()
    assert await sql.fetch(f"SELECT {columns} FROM configs ORDER BY id") == before


async def test_quarantined_rows_stay_untouched(backfill, sql, expected):
    """What a run cannot decide is byte for byte as older software left it."""
    ids = [id for id, wanted in expected["configs"].items() if wanted["outcome"] == "quarantined"]
    before = await sql.fetch("SELECT * FROM configs WHERE id::text = ANY($1) ORDER BY id", ids)
    await backfill()
    assert await sql.fetch("SELECT * FROM configs WHERE id::text = ANY($1) ORDER BY id", ids) == before


async def test_a_second_run_changes_nothing(backfill, sql):
    """Running SEAL again meets the quarantined rows only, and changes nothing."""
    first = await backfill()
    await sql.execute("UPDATE quarantined_configs SET run_id = run_id, since = since - interval '1 day'")
    before = await snapshot(sql)
    second = await backfill()
    after = await snapshot(sql)
    assert counts(second) == (first.quarantined, first.quarantined, 0, 0, first.quarantined)
    assert after[:3] == before[:3]
    kept = [(row["config_id"], row["reason"], row["since"]) for row in before[3]]
    assert [(row["config_id"], row["reason"], row["since"]) for row in after[3]] == kept
    assert {row["run_id"] for row in after[3]} == {second.id}


async def test_a_dry_run_counts_the_same_and_changes_nothing(backfill, sql):
    """A dry run counts what a run counts, and leaves every table as it is: no quarantine, no data key."""
    before = await snapshot(sql)
    dry = await backfill(dry_run=True)
    assert await snapshot(sql) == before
    assert counts(dry) == counts(await backfill())


async def test_verify_names_exactly_the_quarantined_rows(backfill, sql):
    """While any row is quarantined VERIFY fails and names it, and the door stays open."""
    await backfill()
    run = await backfill(BackfillKind.VERIFY)
    quarantine = await sql.fetch("SELECT config_id, reason FROM quarantined_configs ORDER BY config_id")
    found = await sql.fetch("SELECT config_id, reason FROM backfill_findings WHERE run_id = $1 ORDER BY 1", run.id)
    assert (run.status, run.quarantined) == (BackfillStatus.FAILED, len(quarantine))
    assert found == quarantine
    assert run.error is not None
    assert run.error.startswith("10 rows are wrong: ")
    assert all(f"{row['config_id']} {row['reason']}" in run.error for row in quarantine)
    assert await sql.fetchval("SELECT count(*) FROM pg_constraint WHERE conname = $1", CONSTRAINT) == 0


async def test_verify_shuts_the_door(backfill, sql):
    """Once every row is right VERIFY succeeds, and PostgreSQL refuses what older software would write."""
    await backfill()
    await sql.execute("DELETE FROM configs WHERE id IN (SELECT config_id FROM quarantined_configs)")
    run = await backfill(BackfillKind.VERIFY)
    assert (run.status, run.error, run.quarantined) == (BackfillStatus.SUCCEEDED, None, 0)
    assert await sql.fetchval("SELECT convalidated FROM pg_constraint WHERE conname = $1", CONSTRAINT)
    with pytest.raises(asyncpg.CheckViolationError):
        await sql.execute(
            "INSERT INTO configs (id, key, value, config_type, updated_by) "
            """VALUES (gen_random_uuid(), 'k', '{"value": "plain"}', 'string', 'old software')"""
        )
    assert (await backfill(BackfillKind.VERIFY)).status is BackfillStatus.SUCCEEDED


async def test_a_dry_verify_leaves_the_door_open(backfill, sql):
    """A dry VERIFY reports and no more."""
    await backfill()
    await sql.execute("DELETE FROM configs WHERE legacy")
    assert (await backfill(BackfillKind.VERIFY, dry_run=True)).status is BackfillStatus.SUCCEEDED
    assert await sql.fetchval("SELECT count(*) FROM pg_constraint WHERE conname = $1", CONSTRAINT) == 0


async def test_rotation_keeps_every_value(backfill, database, vault, sql):
    """After ROTATE every secret opens to what it was, under new data keys; the old ones are destroyed."""
    await backfill()
    before = await read_all(database, vault)
    keys = {row["id"] for row in await sql.fetch("SELECT id FROM data_keys")}
    run = await backfill(BackfillKind.ROTATE)
    after = await read_all(database, vault)
    sealed = [id for id, (row, _) in before.items() if row.sealed is not None]
    assert (run.status, run.changed) == (BackfillStatus.SUCCEEDED, len(sealed))
    for id, (row, opened) in after.items():
        if isinstance(opened, Opened):
            assert opened == before[id][1]
        assert row.data_key_id not in keys
    left = await sql.fetch("SELECT id, active FROM data_keys")
    assert {row["id"] for row in left}.isdisjoint(keys)
    assert all(row["active"] for row in left)
