"""SEAL on the rows that the replaced platform left behind."""

import json
from typing import Any

import asyncpg
import pytest

from db.models import BackfillKind, BackfillStatus
from db.stored import select_stored, stored, unwrap
from db.sessions import Database
from db.vault import Opened, Vault, open_rows

pytestmark = pytest.mark.usefixtures("legacy_rows")

async def read_all(database: Database, vault: Vault) -> dict[str, Any]:
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        opened = await open_rows(session, vault, rows)
    return {str(row.id): (row, opened[row.id]) for row in rows}


async def test_outcomes(backfill, database, vault, expected, sql):
    """After one run every row has its listed outcome, type and value."""
    before = {str(r["id"]): r for r in await sql.fetch("SELECT * FROM configs")}
    run = await backfill()
    print(run)
    rows = await read_all(database, vault)
    quarantined = {str(r["config_id"]): r["reason"] for r in await sql.fetch("SELECT * FROM quarantined_configs")}
    assert rows.keys() == expected["configs"].keys()
    for id, listed in expected["configs"].items():
        row, opened = rows[id]
        if listed["outcome"] == "quarantined":
            assert id in quarantined and row.legacy, listed
            continue
        assert id not in quarantined
        assert not row.legacy
        assert row.config_type == listed["type"], listed
        assert (row.sealed is not None) == (listed["type"] == "secret"), listed
        assert isinstance(opened, Opened)
        assert json.dumps(opened.value, sort_keys=True) == json.dumps(listed["value"], sort_keys=True), listed
        assert row.version==1 and row.updated_at == before[id]["updated_at"]
    assert run.status is BackfillStatus.SUCCEEDED
    second = await backfill()
    print(second)
    dry = await backfill(dry_run=True); print(dry)
    v = await backfill(BackfillKind.VERIFY); print(v)
    await sql.execute("DELETE FROM configs WHERE id IN (SELECT config_id FROM quarantined_configs)")
    print(await backfill(BackfillKind.VERIFY))
    print(await backfill(BackfillKind.ROTATE))
    print(await backfill(BackfillKind.VERIFY))
    print(await sql.fetch("select active, count(*) from data_keys group by 1"))
