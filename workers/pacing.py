"""Pace: how many rows a batch has, and when the next one may begin."""

import asyncio
from collections import deque
from typing import Final

from sqlalchemy import text

from db.sessions import Database
from workers.slices import WORKABLE, Lost, Slice, beat
from workers.tasks import Run

_FIRST: Final = 200
_SMALLEST: Final = 10
"""Rows of a batch, at least, unless one of them is at fault."""

_LARGEST: Final = 5_000
_REMEMBERED: Final = 8
"""Batches of which the quickest tells what a row costs when nothing else is in its way."""

_AIM: Final = 0.08
"""Seconds a transaction is to last: some way under the tenth of a second that it may."""

_NAP: Final = 0.5
_TURNS_A_SECOND: Final = 4


class Pace:
    """The size of a slice's batches: as the run says, or grown and shrunk to keep transactions short."""

    def __init__(self, run: Run) -> None:
        rate = run.max_rows_per_second
        self._fixed = run.batch_size is not None
        # With a rate, several batches share a second: a large one would hold the rate only on average.
        self._limit = min(run.batch_size or _LARGEST, max(1, rate // _TURNS_A_SECOND) if rate else _LARGEST * 2)
        self.size = min(run.batch_size or _FIRST, self._limit)
        self._asked: int | None = None
        self._was_slow = False
        self._costs = deque[float](maxlen=_REMEMBERED)
        """Seconds that a row took, in the last batches."""

    def ask(self, left: int) -> int:
        """How many rows the next batch is to have, of those that are left of its slice: the same share for each of the
        batches that they take, so that none is of a few."""
        batches = 1 if self._fixed else max(-(-left // self.size), 1)
        self._asked = self.size if batches == 1 else -(-left // batches)
        return self._asked

    def succeed(self, seconds: float, rows: int, overhead: float = 0.0) -> None:
        """A batch of so many rows lasted so long, of which `overhead` is what a batch of no rows takes.

        Grows by steps. Shrinks by half when a batch was slow, and to what would have been right when the next one was
        slow, too; below a few hundred rows only if no row of late was quicker. On a busy machine any one batch may have
        waited for a processor, and small ones only cost it more. On a server whose every answer is slow the rows are
        given half of the time all the same.
        """
        is_whole, self._asked = rows == (self._asked or self.size), None
        if self._fixed and self.size == self._limit:
            return
        for_rows, cost = max(_AIM - overhead, _AIM / 2), max(seconds - overhead, 0.001) / max(rows, 1)
        self._costs.append(cost)
        wanted = int(for_rows / cost)
        was_slow, self._was_slow = self._was_slow, wanted < self.size and (is_whole or seconds > _AIM)
        if self._was_slow:
            least = self.size // 8 if was_slow else self.size // 2
            usual = min(int(for_rows / min(self._costs)), _FIRST)
            self.size = min(max(wanted, least, usual, _SMALLEST), self.size, self._limit)
        elif is_whole:
            self.size = max(self.size, min(wanted, self.size * 2, self._limit))

    def fail(self) -> None:
        """A batch was refused: try half of it, down to the row that is at fault."""
        self.size = max(1, self.size // 2)


async def wait_turn(database: Database, held: Slice, rows: int) -> None:
    """Wait until these rows are within the run's rate, which all workers share. Raises Lost."""
    if held.run.max_rows_per_second is None:
        return
    parameters = {"run": held.run.id, "rows": rows, "rate": held.run.max_rows_per_second}
    async with database.read() as session:
        row = await session.first(_RESERVE, parameters)
    if row is None or row.status not in WORKABLE:
        raise Lost
    left = float(row.wait)
    while left > 0:
        await asyncio.sleep(min(left, _NAP))
        left -= _NAP
        await beat(database, held)


_RESERVE = text("""
UPDATE backfill_runs
SET paced_until = CASE
        WHEN paced_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '5 minutes' THEN paced_until
        ELSE clock_timestamp()
    END + make_interval(secs => CAST(:rows AS float8) / :rate)
WHERE id = :run
RETURNING extract(epoch FROM paced_until - clock_timestamp()) AS wait, status
""")
"""Each batch takes its time from one clock in the database: the run's rate holds over all workers together. They never
have minutes in hand: a time that is so far ahead is of a clock that was set back since."""
