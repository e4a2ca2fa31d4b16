"""Load: what the database says of itself, and when that is reason to hold back."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from db.sessions import Database, ReadSession
from workers.slices import Slice, beat

LONGEST_ANSWER: Final = 0.25
"""Seconds that the smallest of writes may take; it takes one or two thousandths where nothing is the matter."""

LONGEST_BACKLOG: Final = 256 * 1024 * 1024
"""Bytes of the write-ahead log that a replica may have to replay still: of one that stands still, the time is stale."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the slowest replica is behind: seconds, and bytes that it has not replayed. None: nobody tells."""

    seconds: float | None = None
    backlog: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How long the database took to answer, in seconds, and how far its replicas lag."""

    answer: float
    lag: Lag


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond what a run holds back. `lag` is seconds; None heeds no replica."""

    answer: float = LONGEST_ANSWER
    lag: float | None = 5.0
    backlog: int = LONGEST_BACKLOG

    def judge(self, load: Load) -> str | None:
        """Why to hold back; None where there is no reason."""
        if load.answer > self.answer:
            return f"the database takes {load.answer * 1000:,.0f} ms to answer"
        if self.lag is None:
            return None
        if load.lag.seconds is not None and load.lag.seconds > self.lag:
            return f"a replica is {load.lag.seconds:,.1f} s behind"
        if load.lag.backlog is not None and load.lag.backlog > self.backlog:
            return f"a replica has {load.lag.backlog / 1024 / 1024:,.0f} MiB to replay"
        return None


BOUNDS: Final = Bounds()

Measure = Callable[[Database, Slice], Awaitable[Load]]


async def measure(database: Database, held: Slice) -> Load:
    """The load now: the time of a heartbeat, which is a whole transaction on a row of our own. Raises Lost."""
    answer = await _time_beat(database, held)
    if answer > LONGEST_ANSWER:
        # Once more: this process itself may have been busy with another job's batch.
        answer = min(answer, await _time_beat(database, held))
    async with database.read() as session:
        return Load(answer, await read_lag(session))


async def _time_beat(database: Database, held: Slice) -> float:
    began = time.monotonic()
    await beat(database, held)
    return time.monotonic() - began


async def read_lag(session: ReadSession) -> Lag:
    """The lag of the slowest replica that replays. A role without pg_read_all_stats is told of none."""
    row = await session.first(_LAG)
    if row is None:
        return Lag()
    return Lag(
        None if row.seconds is None else float(row.seconds),
        None if row.backlog is None else int(row.backlog),
    )


_LAG = text("""
SELECT max(extract(epoch FROM replay_lag)) AS seconds,
    max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) AS backlog
FROM pg_stat_replication WHERE replay_lsn IS NOT NULL
""")
