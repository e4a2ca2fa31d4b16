"""`strongroom backfill`: sealing, verifying and rotating what is stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from strongroom.api import BackfillKind, StartBackfillInput
from strongroom.api.backfill_progress import BackfillProgressBackfillRun
from strongroom.api.backfill_runs import BackfillRunsBackfillRunsEdgesNode
from strongroom.api.enums import BackfillStatus
from strongroom.command.failures import RUN_FAILED, Failure
from strongroom.command.output import clean, note, report, say, show_json, show_line, show_table
from strongroom.command.session import Json, Reason, connect
from strongroom.errors import Forbidden, NotFound, StrongroomError, Unauthenticated, Unavailable
from strongroom.synchronous import Strongroom

app = typer.Typer(no_args_is_help=True, help="Start, watch and steer backfills.")

Id = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]

OVER = frozenset({BackfillStatus.SUCCEEDED, BackfillStatus.FAILED, BackfillStatus.CANCELLED})
SECONDS = 0.5
"""Between two looks at a run, where there is no subscription to it."""
LOOKS = 60
"""Before the next try to subscribe."""

WATCH = (
    "subscription WatchBackfill($id: ID!) { backfillProgress(id: $id) { id kind status dryRun total processed changed"
    " skipped quarantined rowsPerSecond startedAt finishedAt error } }"
)


@app.command("start")
def start(
    kind: Annotated[
        BackfillKind,
        typer.Argument(
            case_sensitive=False,
            help="SEAL what older software left, VERIFY every secret and shut the door, ROTATE data keys, or REWRAP"
            " them under the primary root key.",
        ),
    ] = BackfillKind.SEAL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and count the same.")] = False,
    batch_size: Annotated[
        Optional[int],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--batch-size", help="Rows of one transaction; adapts by itself without it."),
    ] = None,
    max_rows_per_second: Annotated[
        Optional[int],  # noqa: UP045 - as above
        typer.Option("--max-rows-per-second", help="Of all workers together; no limit without it."),
    ] = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Stay, and show how far it is.")] = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Start a run; it goes on by itself. Its id is printed."""
    given = StartBackfillInput(
        kind=kind, dry_run=dry_run, batch_size=batch_size, max_rows_per_second=max_rows_per_second
    )
    with connect(reason) as client:
        run = client.api.start_backfill(given).start_backfill.run
        if watch_it:
            _watch(client, run.id, as_json=as_json)
        elif as_json:
            show_json(run)
        else:
            say(run.id)


@app.command("watch")
def watch(
    id: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Argument(metavar="[RUN]", help="The run's id; the newest run without it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how far a run is until it is over. With --json, a line whenever it has moved.

    Ends with 0 when the run succeeded, with 13 when it failed or was cancelled. Ctrl-C ends the watching, not the run.
    """
    with connect() as client:
        _watch(client, id or _find_newest(client).id, as_json=as_json)


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="How many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    with connect() as client:
        runs = [edge.node for edge in client.api.backfill_runs(first=limit).backfill_runs.edges]
    if as_json:
        show_json(runs)
        return
    cells = [
        (run.id, run.kind, run.status, f"{run.processed}/{run.total}", run.changed, run.quarantined, run.started_at)
        for run in runs
    ]
    show_table(("RUN", "KIND", "STATUS", "ROWS", "CHANGED", "QUARANTINED", "STARTED"), cells, "there was no run")


@app.command("pause")
def pause(id: Id, reason: Reason = None, as_json: Json = False) -> None:
    """Pause a run."""
    with connect(reason) as client:
        _tell(client.api.pause_backfill(id).pause_backfill, as_json=as_json)


@app.command("resume")
def resume(id: Id, reason: Reason = None, as_json: Json = False) -> None:
    """Go on with a paused run."""
    with connect(reason) as client:
        _tell(client.api.resume_backfill(id).resume_backfill, as_json=as_json)


@app.command("cancel")
def cancel(id: Id, reason: Reason = None, as_json: Json = False) -> None:
    """Cancel a run; what it has done stays done."""
    with connect(reason) as client:
        _tell(client.api.cancel_backfill(id).cancel_backfill, as_json=as_json)


def _tell(run: Any, *, as_json: bool) -> None:
    report(f"{run.id}: {run.status.value.lower()}", run, as_json=as_json)


def _find_newest(client: Strongroom) -> BackfillRunsBackfillRunsEdgesNode:
    edges = client.api.backfill_runs(first=1).backfill_runs.edges
    if not edges:
        raise NotFound("there was no run yet")
    return edges[0].node


def _watch(client: Strongroom, id: str, *, as_json: bool) -> None:
    if as_json:
        run = _follow(client, id, show_line)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("waiting for a worker", total=None)

            def show(run: BackfillProgressBackfillRun) -> None:
                text = f"{run.kind.value} {run.status.value.lower()}"
                # Of no rows: unknown at first, and none at last.
                total = run.total if run.total or run.status in OVER else None
                progress.update(task, description=text, total=total, completed=run.processed)

            run = _follow(client, id, show)
        say(_summarise(run))
    if run.status is not BackfillStatus.SUCCEEDED:
        end = "was cancelled" if run.status is BackfillStatus.CANCELLED else "failed"
        raise Failure(f"the run {end}{f': {clean(run.error)}' if run.error else ''}", code=RUN_FAILED)


def _follow(
    client: Strongroom, id: str, tell: Callable[[BackfillProgressBackfillRun], None]
) -> BackfillProgressBackfillRun:
    last: BackfillProgressBackfillRun | None = None
    looks = _look(client, id)
    while True:
        run = next(looks)
        if run != last:
            tell(run)
            last = run
        if run.status in OVER:
            return run


def _look(client: Strongroom, id: str) -> Iterator[BackfillProgressBackfillRun]:
    """The run again and again: as a subscription tells it, and by asking while there is none to be had."""
    while True:
        heard = False
        try:
            for data in client.subscribe(WATCH, {"id": id}):
                heard = True
                yield BackfillProgressBackfillRun.model_validate(data["backfillProgress"])
        except (Forbidden, NotFound, Unauthenticated):
            raise
        except StrongroomError:
            pass  # no stream comes through, or it was cut; what is wrong beyond that, asking tells
        for _ in range(1 if heard else LOOKS):
            yield from _ask(client, id)
            time.sleep(SECONDS)


def _ask(client: Strongroom, id: str) -> Iterator[BackfillProgressBackfillRun]:
    try:
        run = client.api.backfill_progress(id).backfill_run
    except Unavailable as error:
        # The run goes on, and so does the watching.
        note(f"{error.message}; trying again")
        time.sleep(4 * SECONDS)
        return
    if run is None:
        raise NotFound("run not found")
    yield run


def _summarise(run: BackfillProgressBackfillRun) -> str:
    return (
        f"{run.kind.value} {run.status.value.lower()}: {run.processed} rows, {run.changed} changed,"
        f" {run.skipped} as they should be, {run.quarantined} quarantined"
    )
