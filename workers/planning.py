"""Planning: cuts a run into slices, one short transaction each. Whoever stops half-way, another goes on from there."""

import time
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import Select, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import array

from db.models import BackfillRun, BackfillSlice
from db.sessions import Database, WriteSession
from db.vault import Vault
from workers.keys import bind, select_range
from workers.ownership import own
from workers.slices import WORKABLE, in_index_order
from workers.tasks import Run, Source, Task

SLICE_ROWS: Final = 5_000
"""Rows of a slice, at most. A worker has two at a time: with larger ones, one would take a run that two could share."""


class Planned(Enum):
    """How far the planning of a run has come."""

    WHOLLY = auto()
    PARTLY = auto()
    """The time was over before."""
    ELSEWHERE = auto()
    """Another worker is at it, or nobody is to be: the run was stopped."""


async def plan(database: Database, vault: Vault, task: Task, run: Run, end: float) -> Planned:
    """Plan a run, unless that is done, until `end` on the monotonic clock."""
    async with own(database, run.id) as mine:
        if not mine:
            return Planned.ELSEWHERE
        async with database.read() as session:
            row = await session.first(_STATE.where(BackfillRun.id == run.id))
        if row is None or row.planned:
            return Planned.WHOLLY
        if not row.begun:
            # Once: the first slice commits after it.
            await task.prepare(database, vault, run)
        for source in task.sources:
            while await _is_wanted(database, run):
                if await database.write(lambda session, source=source: _cut(session, task, run, source)):
                    break
                if time.monotonic() > end:
                    return Planned.PARTLY
            else:
                return Planned.ELSEWHERE
        done = update(BackfillRun).where(BackfillRun.id == run.id).values(planned=True)
        await database.write(lambda session: session.execute(done))
        return Planned.WHOLLY


async def _is_wanted(database: Database, run: Run) -> bool:
    async with database.read() as session:
        return await session.scalar(select(BackfillRun.status).where(BackfillRun.id == run.id)) in WORKABLE


async def _cut(session: WriteSession, task: Task, run: Run, source: Source) -> bool:
    """Cut the next slice of a table; True when there is none left.

    The first has no lower end and the last no upper one: they hold what comes, too.
    """
    last = await session.first(_LAST.where(BackfillSlice.run_id == run.id, BackfillSlice.source == source.value))
    if last is not None and last.upper is None:
        return True
    lower = None if last is None else last.upper
    async with in_index_order(session):
        found = await session.first(_next(task.candidates(source, run), lower is not None), bind(lower, None))
    assert found is not None  # noqa: S101 - an aggregate has a row
    rows, edge = found.rows, found.edge
    is_last = rows <= SLICE_ROWS
    if rows or lower is not None:
        values = {"lower": lower, "upper": None if is_last else edge, "total": min(rows, SLICE_ROWS)}
        await _insert(session, run, source, values)
    return is_last


def _next(candidates: Select[*tuple[Any, ...]], after: bool) -> Select[*tuple[Any, ...]]:
    """How many rows come next, up to one more than a slice has, and where the slice ends if there are that many."""
    rows = select_range(candidates, after=after, upper=False).limit(SLICE_ROWS + 1).cte("rows")
    key = array(list(rows.c))
    edge = select(key).order_by(*rows.c).offset(SLICE_ROWS - 1).limit(1).scalar_subquery()
    return select(func.count().label("rows"), edge.label("edge")).select_from(rows)


async def _insert(session: WriteSession, run: Run, source: Source, values: dict[str, Any]) -> None:
    number = select(func.coalesce(func.max(BackfillSlice.number), 0) + 1).where(BackfillSlice.run_id == run.id)
    statement = insert(BackfillSlice).values(
        run_id=run.id, number=number.scalar_subquery(), source=literal(source.value), **values
    )
    await session.execute(statement)


_STATE: Final = select(
    BackfillRun.planned,
    select(BackfillSlice.number).where(BackfillSlice.run_id == BackfillRun.id).exists().label("begun"),
)
_LAST: Final = select(BackfillSlice.upper).order_by(BackfillSlice.number.desc()).limit(1)
