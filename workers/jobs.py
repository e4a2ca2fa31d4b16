"""The jobs that arq calls. They carry ids only, and raise nothing: arq would log the text of it."""

import asyncio
import logging
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from arq import Retry
from sqlalchemy import text

from db.change_log import prune_changes
from db.queue import ring
from workers.door import open_forsaken
from workers.failures import is_passing, name_of
from workers.slices import FREE
from workers.standing import SCHEDULE, start_for_waiting

_AT_ONCE: Final = 4
"""Bells for one run at a time, at most: each worker takes as many of them as it can work on."""

TRIES: Final = 3
"""Of a job; arq logs one that would be tried once more."""

_LEFT_FOR: Final = 0.2
"""Seconds."""

_LOOKS_FOR: Final = 5.0
"""Seconds to wait for PostgreSQL. arq would log its own time limit with all that led to it."""

_logger = logging.getLogger("strongroom.jobs")


async def work_on_run(ctx: dict[str, Any], run_id: str) -> None:
    """Work on a run for a while, and enqueue the rest. A bell heard by a worker that is at the run already is left for
    another one, for a moment."""
    id = uuid.UUID(run_id)
    if ctx["engine"].is_at(id) and ctx.get("job_try", TRIES) < TRIES:
        raise Retry(defer=_LEFT_FOR)
    with _told_by_type(f"run {id} is left for later"):
        if await ctx["engine"].work(id):
            await ring(ctx["redis"], id)


async def look_for_runs(ctx: dict[str, Any]) -> None:
    """Ring for every run that has something to be done and may have nobody who does it."""
    with _told_by_type("looking for runs failed"):
        async with asyncio.timeout(_LOOKS_FOR):
            async with ctx["database"].read() as session:
                rows = await session.rows(_WAITING, {"limit": _AT_ONCE})
            await open_forsaken(ctx["database"])
        for row in rows:
            for _ in range(row.bells):
                await ring(ctx["redis"], row.id)


async def prune_old_changes(ctx: dict[str, Any]) -> None:
    """Delete what the feed of changes keeps no longer."""
    try:
        await prune_changes(ctx["database"])
    except Exception as error:  # noqa: BLE001 - told by its type; the next time it goes on where it was
        _logger.warning("pruning the changes failed: %s", name_of(error))


async def seal_waiting(ctx: dict[str, Any]) -> None:
    """Start a SEAL if rows wait for one, and ring for it."""
    with _told_by_type("looking for rows to seal failed"):
        run = await start_for_waiting(ctx["database"], ctx["vault"], SCHEDULE)
        if run is not None:
            _logger.info("run %s is started by the schedule", run.id)
            await ring(ctx["redis"], run.id)


@contextmanager
def _told_by_type(failure: str) -> Generator[None]:
    """What passes by itself is logged as this failure, anything else raised anew: never with its text, which may hold
    a value."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - told by its type
        if not is_passing(error):
            raise RuntimeError(name_of(error)) from None
        _logger.warning("%s: %s", failure, name_of(error))


_WAITING = text(f"""
SELECT r.id, CASE WHEN r.planned THEN greatest(least(s.free, :limit), 1) ELSE :limit END AS bells
FROM backfill_runs r, LATERAL (
    SELECT count(*) FILTER (WHERE {FREE}) AS free, count(*) FILTER (WHERE NOT done) AS undone
    FROM backfill_slices WHERE run_id = r.id
) AS s
WHERE r.status IN ('enqueued', 'running', 'cancelling')
    AND (NOT r.planned OR s.free > 0 OR s.undone = 0 OR r.status = 'cancelling')
""")  # noqa: S608 - constants of ours
"""Not planned yet, slices that nobody works on, or nothing left but to finish. While one worker plans a run, others
that hear of it wait, and begin with it."""
