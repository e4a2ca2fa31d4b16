"""Backfill runs: starting, pausing, resuming and cancelling them, and what they tell of themselves.

The workers do the work; here are the rules. One run is active at a time, whatever its kind: two that seal the
same rows would undo each other's cursors, and what VERIFY proves must not change under it.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import exists, func, insert, select, text, update

from db.arrays import among
from db.audit.deeds import Deed, tell_ids
from db.errors import Conflict, NotFound
from db.limits import Problems
from db.models import (
    ACTIVE,
    BackfillKind,
    BackfillMove,
    BackfillRun,
    BackfillSlice,
    BackfillStatus,
    Organization,
)
from db.policy import admit
from db.runs_progress import QuarantinedRow, RunRow, find_run, list_quarantine, list_runs, read_run
from db.vault import Transaction

__all__ = [
    "QuarantinedRow",
    "RunLimits",
    "RunRow",
    "cancel_backfill",
    "find_run",
    "list_quarantine",
    "list_runs",
    "pause_backfill",
    "read_run",
    "resume_backfill",
    "start_backfill",
]

BATCH_LIMIT: Final = 10_000
RATE_LIMIT: Final = 1_000_000
ORGANIZATION_LIMIT: Final = 1_000
"""Organizations that a limited run names, at most."""
STALE_SECONDS: Final = 3
"""A slice whose worker was not heard of for so long belongs to nobody, unless that worker holds its lock."""

_STALE: Final = text(f"interval '{STALE_SECONDS} seconds'")
_START_LOCK: Final = 0x57_42_46_53
"""The advisory lock under which a run is started."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Whose data keys a ROTATE replaces, where that is not everybody's."""

    organization_ids: Sequence[uuid.UUID] = ()
    include_global: bool = False


class Move(StrEnum):
    """What an operator does to a run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


TARGETS: Final[Mapping[Move, BackfillStatus]] = {
    Move.PAUSE: BackfillStatus.PAUSED,
    Move.RESUME: BackfillStatus.ENQUEUED,
    Move.CANCEL: BackfillStatus.CANCELLING,
}
"""Where each move takes a run. From which states it may, PostgreSQL knows and enforces: the table `backfill_moves`."""


async def start_backfill(
    transaction: Transaction,
    kind: BackfillKind,
    dry_run: bool = False,
    batch_size: int | None = None,
    max_rows_per_second: int | None = None,
    limits: RunLimits | None = None,
) -> RunRow:
    """A new run, for the workers to find. Raises Conflict, naming it, when another run is not over yet.

    Raises BadInput for limits of anything but a ROTATE, for none at all, and for unknown organizations.
    """
    admit(transaction.principal, "Mutation.startBackfill")
    problems = Problems()
    _check_range(problems, batch_size, BATCH_LIMIT, "batchSize")
    _check_range(problems, max_rows_per_second, RATE_LIMIT, "maxRowsPerSecond")
    if limits is not None:
        await _check_limits(transaction, problems, kind, limits)
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
        "organization_ids": None if limits is None else list(limits.organization_ids),
        "include_global": limits is not None and limits.include_global,
    }
    await transaction.session.execute(insert(BackfillRun).values(values))
    settings = {"batchSize": batch_size, "maxRowsPerSecond": max_rows_per_second}
    detail = {"run": str(run_id), "kind": kind.value, "dryRun": dry_run, **settings}
    if limits is not None:
        detail |= {"organizations": tell_ids(limits.organization_ids), "global": limits.include_global}
    transaction.record(Deed("backfill.start", detail=detail))
    return await read_run(transaction.session, run_id)


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


async def _move(transaction: Transaction, id: uuid.UUID, move: Move) -> RunRow:
    session = transaction.session
    admit(transaction.principal, f"Mutation.{move}Backfill")
    locked = select(BackfillRun.status).where(BackfillRun.id == id).with_for_update()
    status, wanted = await session.scalar(locked), TARGETS[move]
    if status is None:
        raise NotFound("backfill run")
    legal = select(exists().where(BackfillMove.from_status == status, BackfillMove.to_status == wanted.value))
    if not await session.scalar(legal):
        raise Conflict(f"cannot {move} a run that is {status}", {"status": status.upper()})
    await session.execute(update(BackfillRun).where(BackfillRun.id == id).values(status=wanted.value))
    transaction.record(Deed(f"backfill.{move}", detail={"run": str(id)}))
    if wanted is BackfillStatus.CANCELLING:
        await finish_cancelling(transaction, id)
    return await read_run(session, id)


async def finish_cancelling(transaction: Transaction, id: uuid.UUID) -> None:
    """Take a run from CANCELLING to CANCELLED, if nobody works on it any more.

    Whoever was not heard of for long and still holds a slice's lock is at a batch, which commits or not after this.
    """
    session = transaction.session
    is_cancelling = BackfillRun.id == id, BackfillRun.status == BackfillStatus.CANCELLING.value
    if not await session.scalar(select(BackfillRun.id).where(*is_cancelling)):
        return
    claimed = select(BackfillSlice.number).where(
        BackfillSlice.run_id == id, ~BackfillSlice.done, BackfillSlice.claimed_by.is_not(None)
    )
    free = claimed.with_for_update(skip_locked=True)
    if len(await session.rows(claimed)) > len(await session.rows(free)):
        return
    worked_on = exists().where(
        BackfillSlice.run_id == id,
        ~BackfillSlice.done,
        BackfillSlice.claimed_by.is_not(None),
        BackfillSlice.heartbeat_at.between(func.clock_timestamp() - _STALE, func.clock_timestamp() + _STALE),
    )
    statement = (
        update(BackfillRun)
        .where(*is_cancelling, ~worked_on)
        .values(status=BackfillStatus.CANCELLED.value, finished_at=func.now())
    )
    if await session.execute(statement):
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


async def _check_limits(transaction: Transaction, problems: Problems, kind: BackfillKind, limits: RunLimits) -> None:
    if kind is not BackfillKind.ROTATE:
        problems.add("is for ROTATE only", "organizationIds" if limits.organization_ids else "includeGlobal")
    if not limits.organization_ids and not limits.include_global:
        problems.add("names no organization; leave it out for all of them", "organizationIds")
    if len(limits.organization_ids) > ORGANIZATION_LIMIT:
        problems.add(f"must name {ORGANIZATION_LIMIT:,} at most", "organizationIds")
        return
    statement = select(Organization.id).where(among(Organization.id, limits.organization_ids))
    known = {row.id for row in await transaction.session.rows(statement)}
    for position, id in enumerate(limits.organization_ids):
        if id not in known:
            problems.add("is no organization", "organizationIds", position)


def _check_range(problems: Problems, value: int | None, limit: int, name: str) -> None:
    if value is not None and not 1 <= value <= limit:
        problems.add(f"must be between 1 and {limit:,}", name)
