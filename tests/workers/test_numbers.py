"""Numbers of the database that Python's cannot hold: older software's jsonb may have any digits."""

import uuid
from typing import Any

from db.models import BackfillKind, BackfillStatus
from db.stored import INEXACT, select_stored, stored
from db.values import ConfigType
from db.vault import Opened, open_rows
from workers.outcomes import TOO_EXACT

EXACT = ["0.1", "1.10", "-0", "3.0", "1e5", "1e400", "9007199254740993", "123456789012345678901234567890", "1e-7"]
INEXACT_ONES = ["0.12345678901234567890123", "123456789012345678.5", "1" * 400 + ".5", "1e-400", "1" * 5_000]


async def plant(sql: Any, numbers: list[str]) -> dict[uuid.UUID, tuple[str, str]]:
    """A row for each type and number: what was planted, by id."""
    integration, rows = uuid.uuid4(), dict[uuid.UUID, tuple[str, str]]()
    await sql.execute("INSERT INTO integrations (id, name) VALUES ($1, 'i')", integration)
    for kind in ConfigType:
        await sql.execute(
            "INSERT INTO integration_config_schema (id, integration_id, key, type) VALUES ($1, $2, $3, $3)",
            uuid.uuid4(),
            integration,
            kind.value,
        )
    for number in numbers:
        organization = uuid.uuid4()
        await sql.execute("INSERT INTO organizations (id, name, created_by) VALUES ($1, 'o', 'x')", organization)
        for kind in (*(kind.value for kind in ConfigType), "unknown"):
            rows[id := uuid.uuid4()] = (kind, number)
            await sql.execute(
                "INSERT INTO configs (id, organization_id, integration_id, key, value, updated_by) "
                "VALUES ($1, $2, $3, $4, $5, 'old software')",
                id,
                organization,
                integration,
                kind,
                f'{{"value": {number}}}',
            )
    return rows


async def read(database: Any, vault: Any) -> dict[uuid.UUID, Any]:
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        return await open_rows(session, vault, rows)


async def test_no_number_loses_digits(sql, backfill, database, vault) -> None:
    """Every number is what it was, whatever the type of its field: sealed, kept as it is, or in quarantine."""
    rows = await plant(sql, EXACT + INEXACT_ONES)
    run = await backfill()
    assert run.status is BackfillStatus.SUCCEEDED
    left = {
        row["config_id"]: row["reason"] for row in await sql.fetch("SELECT config_id, reason FROM quarantined_configs")
    }
    opened = await read(database, vault)
    for id, (kind, number) in rows.items():
        row = await sql.fetchrow("SELECT value::text, legacy, sealed FROM configs WHERE id = $1", id)
        if row["sealed"] is not None:
            assert isinstance(opened[id], Opened)
            assert await sql.fetchval("SELECT $1::numeric = $2::numeric", number, str(opened[id].value))
        else:
            assert await sql.fetchval("SELECT $1::jsonb = $2::jsonb", row["value"], f'{{"value": {number}}}')
        fits = number in EXACT if kind == "secret" else kind in ("json", "unknown")
        if kind != "int":
            assert (id not in left) == fits, (kind, number)
        assert row["legacy"] == (id in left)
    secrets = {left[id] for id, (kind, number) in rows.items() if kind == "secret" and number not in EXACT}
    assert secrets == {INEXACT}


async def test_verify_reads_them(sql, backfill) -> None:
    """What is kept as it is passes VERIFY; what is in quarantine is named with its reason."""
    rows = await plant(sql, INEXACT_ONES)
    await sql.execute("DELETE FROM configs WHERE key IN ('int', 'string', 'bool')")
    await backfill()
    run = await backfill(BackfillKind.VERIFY)
    assert run.quarantined == len(INEXACT_ONES)
    assert run.error is not None
    assert run.error.count(INEXACT) == len(INEXACT_ONES)
    await sql.execute("DELETE FROM configs WHERE key = 'secret'")
    assert (await backfill(BackfillKind.VERIFY)).status is BackfillStatus.SUCCEEDED
    assert await sql.fetchval("SELECT count(*) FROM configs") == len(rows) // 6 * 2


async def test_what_is_written_anew_loses_no_digits_either(sql, backfill) -> None:
    """A row that would be wrapped or converted is left alone where that would round a number beside the value."""
    rows = await plant(sql, ["0"])
    await sql.execute("DELETE FROM configs WHERE key NOT IN ('json', 'int')")
    await sql.execute("UPDATE configs SET value = '[0.12345678901234567890123]' WHERE key = 'json'")
    await sql.execute("""UPDATE configs SET value = '{"value": "5", "n": 123456789012345678.5}' WHERE key = 'int'""")
    before = await sql.fetch("SELECT id, value::text FROM configs ORDER BY id")
    run = await backfill()
    assert (len(rows), run.changed, run.quarantined) == (6, 0, 2)
    assert await sql.fetch("SELECT id, value::text FROM configs ORDER BY id") == before
    assert {row["reason"] for row in await sql.fetch("SELECT reason FROM quarantined_configs")} == {TOO_EXACT}
