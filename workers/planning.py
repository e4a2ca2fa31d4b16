"""Planning: cuts a run into slices, once, in one statement a table."""

from typing import Final

from sqlalchemy import Insert, Integer, case, cast, func, insert, literal, null, select, update

from db.models import BackfillRun, BackfillSlice
from db.sessions import Database, WriteSession
from db.vault import Vault
from workers.ownership import own
from workers.tasks import Run, Source, Task

SLICE_ROWS: Final = 50_000
"""Rows of a slice, at most: a worker takes one at a time."""


async def plan(database: Database, vault: Vault, task: Task, run: Run) -> bool:
    """Plan a run, unless that is done; False where another worker is at it."""
    async with own(database, run.id) as mine:
        if not mine:
            return False
        async with database.read() as session:
            planned = select(BackfillRun.planned).where(BackfillRun.id == run.id)
            if await session.scalar(planned):
                return True
        await task.prepare(database, vault, run)
        await database.write(lambda session: _cut(session, task, run))
        return True


async def _cut(session: WriteSession, task: Task, run: Run) -> None:
    number = 0
    for source in task.sources:
        number += await session.execute(_insert_slices(task, run, source, number))
    done = update(BackfillRun).where(BackfillRun.id == run.id).values(planned=True)
    await session.execute(done)


def _insert_slices(task: Task, run: Run, source: Source, number: int) -> Insert:
    """The slices of one table. The first has no lower end and the last no upper one: they hold what comes, too."""
    rows = task.candidates(source, run).subquery()
    place = func.row_number().over(order_by=rows.c.id)
    numbered = select(rows.c.id, place.label("place"), func.count().over().label("total")).subquery()
    is_end = (numbered.c.place % SLICE_ROWS == 0) | (numbered.c.place == numbered.c.total)
    end = select(numbered).where(is_end).subquery()
    before = func.coalesce(func.lag(end.c.place).over(order_by=end.c.place), 0)
    slices = select(
        literal(run.id),
        cast(number + func.row_number().over(order_by=end.c.place), Integer),
        literal(source.value),
        func.lag(end.c.id).over(order_by=end.c.place),
        case((end.c.place == end.c.total, null()), else_=end.c.id),
        cast(end.c.place - before, Integer),
    )
    columns = ["run_id", "number", "source", "lower", "upper", "total"]
    return insert(BackfillSlice).from_select(columns, slices)
