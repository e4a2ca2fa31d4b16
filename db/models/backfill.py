"""Backfill runs and their slices: PostgreSQL holds the truth, Redis only rings the bell."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, String, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Moment


class BackfillKind(StrEnum):
    """What a run does to its rows."""

    SEAL = "seal"
    ROTATE = "rotate"
    VERIFY = "verify"
    REWRAP = "rewrap"


class BackfillStatus(StrEnum):
    """Where a run stands; the last three are final."""

    ENQUEUED = "enqueued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ACTIVE = (BackfillStatus.ENQUEUED, BackfillStatus.RUNNING, BackfillStatus.PAUSED, BackfillStatus.CANCELLING)
"""The states of a run that is not over; one run is in them at a time."""


class BackfillMove(Base):
    """A legal move of a run; from null, how it begins. PostgreSQL refuses every other."""

    __tablename__ = "backfill_moves"
    __table_args__ = (
        Index("uq_backfill_moves", "from_status", "to_status", unique=True, postgresql_nulls_not_distinct=True),
    )
    __mapper_args__ = {"primary_key": ["from_status", "to_status"]}  # noqa: RUF012 - as SQLAlchemy wants it

    from_status: Mapped[str | None] = mapped_column(String(16))
    to_status: Mapped[str] = mapped_column(String(16))


class BackfillRun(Base):
    """One run. Its counters are those of its slices; `error` names what failed, never a value.

    `recent_rate` is rows a second, smoothed, as of `sampled_at`; `throttled_by` says why workers held back last.
    """

    __tablename__ = "backfill_runs"
    __table_args__ = (
        Index(
            "uq_backfill_runs_active",
            text("(true)"),
            unique=True,
            postgresql_where="status IN ('enqueued', 'running', 'paused', 'cancelling')",
        ),
        Index("ix_backfill_runs_created_at_id", "created_at", "id"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    dry_run: Mapped[bool]
    batch_size: Mapped[int | None]
    max_rows_per_second: Mapped[int | None]
    paced_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    planned: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[Moment] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    started_by: Mapped[str] = mapped_column(String(255))
    token_id: Mapped[uuid.UUID | None]
    error: Mapped[str | None] = mapped_column(Text)
    sampled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sampled_rows: Mapped[int | None] = mapped_column(BigInteger)
    recent_rate: Mapped[float | None]
    throttled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    throttled_by: Mapped[str | None] = mapped_column(String(255))
    organization_ids: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    """Whose keys a ROTATE replaces; null: everybody's, the global one included."""
    include_global: Mapped[bool] = mapped_column(server_default="false")
    """Beside `organization_ids`: the global key, too."""
    certificate: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class BackfillSlice(Base):
    """A range of keys of one table: after `lower` (null: from the first), up to and with `upper` (null: to the last).

    A key is what the run's kind has its rows in order of; its last part is the row's id.
    `cursor` is the last key that is done and commits with the rows it covers. A slice belongs to the
    worker in `claimed_by` until its heartbeat is stale.
    """

    __tablename__ = "backfill_slices"

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backfill_runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(32))
    lower: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    upper: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    cursor: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    done: Mapped[bool] = mapped_column(server_default="false")
    total: Mapped[int] = mapped_column(server_default="0")
    processed: Mapped[int] = mapped_column(server_default="0")
    changed: Mapped[int] = mapped_column(server_default="0")
    skipped: Mapped[int] = mapped_column(server_default="0")
    quarantined: Mapped[int] = mapped_column(server_default="0")
    raised: Mapped[int] = mapped_column(server_default="0")
    claimed_by: Mapped[uuid.UUID | None]
    heartbeat_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class BackfillFinding(Base):
    """A row that VERIFY found wrong, and why; never a value."""

    __tablename__ = "backfill_findings"

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backfill_runs.id", ondelete="CASCADE"), primary_key=True)
    config_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(255))


class BackfillTally(Base):
    """What VERIFY did with one batch: how many rows it looked at, how many sealed values opened, how many need not."""

    __tablename__ = "backfill_tallies"
    __table_args__ = (Index("ix_backfill_tallies_run_id", "run_id"),)

    id: Mapped[Id]
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backfill_runs.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(String(32))
    rows: Mapped[int]
    opened: Mapped[int]
    undecided: Mapped[int]
