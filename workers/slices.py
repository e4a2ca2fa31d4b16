"""Slices: who works on which, and how far.

A slice is its claimant's as long as that is heard of. While a batch is under way its transaction holds the
slice's row, so nobody takes a slow one over, however long it lasts; between batches the heartbeat counts.
"""

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Integer, Select, bindparam, text

from db.models import BackfillStatus
from db.prepared import Shapes
from db.runs import STALE_SECONDS
from db.sessions import Database, WriteSession
from workers.keys import Key, bind, key_columns, select_range
from workers.tasks import Counts, Run, Source

WORKABLE: Final = frozenset({BackfillStatus.ENQUEUED, BackfillStatus.RUNNING})

_LONGEST_SILENCE: Final = "30s"
"""A transaction whose worker says nothing for so long is ended by PostgreSQL, and with it its hold on the slice."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that `owner` has claimed."""

    run: Run
    number: int
    source: Source
    owner: uuid.UUID

    @property
    def key(self) -> dict[str, Any]:
        """The parameters that name it and its owner."""
        return {"run": self.run.id, "number": self.number, "owner": self.owner}


@dataclass(frozen=True, slots=True)
class Position:
    """How far a slice is: its keys after `after` and up to `upper` are left."""

    after: Key | None
    upper: Key | None
    left: int = 0
    """Rows, about."""
    sort: str = "on"
    """Whether PostgreSQL may sort, as it is set outside of picking."""


class Lost(Exception):
    """The slice is somebody else's by now, or its run is not to be worked on any more."""


async def claim(database: Database, run: Run, owner: uuid.UUID, most: int | None = None) -> Slice | None:
    """Take a slice that nobody works on; None where there is none, the run is not to be worked on, or `most` jobs are
    at it already."""

    async def take(session: WriteSession) -> Slice | None:
        # Shared with other claims, against a cancellation: that one sees our claim, or we see it.
        status = await session.scalar(_STATUS, {"run": run.id})
        if status is None or BackfillStatus(status) not in WORKABLE:
            return None
        if most is not None and await session.scalar(_WORKED_ON, {"run": run.id}) >= most:
            return None
        row = await session.first(_CLAIM, {"run": run.id, "owner": owner})
        return None if row is None else Slice(run, row.number, Source(row.source), owner)

    return await database.write(take)


async def release(database: Database, owner: uuid.UUID, run_id: uuid.UUID) -> None:
    """Give back whatever this owner has claimed of a run."""
    await database.write(lambda session: session.execute(_RELEASE, {"run": run_id, "owner": owner}))


async def beat(database: Database, held: Slice) -> None:
    """Say that the owner is alive. Raises Lost where the slice, or its run, is not ours to work on any more."""
    if not await database.write(lambda session: session.execute(_BEAT, held.key)):
        raise Lost


async def hold(session: WriteSession, held: Slice) -> Position:
    """Lock the slice for this transaction. Raises Lost where it, or its run, is not ours to work on any more.

    The commit is not waited for: whatever a crash of PostgreSQL takes of the last batches, their rows, their cursor and
    their event go together, and the batches are done again. A later commit that is waited for keeps these, too.
    """
    row = await session.first(_HOLD, held.key | {"silence": _LONGEST_SILENCE})
    if row is None or row.claimed_by != held.owner or row.done:
        raise Lost
    # Read once the lock is held: a run that was paused before this batch began is seen to be.
    status = await session.fetch(_RUN_STATUS, held.run.id)
    if not status or BackfillStatus(status[0]["status"]) not in WORKABLE:
        raise Lost
    return Position(row.lower if row.cursor is None else row.cursor, row.upper, row.left, status[0]["sort"])


@dataclass(frozen=True, slots=True)
class Picked:
    """Rows that are next: their ids, the first one's key and the last one's, and whether there are more."""

    ids: Sequence[uuid.UUID]
    first: Key | None
    last: Key | None
    more: bool


