"""A worker's memory does not depend on how many rows a run has."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.records import record
from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from tests.workers.kit import plant_secrets

pytestmark = pytest.mark.usefixtures("unmeasured")

ALLOWED_MIB = 32.0
"""What a batch may have grown to meanwhile, and what the allocator keeps."""

SEAL, ROTATE, VERIFY = BackfillKind.SEAL, BackfillKind.ROTATE, BackfillKind.VERIFY


class Runs:
    """Works on planted rows with a worker process, and looks at its memory."""

    def __init__(self, sql: Any, transact: Any, see: Any, start_worker: Callable[[], Any]) -> None:
        self.sql, self.transact, self.see, self.start_worker = sql, transact, see, start_worker

    async def work(self, rows: int, kinds: Sequence[BackfillKind], marks: Sequence[int] = ()) -> dict[str, float]:
        """MiB that one worker process has, for each kind when so many rows were done, and at the most."""
        await self.sql.execute("TRUNCATE organizations, integrations, backfill_runs CASCADE")
        await self.sql.execute("SELECT strongroom_alter_door('drop')")  # A VERIFY of fewer rows has shut it.
        await plant_secrets(self.sql, rows)
        worker, told = self.start_worker(), dict[str, float]()
        for kind in kinds:
            run = await self.transact(lambda t, kind=kind: start_backfill(t, kind))
            left = list(marks)
            while (done := await self.see(run.id)).finished_at is None:
                while left and done.processed >= left[0]:
                    told[f"{kind} after {left.pop(0)} rows"] = read_mib(worker.pid, "VmRSS:")
                await asyncio.sleep(0.05)
            assert (done.status, done.processed) == (BackfillStatus.SUCCEEDED, rows)
            told[f"{kind} at its end"] = read_mib(worker.pid, "VmRSS:")
        told["at the most"] = read_mib(worker.pid, "VmHWM:")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
        return told


@pytest.fixture
def runs(sql: Any, transact: Any, see: Any, start_worker: Callable[[], Any]) -> Runs:
    return Runs(sql, transact, see, start_worker)


async def test_memory_stays(runs: Runs) -> None:
    """Ten times the rows take no more memory."""
    few, many = await runs.work(1_000, [SEAL]), await runs.work(10_000, [SEAL])
    assert many["at the most"] < few["at the most"] + ALLOWED_MIB


@pytest.mark.soak
async def test_memory_stays_to_a_million_rows(runs: Runs, record_property: Callable[[str, object], None]) -> None:
    """A million rows that are sealed, rotated and verified take no more memory than ten thousand, nor does a run take
    more from its first ten thousand rows to its end."""
    kinds, marks = [SEAL, ROTATE, VERIFY], [10_000, 100_000, 500_000]
    few = await runs.work(10_000, kinds)
    many = await runs.work(1_000_000, kinds, marks)
    record(
        "worker_memory",
        "resident memory of one worker process that seals, rotates and verifies all rows, in MiB",
        {"kinds": [kind.name for kind in kinds], "rows": [10_000, 1_000_000], "marks": marks},
        {"ten_thousand_rows": few, "a_million_rows": many},
    )
    for rows, told in (("ten thousand", few), ("a million", many)):
        record_property(f"MiB at the most, {rows} rows", told["at the most"])
    assert many["at the most"] < few["at the most"] + ALLOWED_MIB
    for kind in kinds:
        assert many[f"{kind} at its end"] < many[f"{kind} after 10000 rows"] + ALLOWED_MIB


def read_mib(pid: int, name: str) -> float:
    """A line of what Linux tells of a process: the memory that it has, or the most that it has had so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return round(int(line.split()[1]) / 1024, 1)
    raise AssertionError("Linux tells it")
