"""Backfill runs: starting, pausing, resuming and cancelling them, and what they tell of themselves.

The workers do the work; here are the rules. One run is active at a time, whatever its kind: two that seal the
same rows would undo each other's cursors, and what VERIFY proves must not change under it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, Select, exists, func, insert, select, text, update

from db import access
from db.access import Permission, Principal
from db.deeds import Deed
from db.errors import Conflict, NotFound
from db.limits import Problems
from db.models import (
    ACTIVE,
    BackfillKind,
    BackfillRun,
    BackfillSlice,
    BackfillStatus,
    Config,
    QuarantinedConfig,
)
from db.pages import Order, Page, read_page
from db.sessions import ReadSession
from db.vault import Transaction

BATCH_LIMIT: Final = 10_000
RATE_LIMIT: Final = 1_000_000
STALE_SECONDS: Final = 3
"""A slice whose worker was not heard of for so long belongs to nobody, unless that worker holds its lock."""

ORDER: Final = Order("backfill runs", (BackfillRun.created_at, BackfillRun.id), (datetime, uuid.UUID), descending=True)
QUARANTINE_ORDER: Final = Order(
    "quarantine", (QuarantinedConfig.since, QuarantinedConfig.config_id), (datetime, uuid.UUID)
)

_START_LOCK: Final = 0x57_42_46_53
"""The advisory lock under which a run is started."""


class Move(StrEnum):
    """What an operator does to a run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