class Picker:
    """Finds the next rows of a slice that its task concerns. Its statements are compiled once for all batches."""

    def __init__(self, candidates: Select[*tuple[Any, ...]]) -> None:
        self._candidates = candidates
        names = [column.name for column in key_columns(candidates)]
        self._pick = _PICK.format(ids=names[-1], first=_nth(names, "1"), last=_nth(names, "least(count(*), {most})"))
        self._shapes = Shapes(self._make)

    async def pick(self, session: WriteSession, position: Position, most: int) -> Picked:
        """So many rows at most. Right after `hold`, which has them read in an index's order."""
        found = self._shapes.find(position.after is not None, position.upper is not None)
        given = found.arguments({**bind(position.after, position.upper), "limit": most + 1})
        head = self._pick.format(most=f"${len(given) + 2}", sort=f"${len(given) + 1}")
        row = (await session.fetch(f"{head} FROM ({found.text}) AS p", *given, position.sort, most))[0]
        ids: Sequence[uuid.UUID] = row["ids"] or ()
        return Picked(ids[:most], row["first"], row["last"], len(ids) > most)

    def _make(self, after: bool, upper: bool) -> Select[*tuple[Any, ...]]:
        rows = select_range(self._candidates, after=after, upper=upper)
        return rows.limit(bindparam("limit", type_=Integer))


def _nth(names: Sequence[str], which: str) -> str:
    """The key of one of the picked rows, where there is any."""
    parts = ", ".join(f"(array_agg(p.{name}))[{which}]" for name in names)
    return f"CASE WHEN count(*) > 0 THEN ARRAY[{parts}] END"


@asynccontextmanager
async def in_index_order(session: WriteSession) -> AsyncGenerator[None]:
    """Statements within read rows in an index's order: without statistics, as right after a migration or a restore,
    PostgreSQL would sort all that is left, again for every batch."""
    await session.execute(text("SET LOCAL enable_sort = off"))
    yield
    await session.execute(text("SET LOCAL enable_sort TO DEFAULT"))


async def advance(session: WriteSession, held: Slice, cursor: Key | None, counts: Counts, *, done: bool) -> None:
    """Move the cursor past the rows that this transaction has worked on."""
    rows = counts.processed, counts.changed, counts.skipped, counts.quarantined, counts.raised
    await session.touch(_ADVANCE, held.run.id, held.number, held.owner, cursor, done, *rows)


FREE: Final = (
    "NOT done AND (claimed_by IS NULL OR heartbeat_at IS NULL"
    f" OR abs(extract(epoch FROM clock_timestamp() - heartbeat_at)) > {STALE_SECONDS})"
)
"""A heartbeat from the future is of a clock that was set back since."""

_STATUS = text("SELECT status FROM backfill_runs WHERE id = :run FOR SHARE")

_RUN_STATUS = """
SELECT status, current_setting('enable_sort') AS sort, set_config('enable_sort', 'off', true)
FROM backfill_runs WHERE id = $1
"""
"""What comes next is picking: `in_index_order`, without round trips of its own."""

_PICK = """
SELECT array_agg(p.{ids}) AS ids, {first} AS first, {last} AS last, set_config('enable_sort', {{sort}}, true)
"""

_CLAIM = text(f"""
UPDATE backfill_slices SET claimed_by = :owner, heartbeat_at = clock_timestamp()
WHERE run_id = :run AND number = (
    SELECT number FROM backfill_slices WHERE run_id = :run AND {FREE}
    ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING number, source
""")  # noqa: S608 - constants of ours

_WORKED_ON = text(f"SELECT count(*) FROM backfill_slices WHERE run_id = :run AND NOT done AND NOT ({FREE})")  # noqa: S608

_RELEASE = text("UPDATE backfill_slices SET claimed_by = NULL WHERE run_id = :run AND claimed_by = :owner")

_BEAT = text("""
UPDATE backfill_slices SET heartbeat_at = clock_timestamp()
WHERE run_id = :run AND number = :number AND claimed_by = :owner
    AND (SELECT status FROM backfill_runs WHERE id = :run) IN ('enqueued', 'running')
""")

_HOLD = text("""
SELECT claimed_by, done, lower, upper, cursor, total - processed AS left,
    set_config('idle_in_transaction_session_timeout', :silence, true),
    set_config('synchronous_commit', 'off', true), set_config('strongroom.same_values', 'on', true)
FROM backfill_slices WHERE run_id = :run AND number = :number FOR UPDATE
""")

_ADVANCE = """
UPDATE backfill_slices
SET cursor = coalesce(CAST($4 AS uuid[]), cursor), done = $5, heartbeat_at = clock_timestamp(),
    claimed_by = CASE WHEN $5 THEN NULL ELSE claimed_by END,
    total = CASE WHEN $5 THEN processed + $6 ELSE total END,
    processed = processed + $6, changed = changed + $7, skipped = skipped + $8, quarantined = quarantined + $9,
    raised = raised + $10
WHERE run_id = $1 AND number = $2 AND claimed_by = $3
"""
