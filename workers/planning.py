"""Planning: cuts a run into slices, one short transaction each. Whoever stops half-way, another goes on from there."""

import time
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import Select, func, insert, literal, select, update

from db.models import BackfillRun, BackfillSlice
from db.sessions import Database, WriteSession
from db.vault import Vault
from workers.keys import Key, bind, key_columns, select_range
from workers.ownership import own
from workers.slices import WORKABLE, in_index_order
from workers.tasks import Run, Source, Task

SLICE_ROWS: Final = 5_000
"""Rows of a slice, at most, be they for the task or not. A worker has two at a time: with larger ones, one would take a
run that two could share."""

_MOMENT: Final = 0.05
"""Seconds after which the slices that were cut are committed, and others of the process have had their turn."""


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
                if await database.write(lambda session, source=source: _cut(session, task, run, source, end)):
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


async def _cut(session: WriteSession, task: Task, run: Run, source: Source, end: float) -> bool:
    """Cut the next slices of a table, for a moment; True when there is none left.

    The first has no lower end and the last no upper one: they hold what comes, too.
    """
    last = await session.first(_LAST.where(BackfillSlice.run_id == run.id, BackfillSlice.source == source.value))
    if last is not None and last.upper is None:
        return True
    if last is None and not await task.concerns(session, source):
        return True
    lower, end = None if last is None else last.upper, min(end, time.monotonic() + _MOMENT)
    async with in_index_order(session):
        while True:
            lower = await _cut_one(session, task, run, source, lower)
            if lower is None or time.monotonic() > end:
                return lower is None


async def _cut_one(session: WriteSession, task: Task, run: Run, source: Source, lower: Key | None) -> Key | None:
    """Cut the slice that comes after a key; where it ends."""
    upper = await _find_end(session, task, run, source, lower)
    rows = await _count(session, task, run, source, (lower, upper))
    if rows or lower is not None or upper is not None:
        # Nothing to do is done at once; but what comes after all else belongs to the last one.
        values = {"lower": lower, "upper": upper, "total": rows, "done": not rows and upper is not None}
        await _insert(session, run, source, values)
    return upper


async def _find_end(session: WriteSession, task: Task, run: Run, source: Source, lower: Key | None) -> Key | None:
    """Where the slice after a key ends; None for the last one."""
    walked = select_range(_walk(task, run, source), after=lower is not None, upper=False)
    rows = await session.rows(walked.offset(SLICE_ROWS - 1).limit(2), bind(lower, None))
    return list(rows[0]) if len(rows) > 1 else None


async def _count(
    session: WriteSession, task: Task, run: Run, source: Source, ends: tuple[Key | None, Key | None]
) -> int:
    lower, upper = ends
    candidates = task.candidates(source, run)
    if upper is not None and _has_order_of_its_own(candidates):
        return SLICE_ROWS
    rows = select_range(candidates, after=lower is not None, upper=upper is not None).subquery()
    return int(await session.scalar(select(func.count()).select_from(rows), bind(lower, upper)))


def _walk(task: Task, run: Run, source: Source) -> Select[*tuple[Any, ...]]:
    """What a slice has so many of. Among the rows of a whole table those that a task concerns may be so few that a
    statement which looked for as many of them would go through millions, again for each batch."""
    candidates = task.candidates(source, run)
    return candidates if _has_order_of_its_own(candidates) else select(source.model.id)


def _has_order_of_its_own(candidates: Select[*tuple[Any, ...]]) -> bool:
    """Whether an index holds what the task concerns and little else: its order is then not that of the ids."""
    return len(key_columns(candidates)) > 1


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
