"""A worker's memory does not depend on how many rows a run has."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from tests.workers.kit import plant_secrets

pytestmark = pytest.mark.usefixtures("unmeasured")

ALLOWED_MIB = 32.0
"""What a batch may have grown to meanwhile, and what the allocator keeps."""


async def test_memory_stays(sql, transact, see, start_worker, record_property) -> None:
    """Ten times the rows take no more memory."""
    await compare(sql, transact, see, start_worker, record_property, 1_000, 10_000)


@pytest.mark.soak
async def test_memory_stays_to_a_million_rows(sql, transact, see, start_worker, record_property) -> None:
    """A million rows take no more memory than ten thousand."""
    await compare(sql, transact, see, start_worker, record_property, 10_000, 1_000_000)


async def compare(
    sql: Any, transact: Any, see: Any, start_worker: Callable[[], Any], record_property: Any, few: int, many: int
) -> None:
    peaks: list[float] = []
    for rows in (few, many):
        await sql.execute("TRUNCATE organizations, integrations CASCADE")
        await plant_secrets(sql, rows)
        run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL))
        worker = start_worker()
        while (done := await see(run.id)).finished_at is None:
            await asyncio.sleep(0.2)
        assert (done.status, done.changed) == (BackfillStatus.SUCCEEDED, rows)
        peaks.append(peak_mib(worker.pid))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    for rows, peak in zip((few, many), peaks, strict=True):
        record_property(f"peak MiB of {rows} rows", peak)
    assert peaks[1] < peaks[0] + ALLOWED_MIB


def peak_mib(pid: int) -> float:
    """The most memory that a process has had so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise AssertionError("Linux tells it")
