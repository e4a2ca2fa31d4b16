"""The engine: works on a run for a while. PostgreSQL holds the truth; any number of engines may be at it."""

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from sqlalchemy import select, text

from db.background import end_tasks
from db.models import BackfillKind, BackfillRun, BackfillStatus
from db.sessions import Database
from db.vault import Vault
from workers.failures import is_passing, name_of
from workers.finishing import fail, settle
from workers.lanes import Lanes
from workers.load import BOUNDS, Bounds, Measure
from workers.load import measure as measure_load
from workers.planning import Planned, plan
from workers.rewrap import Rewrap
from workers.rotate import Rotate
from workers.seal import Seal
from workers.slices import WORKABLE
from workers.steps import EveryRowRaises
from workers.tasks import Run, Task
from workers.verify import Verify

TASKS: Final[Mapping[BackfillKind, Task]] = {
    BackfillKind.SEAL: Seal(),
    BackfillKind.VERIFY: Verify(),
    BackfillKind.ROTATE: Rotate(),
    BackfillKind.REWRAP: Rewrap(),
}

SHIFT: Final = 20.0
"""Seconds after which a job ends and enqueues the rest."""

LONGEST: Final = 40.0
"""Seconds after which a job ends whatever it is at, and be it waiting for a server that has stopped answering."""

PARTING: Final = 5.0
"""Seconds that it then has to give its slice back."""

_CONCLUDED_WITHIN: Final = 3600.0
"""Seconds, at most, of what goes on when its job is over; it is begun anew after that."""

_PLANNED_WITHIN: Final = 2.0
"""Seconds that a job waits for another to plan its run."""

_logger = logging.getLogger("strongroom.backfill")


class Engine:
    """Works on runs with the tasks that there are."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        tasks: Mapping[BackfillKind, Task] = TASKS,
        shift: float = SHIFT,
        *,
        longest: float = LONGEST,
        measure: Measure = measure_load,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._database = database
        self._vault = vault
        self._tasks = tasks
        self._shift = shift
        self._longest = longest
        self._measure = measure
        self._bounds = bounds
        self._busy: dict[uuid.UUID, asyncio.Task[bool]] = {}
        self._concluding = set[uuid.UUID]()

    async def work(self, run_id: uuid.UUID) -> bool:
        """Work on a run until its slices are gone or the shift is over; whether the rest is to be enqueued.

        Nothing is raised for a server that is away: the run stays as it is, and the clock finds it again. What
        concludes a run goes on when this returns, if it takes longer than a job may: PostgreSQL may be looking at a
        whole table.
        """
        if self.is_at(run_id):
            return False
        task = self._busy[run_id] = asyncio.create_task(self._work_safely(run_id))
        task.add_done_callback(lambda _: self._busy.pop(run_id))
        try:
            await asyncio.wait({task}, timeout=self._longest)
            if run_id not in self._concluding:
                task.cancel()
                await asyncio.wait({task}, timeout=PARTING)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        return task.done() and not task.cancelled() and task.result()

    def is_at(self, run_id: uuid.UUID) -> bool:
        """Whether a job of this process is at a run: another one would find nothing to do."""
        return run_id in self._busy

    async def close(self) -> None:
        """End what is under way. The runs stay as they are."""
        await end_tasks(*self._busy.values(), every=PARTING)

    async def _work_safely(self, run_id: uuid.UUID) -> bool:
        try:
            return await self._work(run_id)
        except Exception as error:  # noqa: BLE001 - logged by type: its text may hold a value
            await self._give_up(run_id, error)
            return False

    async def _work(self, run_id: uuid.UUID) -> bool:
        run = await self._begin(run_id)
        if run is None:
            return False
        task, end = self._tasks[run.kind], time.monotonic() + self._shift
        if run.status not in WORKABLE:
            await self._settle(task, run)
            return False
        planned = Planned.WHOLLY if run.planned else await self._plan(task, run, end)
        if planned is not Planned.WHOLLY:
            return planned is Planned.PARTLY
        lanes = Lanes(self._database, self._vault, task, run, end, self._measure, self._bounds)
        if await lanes.work():
            return True
        await self._settle(task, run)
        return False

    async def _settle(self, task: Task, run: Run) -> None:
        self._concluding.add(run.id)
        try:
            async with asyncio.timeout(_CONCLUDED_WITHIN):
                await settle(self._database, self._vault, task, run)
        finally:
            self._concluding.discard(run.id)

    async def _plan(self, task: Task, run: Run, end: float) -> Planned:
        """Plan a run, or wait a little for whoever is at it: mostly that is done before the clock would ring again."""
        give_up = min(end, time.monotonic() + _PLANNED_WITHIN)
        while (planned := await plan(self._database, self._vault, task, run, end)) is Planned.ELSEWHERE:
            if time.monotonic() > give_up:
                break
            await asyncio.sleep(0.1)
        return planned

    async def _begin(self, run_id: uuid.UUID) -> Run | None:
        await self._database.write(lambda session: session.execute(_BEGIN, {"run": run_id}))
        async with self._database.read() as session:
            row = await session.first(_RUN.where(BackfillRun.id == run_id))
        if row is None:
            return None
        kind, status = BackfillKind(row.kind), BackfillStatus(row.status)
        pace = row.batch_size, row.max_rows_per_second
        return Run(row.id, kind, status, row.dry_run, *pace, row.planned, row.started_by, row.token_id)

    async def _give_up(self, run_id: uuid.UUID, error: Exception) -> None:
        if is_passing(error):
            _logger.warning("run %s is left for later: %s", run_id, name_of(error))
            return
        reason = str(error) if isinstance(error, EveryRowRaises) else f"cannot go on: {name_of(error)}"
        _logger.error("run %s has failed: %s", run_id, reason)
        with suppress(Exception):
            await fail(self._database, self._vault, run_id, reason)


_BEGIN = text("""
UPDATE backfill_runs SET status = 'running', started_at = coalesce(started_at, now()), sampled_at = NULL,
    recent_rate = NULL
WHERE id = :run AND status = 'enqueued'
""")
"""The rate begins anew: the time of a pause was not one in which nothing could be done."""

_RUN = select(
    BackfillRun.id,
    BackfillRun.kind,
    BackfillRun.status,
    BackfillRun.dry_run,
    BackfillRun.batch_size,
    BackfillRun.max_rows_per_second,
    BackfillRun.planned,
    BackfillRun.started_by,
    BackfillRun.token_id,
)
