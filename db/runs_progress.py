"""What runs tell of themselves: their progress, their lists, and the rows that they left alone."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, case, func, select, text

from db import access
from db.access import Principal
from db.errors import NotFound
from db.models import BackfillKind, BackfillRun, BackfillSlice, BackfillStatus, Config, QuarantinedConfig
from db.pages import Order, Page, read_page
from db.policy import admit
from db.sessions import ReadSession

ORDER: Final = Order("backfill runs", (BackfillRun.created_at, BackfillRun.id), (datetime, uuid.UUID), descending=True)
QUARANTINE_ORDER: Final = Order(
    "quarantine", (QuarantinedConfig.since, QuarantinedConfig.config_id), (datetime, uuid.UUID)
)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with its progress, summed over its slices.

    While it runs, `rows_per_second` is of the last seconds, and `seconds_left` follows from it: None while nobody
    can say. `throttled_by` is why the workers hold back now. Once it is over the rate is that of the whole run; while
    it is paused, or waits to go on, there is none.
    """

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
    seconds_left: int | None
    throttled_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    started_by: str
    error: str | None
    organization_ids: Sequence[uuid.UUID] | None = None
    include_global: bool = False
    created_at: datetime | None = None
    certificate: Mapping[str, Any] | None = None
    """What VERIFY proved, once it has succeeded (workers/certificate.py makes it)."""


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that a run left alone, and why."""

    config_id: uuid.UUID
    reason: str
    since: datetime
    run_id: uuid.UUID


async def find_run(session: ReadSession, principal: Principal, id: uuid.UUID) -> RunRow:
    """The run with this id. Raises NotFound."""
    admit(principal, "Query.backfillRun")
    return await read_run(session, id)


async def list_runs(session: ReadSession, principal: Principal, first: int, after: str | None) -> Page[RunRow]:
    """One page of runs, newest first."""
    admit(principal, "Query.backfillRuns")
    return await read_page(session, _select_runs(), ORDER, first, after, _run)


async def list_quarantine(
    session: ReadSession, principal: Principal, first: int, after: str | None, *, run_id: uuid.UUID | None = None
) -> Page[QuarantinedRow]:
    """One page of the quarantined rows that a caller sees, longest there first; of one run, if it is given."""
    admit(principal, "Query.quarantine")
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
    if run_id is not None:
        statement = statement.where(QuarantinedConfig.run_id == run_id)
    return await read_page(session, statement, QUARANTINE_ORDER, first, after, lambda row: QuarantinedRow(*row))


async def read_run(session: ReadSession, id: uuid.UUID) -> RunRow:
    """The run with this id, whoever asks. Raises NotFound."""
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
    now = func.clock_timestamp()
    seconds = func.extract("epoch", func.coalesce(BackfillRun.finished_at, now) - BackfillRun.started_at)
    runs = BackfillRun.status == BackfillStatus.RUNNING.value
    recent = case((runs & (BackfillRun.sampled_at > now - _RECENT), BackfillRun.recent_rate))
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
        BackfillRun.organization_ids,
        BackfillRun.include_global,
        BackfillRun.certificate,
        (sums.c.processed / func.nullif(seconds, 0)).label("rate"),
        recent.label("recent_rate"),
        case((runs & (BackfillRun.throttled_at > now - _RECENT), BackfillRun.throttled_by)).label("throttled_by"),
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
        rows_per_second=_rate(row),
        seconds_left=_estimate(int(row.total) - int(row.processed), row.recent_rate),
        throttled_by=row.throttled_by,
        started_at=row.started_at,
        finished_at=row.finished_at,
        started_by=row.started_by,
        error=row.error,
        organization_ids=row.organization_ids,
        include_global=row.include_global,
        created_at=row.created_at,
        certificate=row.certificate if row.status == BackfillStatus.SUCCEEDED else None,
    )


def _rate(row: Row[Any]) -> float | None:
    if row.status in _AT_REST and row.finished_at is None:
        return None
    rate = row.rate if row.recent_rate is None else row.recent_rate
    return None if rate is None else float(rate)


def _estimate(rows: int, rate: float | None) -> int | None:
    """Whole seconds that so many rows take; None where that is unknown, or too long to mean anything."""
    if rate is None or rows > rate * _LONGEST:
        return None
    return math.ceil(rows / rate) if rows > 0 else 0


_AT_REST: Final = (BackfillStatus.ENQUEUED.value, BackfillStatus.PAUSED.value)
"""Nobody works on such a run: a rate over its time would sink with every look."""

_RECENT: Final = text("interval '10 seconds'")
"""What workers said of a run is the past after so long: they say it every second."""

_LONGEST: Final = 365 * 24 * 3600
