"""Finishing: exactly one worker takes a run to its last state."""

import logging
import uuid

from sqlalchemy import text

from db.access import Principal
from db.models import BackfillStatus
from db.runs import finish_cancelling, finished
from db.sessions import Database, WriteSession
from db.vault import Transaction, Vault
from workers.ownership import own
from workers.slices import Lost
from workers.tasks import Run, Task

_logger = logging.getLogger("strongroom.backfill")


async def settle(database: Database, vault: Vault, task: Task, run: Run) -> None:
    """Finish a run if it is at its end: cancelled and left by everybody, or all of its slices done."""
    await database.write(lambda session: finish_cancelling(Transaction(session, run.principal, vault), run.id))
    async with own(database, run.id) as mine:
        if not mine:
            return
        async with database.read() as session:
            if not await session.scalar(_IS_THROUGH, {"run": run.id}):
                return
        try:
            error = await task.conclude(database, vault, run)
        except Lost:
            # Stopped meanwhile: what was begun is undone, and will be begun anew if the run goes on.
            return
        status = BackfillStatus.SUCCEEDED if error is None else BackfillStatus.FAILED
        await _finish(database, vault, run.id, status, error)


async def fail(database: Database, vault: Vault, run_id: uuid.UUID, error: str) -> None:
    """End a run that cannot go on."""
    await _finish(database, vault, run_id, BackfillStatus.FAILED, error)


async def _finish(
    database: Database, vault: Vault, run_id: uuid.UUID, status: BackfillStatus, error: str | None
) -> None:
    """A task that has concluded may have done so itself."""
    await database.write(lambda session: finish(session, vault, run_id, status, error))


async def finish(
    session: WriteSession, vault: Vault, run_id: uuid.UUID, status: BackfillStatus, error: str | None = None
) -> bool:
    """Take a run that is at work to its last state; False where it is not at work, or not any more."""
    row = await session.first(_FINISH, {"run": run_id, "status": status.value, "error": error})
    if row is None:
        return False
    starter = Principal(row.token_id or uuid.UUID(int=0), row.started_by, frozenset())
    Transaction(session, starter, vault).record(finished(run_id, status))
    session.after_commit(lambda: _logger.info("run %s has %s", run_id, status.value))
    return True


_IS_THROUGH = text("""
SELECT 1 FROM backfill_runs r WHERE r.id = :run AND r.status = 'running' AND r.planned
    AND NOT EXISTS (SELECT 1 FROM backfill_slices s WHERE s.run_id = r.id AND NOT s.done)
""")

_FINISH = text("""
UPDATE backfill_runs SET status = :status, error = :error, finished_at = now()
WHERE id = :run AND status = 'running' RETURNING started_by, token_id
""")
