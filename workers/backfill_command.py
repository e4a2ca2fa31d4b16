"""Start, watch and steer backfill runs.

Exit codes: 0 done (of a run that is watched: it succeeded), 1 it could not be done, 2 bad input or no such run,
3 conflict (another run is in the way, or the run's state does not allow it), 4 the run failed, 5 it was cancelled,
6 watching was stopped before the run was over.
"""

import argparse
import asyncio
import json
import signal
import sys
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Final

from db.errors import StrongroomError, refuse
from db.models import BackfillKind
from db.opening import open_database
from db.runs import (
    RunLimits,
    RunRow,
    cancel_backfill,
    list_runs,
    pause_backfill,
    resume_backfill,
    start_backfill,
)
from db.sessions import Database, WriteSession
from db.settings import Settings
from db.start import open_vault
from db.vault import Transaction, Vault
from workers import quarantine_listing
from workers.reports import JsonLines, Lines, Report, as_json, as_line, as_listed
from workers.standing import COMMAND_LINE
from workers.watching import ENDS, NO_RUN_YET, STOPPED, NoRun, find_active, find_newest, follow, watch

_MOVES: Final[Mapping[str, Callable[[Transaction, uuid.UUID], Awaitable[RunRow]]]] = {
    "pause": pause_backfill,
    "resume": resume_backfill,
    "cancel": cancel_backfill,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind `python -m workers backfill`."""
    parser.epilog = (__doc__ or "").partition("\n\n")[2]
    steps = parser.add_subparsers(dest="step", required=True)
    start = steps.add_parser("start", help="start a run")
    kinds = [kind.name for kind in BackfillKind]
    start.add_argument("--kind", type=str.upper, choices=kinds, default="SEAL", help="what it does; SEAL unless given")
    start.add_argument("--dry-run", action="store_true", help="change nothing, and count the same")
    start.add_argument("--batch-size", type=int, metavar="ROWS", help="rows of one transaction; left out, it adapts")
    start.add_argument("--max-rows-per-second", type=int, metavar="ROWS", help="of all workers together")
    start.add_argument(
        "--organization",
        type=uuid.UUID,
        action="append",
        metavar="ID",
        help="ROTATE only: of this one; may be repeated",
    )
    start.add_argument("--global", dest="include_global", action="store_true", help="ROTATE only: of what is global")
    start.add_argument("--watch", action="store_true", help="watch it to its end")
    seen = steps.add_parser("watch", help="watch a run to its end")
    seen.add_argument(
        "--follow", action="store_true", help="go on: start a SEAL whenever legacy rows come, until a signal"
    )
    for step, told in (("pause", "stop a run for now"), ("resume", "go on with it"), ("cancel", "end it for good")):
        steps.add_parser(step, help=told)
    listed = steps.add_parser("list", help="the newest runs")
    listed.add_argument("--first", type=int, default=20, metavar="RUNS", help="how many, 1 to 200; 20 unless given")
    quarantine_listing.add_arguments(steps.add_parser("quarantine", help="the rows that nobody could decide, and why"))
    for step, sub in steps.choices.items():
        if step not in ("start", "list", "quarantine"):
            otherwise = ", or else the newest" if step == "watch" else ""
            sub.add_argument("id", nargs="?", type=uuid.UUID, help=f"the run; left out, the active one{otherwise}")
        sub.add_argument("--json", action="store_true", help="one JSON object; of a run that is watched, JSON lines")


async def run(environ: Mapping[str, str], given: argparse.Namespace) -> int:
    """The exit code. A refusal is told as JSON, too, where that was asked for."""
    try:
        async with _open(environ) as (database, vault):
            return await _STEPS.get(given.step, _move)(database, vault, given)
    except StrongroomError as error:
        if given.json:
            print(json.dumps({"error": {"message": error.message, **error.extensions}}), flush=True)
        raise


async def _start(database: Database, vault: Vault, given: argparse.Namespace) -> int:
    kind = BackfillKind[given.kind]
    start = partial(_start_run, kind, given)
    row = await _write(database, vault, start)
    if given.watch:
        return await _watch_to_end(database, row.id, given)
    _print(row, given)
    return 0


async def _start_run(kind: BackfillKind, given: argparse.Namespace, transaction: Transaction) -> RunRow:
    options = (given.dry_run, given.batch_size, given.max_rows_per_second)
    limits = RunLimits(list(dict.fromkeys(given.organization or [])), given.include_global)
    is_limited = bool(limits.organization_ids or limits.include_global)
    return await start_backfill(transaction, kind, *options, limits if is_limited else None)


async def _watch(database: Database, vault: Vault, given: argparse.Namespace) -> int:
    if not given.follow:
        async with database.read() as session:
            id = given.id or await find_newest(session)
        return await _watch_to_end(database, id, given)
    if given.id is not None:
        refuse("--follow goes with no run: it watches whichever is active", "id")
    with closing(_make_report(given)) as report:
        await follow(database, vault, report, _heed_signals())
    return 0


async def _watch_to_end(database: Database, id: uuid.UUID, given: argparse.Namespace) -> int:
    with closing(_make_report(given)) as report:
        row = await watch(database, id, report, _heed_signals())
    return ENDS.get(row.status, STOPPED)


async def _move(database: Database, vault: Vault, given: argparse.Namespace) -> int:
    async with database.read() as session:
        id = given.id or await find_active(session)
    if id is None:
        raise NoRun("no backfill run is active")
    _print(await _write(database, vault, lambda transaction: _MOVES[given.step](transaction, id)), given)
    return 0


async def _list(database: Database, _vault: Vault, given: argparse.Namespace) -> int:
    async with database.read() as session:
        page = await list_runs(session, COMMAND_LINE, given.first, None)
    if given.json:
        print(json.dumps({"runs": [as_json(row) for row in page.items]}), flush=True)
        return 0
    for row in page.items:
        print(as_listed(row))
    sys.stdout.flush()
    if not page.items:
        print(f"strongroom: {NO_RUN_YET}", file=sys.stderr, flush=True)
    return 0


_STEPS: Final[Mapping[str, Callable[[Database, Vault, argparse.Namespace], Awaitable[int]]]] = {
    "start": _start,
    "watch": _watch,
    "list": _list,
    "quarantine": quarantine_listing.list_rows,
}


async def _write(database: Database, vault: Vault, work: Callable[[Transaction], Awaitable[RunRow]]) -> RunRow:
    async def write(session: WriteSession) -> RunRow:
        return await work(Transaction(session, COMMAND_LINE, vault))

    return await database.write(write)


@asynccontextmanager
async def _open(environ: Mapping[str, str]) -> AsyncGenerator[tuple[Database, Vault]]:
    settings = Settings.from_env(environ)
    async with open_database(settings) as database:
        yield database, await open_vault(settings, database)


def _print(row: RunRow, given: argparse.Namespace) -> None:
    print(json.dumps(as_json(row)) if given.json else as_line(row), flush=True)


def _make_report(given: argparse.Namespace) -> Report:
    if given.json:
        return JsonLines()
    if not sys.stdout.isatty():
        return Lines()
    from workers.bar import Bar  # noqa: PLC0415 - a terminal's alone: workers do without

    return Bar()


def _heed_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT. The run goes on without whoever watches it."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
