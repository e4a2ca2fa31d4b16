"""The pulse: once a second some worker writes down how fast a run is, and why it holds back if it does."""

import uuid
from typing import Final

from sqlalchemy import text

from db.sessions import Database, WriteSession

_SMOOTHED_OVER: Final = 15
"""Seconds over which the rate is smoothed: an estimate that jumps helps nobody."""

_GAP: Final = 10
"""Seconds without a pulse after which the run was at rest, and its rate begins anew."""


async def take_pulse(database: Database, run_id: uuid.UUID, reason: str | None) -> None:
    """Write down the rate, unless somebody did within the second, and `reason` for as long as one of the workers has
    any."""

    async def write(session: WriteSession) -> None:
        await session.execute(_SAMPLE, {"run": run_id, "gap": _GAP, "tau": _SMOOTHED_OVER})
        await session.execute(_TELL, {"run": run_id, "reason": reason})

    await database.write(write)


_SAMPLE = text("""
WITH now AS (
    SELECT r.id, clock_timestamp() AS at, sum(s.processed) AS rows,
        extract(epoch FROM clock_timestamp() - r.sampled_at) AS seconds
    FROM backfill_runs r JOIN backfill_slices s ON s.run_id = r.id
    WHERE r.id = :run AND coalesce(abs(extract(epoch FROM clock_timestamp() - r.sampled_at)) > 0.9, true)
    GROUP BY r.id
)
UPDATE backfill_runs r SET sampled_at = now.at, sampled_rows = now.rows,
    recent_rate = CASE
        WHEN now.seconds > :gap OR now.seconds < 0 THEN NULL
        WHEN r.recent_rate IS NULL THEN (now.rows - r.sampled_rows) / now.seconds
        ELSE r.recent_rate
            + (1 - exp(-now.seconds / :tau)) * ((now.rows - r.sampled_rows) / now.seconds - r.recent_rate)
    END
FROM now WHERE r.id = now.id AND coalesce(abs(extract(epoch FROM now.at - r.sampled_at)) > 0.9, true)
""")
"""Of two workers at once, the second finds that it is done. A sample from the future is of a clock set back since."""

_TELL = text("""
UPDATE backfill_runs
SET throttled_by = CAST(:reason AS varchar),
    throttled_at = CASE WHEN CAST(:reason AS varchar) IS NULL THEN throttled_at ELSE clock_timestamp() END
WHERE id = :run AND (
    CAST(:reason AS varchar) IS NOT NULL
    OR (throttled_by IS NOT NULL AND throttled_at < clock_timestamp() - interval '3 s')
)
""")
"""A worker that has no reason leaves another's be, unless that is a few seconds old."""
