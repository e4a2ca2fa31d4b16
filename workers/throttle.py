"""The throttle: between batches a job looks at the load once a second, and holds back while it is too high."""

import asyncio
import time
from typing import Final

from db.sessions import Database
from workers.load import Bounds, Load, Measure
from workers.pulse import take_pulse
from workers.slices import Slice, beat

LOOKS_EVERY: Final = 1.0
"""Seconds between two looks at the load."""

_SHORTEST: Final = 0.25
_LONGEST: Final = 4.0
"""Seconds of a pause before a batch. A run never stops altogether: a replica may lag on purpose."""

_NAP: Final = 0.5


class Throttle:
    """One job's. Its pauses double while the load is too high, and halve while it is not."""

    def __init__(self, database: Database, measure: Measure, bounds: Bounds) -> None:
        self._database = database
        self._measure = measure
        self._bounds = bounds
        self._due = 0.0
        self.answer = 0.0
        """Seconds that the smallest of writes takes, smoothed."""
        self.pause = 0.0
        """Seconds before each batch."""

    async def hold_back(self, held: Slice) -> None:
        """Look at the load if that is due, and pause as long as it asks for. Raises Lost."""
        await self._look(held)
        end = time.monotonic() + self.pause
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _NAP))
            await beat(self._database, held)
            await self._look(held)
            if not self.pause:
                return

    def heed(self, load: Load) -> str | None:
        """Adapt the pause to the load; why it holds back, or None."""
        self.answer += (load.answer - self.answer) / 2
        reason = self._bounds.judge(load)
        if reason is not None:
            self.pause = min(max(self.pause * 2, _SHORTEST), _LONGEST)
        else:
            self.pause = self.pause / 2 if self.pause > _SHORTEST else 0.0
        return reason

    async def _look(self, held: Slice) -> None:
        if time.monotonic() < self._due:
            return
        reason = self.heed(await self._measure(self._database, held))
        await take_pulse(self._database, held.run.id, reason)
        self._due = time.monotonic() + LOOKS_EVERY