MOVES: Final[Mapping[Move, Mapping[BackfillStatus, BackfillStatus]]] = {
    Move.PAUSE: {
        BackfillStatus.ENQUEUED: BackfillStatus.PAUSED,
        BackfillStatus.RUNNING: BackfillStatus.PAUSED,
    },
    Move.RESUME: {BackfillStatus.PAUSED: BackfillStatus.ENQUEUED},
    Move.CANCEL: {
        BackfillStatus.ENQUEUED: BackfillStatus.CANCELLING,
        BackfillStatus.RUNNING: BackfillStatus.CANCELLING,
        BackfillStatus.PAUSED: BackfillStatus.CANCELLING,
    },
}
"""The legal moves: from which state an operator takes a run to which. All others belong to the workers."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with its progress, summed over its slices."""

    id: uuid.UUID
    kind: BackfillKind
    status: BackfillStatus
    dry_run: bool
    total: int
    processed: int
    changed: int
    skipped: int
    quarantined: int
    rows_per_second: float | None
    started_at: datetime | None
    finished_at: datetime | None
    started_by: str
    error: str | None


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that a run left alone, and why."""

    config_id: uuid.UUID
    reason: str
    since: datetime
    run_id: uuid.UUID


async def start_backfill(
    transaction: Transaction,
    kind: BackfillKind,
    dry_run: bool = False,
    batch_size: int | None = None,
    max_rows_per_second: int | None = None,
) -> RunRow:
    """A new run, for the workers to find. Raises Conflict, naming it, when another run is not over yet."""
    transaction.principal.require(Permission.BACKFILL_RUN)
    transaction.principal.require_unlimited()
    problems = Problems()
    _check_range(problems, batch_size, BATCH_LIMIT, "batchSize")
    _check_range(problems, max_rows_per_second, RATE_LIMIT, "maxRowsPerSecond")
    problems.check()
    await transaction.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _START_LOCK})
    await _refuse_second(transaction, kind)
    run_id = uuid.uuid4()
    values = {
        "id": run_id,
        "kind": kind.value,
        "status": BackfillStatus.ENQUEUED.value,
        "dry_run": dry_run,
        "batch_size": batch_size,
        "max_rows_per_second": max_rows_per_second,
        "started_by": transaction.principal.name,
        "token_id": transaction.principal.token_id,
    }
    await transaction.session.execute(insert(BackfillRun).values(values))
    settings = {"batchSize": batch_size, "maxRowsPerSecond": max_rows_per_second}
    detail = {"run": str(run_id), "kind": kind.value, "dryRun": dry_run, **settings}
    transaction.record(Deed("backfill.start", detail=detail))
    return await _read_run(transaction.session, run_id)


async def pause_backfill(transaction: Transaction, id: uuid.UUID) -> RunRow:
    """Stop a run for now: its workers end after the batch that they are at."""
    return await _move(transaction, id, Move.PAUSE)


async def resume_backfill(transaction: Transaction, id: uuid.UUID) -> RunRow:
    """Let a paused run go on where it stopped."""
    return await _move(transaction, id, Move.RESUME)


async def cancel_backfill(transaction: Transaction, id: uuid.UUID) -> RunRow:
    """End a run for good: at once where nobody works on it, else after the batches that are under way.

    What it has done stays done; every row is either as before or as after.
    """
    return await _move(transaction, id, Move.CANCEL)


async def find_run(session: ReadSession, principal: Principal, id: uuid.UUID) -> RunRow:
    """The run with this id. Raises NotFound."""
    _require_operator(principal)
    return await _read_run(session, id)


async def list_runs(session: ReadSession, principal: Principal, first: int, after: str | None) -> Page[RunRow]:
    """One page of runs, newest first."""
    _require_operator(principal)
    return await read_page(session, _select_runs(), ORDER, first, after, _run)


async def list_quarantine(
    session: ReadSession, principal: Principal, first: int, after: str | None
) -> Page[QuarantinedRow]:
    """One page of the quarantined rows that a caller sees, longest there first."""
    principal.require(Permission.BACKFILL_RUN, Permission.CONFIG_READ)
    statement = (
        select(
            QuarantinedConfig.config_id,
            QuarantinedConfig.reason,
            QuarantinedConfig.since,
            QuarantinedConfig.run_id,
        )
        .join(Config, Config.id == QuarantinedConfig.config_id)
        .where(access.configs_of(principal))
    )
    return await read_page(session, statement, QUARANTINE_ORDER, first, after, lambda row: QuarantinedRow(*row))


async def _move(transaction: Transaction, id: uuid.UUID, move: Move) -> RunRow:
    session = transaction.session
    transaction.principal.require(Permission.BACKFILL_RUN)
    transaction.principal.require_unlimited()
    locked = select(BackfillRun.status).where(BackfillRun.id == id).with_for_update()
    status = await session.scalar(locked)
    if status is None:
        raise NotFound("backfill run")
    wanted = MOVES[move].get(BackfillStatus(status))
    if wanted is None:
        raise Conflict(f"cannot {move} a run that is {status}", {"status": status.upper()})
    await session.execute(update(BackfillRun).where(BackfillRun.id == id).values(status=wanted.value))
    transaction.record(Deed(f"backfill.{move}", detail={"run": str(id)}))
    if wanted is BackfillStatus.CANCELLING:
        await finish_cancelling(transaction, id)
    return await _read_run(session, id)


async def finish_cancelling(transaction: Transaction, id: uuid.UUID) -> None:
    """Take a run from CANCELLING to CANCELLED, if nobody works on it any more."""
    worked_on = exists().where(
        BackfillSlice.run_id == id,
        ~BackfillSlice.done,
        BackfillSlice.claimed_by.is_not(None),
        BackfillSlice.heartbeat_at > func.clock_timestamp() - text(f"interval '{STALE_SECONDS} seconds'"),
    )
    statement = (
        update(BackfillRun)
        .where(BackfillRun.id == id, BackfillRun.status == BackfillStatus.CANCELLING.value, ~worked_on)
        .values(status=BackfillStatus.CANCELLED.value, finished_at=func.now())
    )
    if await transaction.session.execute(statement):
        transaction.record(finished(id, BackfillStatus.CANCELLED))


def finished(id: uuid.UUID, status: BackfillStatus) -> Deed:
    """That a run has come to its end."""
    return Deed("backfill.finish", detail={"run": str(id), "status": status.value})


async def _refuse_second(transaction: Transaction, kind: BackfillKind) -> None:
    active = [status.value for status in ACTIVE]
    statement = select(BackfillRun.id, BackfillRun.kind, BackfillRun.status).where(BackfillRun.status.in_(active))
    other = await transaction.session.first(statement)
    if other is None:
        return
    told = {"runId": str(other.id), "kind": other.kind.upper(), "status": other.status.upper()}
    if other.kind == kind:
        raise Conflict(f"run {other.id} of the same kind is {other.status}", told)
    raise Conflict(f"a run of another kind is in the way: {other.kind.upper()} {other.id} is {other.status}", told)


def _check_range(problems: Problems, value: int | None, limit: int, name: str) -> None:
    if value is not None and not 1 <= value <= limit:
        problems.add(f"must be between 1 and {limit:,}", name)


def _require_operator(principal: Principal) -> None:
    principal.require(Permission.BACKFILL_RUN)
    principal.require_global()


async def _read_run(session: ReadSession, id: uuid.UUID) -> RunRow:
    row = await session.first(_select_runs().where(BackfillRun.id == id))
    if row is None:
        raise NotFound("backfill run")
    return _run(row)


def _select_runs() -> Select[*tuple[Any, ...]]:
    sums = (
        select(
            *(
                func.coalesce(func.sum(column), 0).label(column.key)
                for column in (
                    BackfillSlice.total,
                    BackfillSlice.processed,
                    BackfillSlice.changed,
                    BackfillSlice.skipped,
                    BackfillSlice.quarantined,
                )
            )
        )
        .where(BackfillSlice.run_id == BackfillRun.id)
        .lateral("sums")
    )
    seconds = func.extract("epoch", func.coalesce(BackfillRun.finished_at, func.now()) - BackfillRun.started_at)
    return select(
        BackfillRun.id,
        BackfillRun.kind,
        BackfillRun.status,
        BackfillRun.dry_run,
        BackfillRun.started_at,
        BackfillRun.finished_at,
        BackfillRun.started_by,
        BackfillRun.error,
        BackfillRun.created_at,
        (sums.c.processed / func.nullif(seconds, 0)).label("rate"),
        sums,
    ).join(sums, text("true"))


def _run(row: Row[Any]) -> RunRow:
    return RunRow(
        id=row.id,
        kind=BackfillKind(row.kind),
        status=BackfillStatus(row.status),
        dry_run=row.dry_run,
        total=int(row.total),
        processed=int(row.processed),
        changed=int(row.changed),
        skipped=int(row.skipped),
        quarantined=int(row.quarantined),
        rows_per_second=None if row.rate is None else float(row.rate),
        started_at=row.started_at,
        finished_at=row.finished_at,
        started_by=row.started_by,
        error=row.error,
    )
