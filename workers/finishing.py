"""Finishing: exactly one worker takes a run to its last state."""

import logging
import uuid

from sqlalchemy import text

from db.models import BackfillStatus
from db.runs import finish_cancelling
from db.sessions import Database
from workers.ownership import own
from workers.tasks import Run, Task

_logger = logging.getLogger("strongroom.backfill")


async def settle(database: Database, task: Task, run: Run) -> None:
    """Finish a run if it is at its end: cancelled and left by everybody, or all of its slices done."""
    await database.write(lambda session: finish_cancelling(session, run.id))
    async with own(database, run.id) as mine:
        if not mine:
            return
        async with database.read() as session:
            if not await session.scalar(_IS_THROUGH, {"run": run.id}):
                return
        error = await task.conclude(database, run)
        status = BackfillStatus.SUCCEEDED if error is None else BackfillStatus.FAILED
        await _finish(database, run.id, status, error)


async def fail(database: Database, run_id: uuid.UUID, error: str) -> None:
    """End a run that cannot go on."""
    await _finish(database, run_id, BackfillStatus.FAILED, error)


async def _finish(database: Database, run_id: uuid.UUID, status: BackfillStatus, error: str | None) -> None:
    parameters = {"run": run_id, "status": status.value, "error": error}
    if await database.write(lambda session: session.execute(_FINISH, parameters)):
        _logger.info("run %s has %s", run_id, status.value)


_IS_THROUGH = text("""
SELECT 1 FROM backfill_runs r WHERE r.id = :run AND r.status = 'running' AND r.planned
    AND NOT EXISTS (SELECT 1 FROM backfill_slices s WHERE s.run_id = r.id AND NOT s.done)
""")

_FINISH = text("""
UPDATE backfill_runs SET status = :status, error = :error, finished_at = now()
WHERE id = :run AND status = 'running'
""")
