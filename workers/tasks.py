"""What a task is: which rows it concerns, and what it does with one batch of them.

Everything else is the engine's: runs, slices, cursors, claims, pace, retries and status.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Select, text

from db.access import Principal
from db.arrays import among
from db.models import AuditKey, BackfillKind, BackfillStatus, Config, ConfigVersion, DataKey
from db.sessions import Database, ReadSession
from db.vault import Transaction, Vault


class Source(StrEnum):
    """A table that a task goes through, in an order of its own (see `workers.keys`)."""

    CONFIGS = "configs"
    HISTORY = "config_history"
    DATA_KEYS = "data_keys"
    AUDIT_KEYS = "audit_keys"

    @property
    def model(self) -> type[Config] | type[ConfigVersion] | type[DataKey] | type[AuditKey]:
        """The table."""
        return _MODELS[self]


_MODELS: Final[Mapping[Source, type[Config] | type[ConfigVersion] | type[DataKey] | type[AuditKey]]] = {
    Source.CONFIGS: Config,
    Source.HISTORY: ConfigVersion,
    Source.DATA_KEYS: DataKey,
    Source.AUDIT_KEYS: AuditKey,
}


@dataclass(frozen=True, slots=True)
class Run:
    """What the engine and its tasks know of a run."""

    id: uuid.UUID
    kind: BackfillKind
    status: BackfillStatus
    dry_run: bool
    batch_size: int | None
    max_rows_per_second: int | None
    planned: bool
    started_by: str
    token_id: uuid.UUID | None

    @property
    def principal(self) -> Principal:
        """Who the log says does what the run does: whoever started it. No permission goes with it."""
        return Principal(self.token_id or uuid.UUID(int=0), self.started_by, frozenset())


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of a batch."""

    processed: int = 0
    changed: int = 0
    skipped: int = 0
    quarantined: int = 0
    raised: int = 0
    """Of those that were left alone, the ones whose work raised: the engine counts them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one source, to be worked on in a transaction that commits with the slice's cursor."""

    transaction: Transaction
    run: Run
    source: Source
    ids: Sequence[uuid.UUID]

    @property
    def rows(self) -> ColumnElement[bool]:
        """The condition for the batch's rows: one prepared statement, however many they are."""
        return among(self.source.model.id, self.ids)


class Task(Protocol):
    """One kind of run."""

    @property
    def sources(self) -> Sequence[Source]:
        """The tables that it goes through, in this order."""
        ...

    def candidates(self, source: Source, run: Run) -> Select[*tuple[Any, ...]]:
        """The keys of the rows that it concerns. Run for every batch: what is done is left out."""
        ...

    async def concerns(self, session: ReadSession, source: Source) -> bool:
        """Whether there may be any such rows: a quick look, which may spare going through the whole table."""
        ...

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """What comes before the first row. May be done more than once."""
        ...

    async def work(self, batch: Batch) -> Counts:
        """Work on a batch. Whatever it raises rolls the batch back."""
        ...

    async def set_aside(self, batch: Batch, reason: str) -> Counts:
        """Note that the batch's only row raises, and leave it as it is."""
        ...

    async def conclude(self, database: Database, vault: Vault, run: Run) -> str | None:
        """What comes after the last row. May be done more than once. A text says why the run has failed."""
        ...


async def add_findings(batch: Batch, found: dict[uuid.UUID, str]) -> None:
    """Put rows that are wrong on the run's report."""
    if not found:
        return
    parameters = {"run": batch.run.id, "ids": list(found), "reasons": list(found.values())}
    await batch.transaction.session.execute(_ADD_FINDINGS, parameters)


async def tell_findings(database: Database, run: Run) -> str | None:
    """The first wrong rows of a run with their reasons, or None where there is none."""
    async with database.read() as session:
        rows = await session.rows(_FINDINGS, {"run": run.id, "limit": _TOLD})
    if not rows:
        return None
    count = rows[0].total
    head = "1 row is wrong" if count == 1 else f"{count} rows are wrong"
    more = f"; and {count - len(rows)} more" if count > len(rows) else ""
    return f"{head}: {'; '.join(f'{row.config_id} {row.reason}' for row in rows)}{more}"


_TOLD: Final = 20

_ADD_FINDINGS = text("""
INSERT INTO backfill_findings (run_id, config_id, reason)
SELECT :run, u.id, u.reason FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS varchar[])) AS u (id, reason)
ON CONFLICT (run_id, config_id) DO UPDATE SET reason = excluded.reason
""")

_FINDINGS = text("""
SELECT config_id, reason, count(*) OVER () AS total FROM backfill_findings
WHERE run_id = :run ORDER BY config_id LIMIT :limit
""")
