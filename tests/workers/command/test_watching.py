"""Watching a run from the command line: its lines, its bar, its end."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from db.models import BackfillKind, BackfillStatus
from db.runs import pause_backfill, start_backfill
from tests.workers.kit import plant_secrets
from workers import watching
from workers.bar import Bar
from workers.engine import Engine
from workers.reports import as_line, in_words

ROOT = Path(__file__).resolve().parents[3]


SEAL = BackfillKind.SEAL


Run = Callable[..., Awaitable[tuple[int, str, str]]]


async def test_watching_to_the_end(run: Run, engine: Engine, sql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`start --watch` tells a run until it has succeeded, which is exit code 0; with --json one object a line."""
    monkeypatch.setattr(watching, "INTERVAL", 0.02)
    await plant_secrets(sql, 300)
    watched = asyncio.ensure_future(run("start", "--watch", "--json", "--batch-size", "10"))
    await work_on_whatever_is_there(engine, sql)
    code, out, err = await watched
    looks = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {look["id"] for look in looks} == {str(await sql.fetchval("SELECT id FROM backfill_runs"))}
    assert len(looks) > 3
    assert [look["processed"] for look in looks] == sorted(look["processed"] for look in looks)
    assert (looks[-1]["status"], looks[-1]["changed"], looks[-1]["total"]) == ("SUCCEEDED", 300, 300)
    code, out, _ = await run("watch")
    assert (code, out.count("\n"), "SUCCEEDED, 300 of 300 rows" in out) == (0, 1, True)


async def work_on_whatever_is_there(engine: Engine, sql: Any) -> None:
    async with asyncio.timeout(60):
        while (id := await sql.fetchval("SELECT id FROM backfill_runs ORDER BY created_at DESC LIMIT 1")) is None:
            await asyncio.sleep(0.02)
    while await engine.work(uuid.UUID(str(id))):
        pass


@pytest.mark.parametrize(
    ("steps", "code"), [(["running", "failed"], 4), (["cancelling", "cancelled"], 5), (["running", "succeeded"], 0)]
)
async def test_exit_codes_of_ends(run: Run, transact: Any, sql: Any, steps: list[str], code: int) -> None:
    """Watching tells by its exit code how the run ended."""
    started = await transact(lambda t: start_backfill(t, SEAL))
    for step in steps:
        await sql.execute("UPDATE backfill_runs SET status = $1, error = 'why'", step)
    found, out, _ = await run("watch", str(started.id))
    assert found == code
    assert "error: why" in out


@pytest.mark.parametrize(("arguments", "code"), [(["watch"], 6), (["watch", "--follow"], 0)])
async def test_signals_end_watching(
    settings: dict[str, str], transact: Any, see: Any, tmp_path: Path, arguments: list[str], code: int
) -> None:
    """SIGTERM ends watching with a code that says that the run is not over, and following with 0; the run stays."""
    started = await transact(lambda t: start_backfill(t, SEAL))
    await transact(lambda t: pause_backfill(t, started.id))
    output = tmp_path / "output"
    with output.open("wb") as file:
        command = [sys.executable, "-m", "workers", "backfill", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=file, stderr=file)
    try:
        async with asyncio.timeout(60):
            while b"PAUSED" not in output.read_bytes():
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == code
    finally:
        process.kill()
        process.wait(20)
    assert b"Traceback" not in output.read_bytes()
    assert (await see(started.id)).status is BackfillStatus.PAUSED


async def test_the_bar(transact: Any, see: Any) -> None:
    """In a terminal a run is a bar with its rate and the time left; its throttle and its end are lines."""
    row = await see((await transact(lambda t: start_backfill(t, SEAL))).id)
    terminal = io.StringIO()
    bar = Bar(Console(file=terminal, force_terminal=True, width=120, color_system=None))
    bar.tell(row)
    running = replace(row, status=BackfillStatus.RUNNING, total=2_000, processed=500, rows_per_second=25.0)
    bar.tell(replace(running, seconds_left=60, throttled_by="a replica [lags]"))
    bar.tell(replace(running, status=BackfillStatus.FAILED, error="every row raised [bold]"))
    bar.close()
    shown = terminal.getvalue()
    for told in (
        "SEAL enqueued",
        "0 of 0 rows",
        "SEAL running",
        "500 of 2,000 rows",
        "25/s",
        "1 min 0 s left",
        "holding back: a replica [lags]",
        "FAILED",
        "every row raised [bold]",
    ):
        assert told in shown


async def test_a_line_tells_everything(transact: Any) -> None:
    """A plain line has counts, rate, time left, throttle and error, and says a dry run for one."""
    row = await transact(lambda t: start_backfill(t, SEAL, dry_run=True))
    row = replace(row, status=BackfillStatus.RUNNING, total=2_000, processed=1_500, changed=1_000, skipped=499)
    row = replace(row, quarantined=1, rows_per_second=50.0, seconds_left=10, throttled_by="why", error="what")
    assert as_line(row) == (
        f"SEAL {row.id} (dry run): RUNNING, 1,500 of 2,000 rows; 1,000 changed, 499 skipped, 1 quarantined; "
        "50 rows/s; about 10 s left; holding back: why; error: what"
    )


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59, "59 s"), (190, "3 min 10 s"), (7_500, "2 h 5 min")])
def test_times_in_words(seconds: int, words: str) -> None:
    """Times have two places at most."""
    assert in_words(seconds) == words
