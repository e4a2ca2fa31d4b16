"""What runs read of a large table: each batch finds its rows in an index, and no run reads the table batch by batch."""

import uuid
from typing import Any

import pytest

from db.models import BackfillKind
from db.runs import RunLimits
from tests.workers.kit import plant_secrets

pytestmark = pytest.mark.usefixtures("unmeasured")

ROWS = 200_000
MOST = 4

SCANS = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'configs'"


@pytest.mark.soak
async def test_no_run_reads_the_table_for_each_batch(backfill: Any, sql: Any, record_property: Any) -> None:
    """SEAL, VERIFY and ROTATE of one organization, of everybody and of nobody: of hundreds of batches none reads the
    table from end to end, with statistics and without any. At a run's end it may be read once for each question, as
    VERIFY does when it validates."""
    await plant_secrets(sql, ROWS, organizations=100)
    owner = uuid.UUID(str(await sql.fetchval("SELECT id FROM organizations LIMIT 1")))
    await sql.execute("DELETE FROM pg_statistic WHERE starelid IN ('configs'::regclass, 'backfill_slices'::regclass)")
    runs: dict[str, tuple[BackfillKind, dict[str, Any]]] = {
        "SEAL without statistics": (BackfillKind.SEAL, {}),
        "VERIFY": (BackfillKind.VERIFY, {}),
        "ROTATE of one": (BackfillKind.ROTATE, {"limits": RunLimits([owner])}),
        "ROTATE of nothing": (BackfillKind.ROTATE, {"limits": RunLimits((), True)}),
        "ROTATE": (BackfillKind.ROTATE, {}),
    }
    for name, (kind, options) in runs.items():
        before = await sql.fetchval(SCANS)
        run = await backfill(kind, **options)
        assert run.error is None
        await sql.execute("SELECT pg_stat_clear_snapshot()")
        scans = await sql.fetchval(SCANS) - before
        record_property(f"sequential scans of {name}", scans)
        assert scans <= MOST, name
        await sql.execute("ANALYZE")
