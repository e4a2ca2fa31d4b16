"""Lanes: a job works on two slices at a time, so that while one waits for PostgreSQL, the other seals.

The second lane is for when nobody else needs the machine: where people and SDK clients wait for answers, or as many
lanes are at the run as it can make use of, the first goes on alone.
"""

import asyncio
import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from db.sessions import Database
from db.vault import Vault
from workers.load import Bounds, Measure
from workers.pacing import Pace
from workers.slices import Lost, claim, release
from workers.steps import Steps
from workers.tasks import Run, Task
from workers.throttle import Throttle
from workers.traffic import Traffic

_AT_ONCE: Final = max(2, os.cpu_count() or 2) + 1
"""Lanes of one run in all workers before a job does without its second: one for each processor, and one that has work
ready for whichever is free. Beyond these, lanes only wait."""

_NAP: Final = 0.5
"""Seconds between two looks of a second lane that is out of the way."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """What a job works on until the shift is over, at `end` on the monotonic clock."""

    database: Database
    vault: Vault
    task: Task
    run: Run
    end: float
    measure: Measure
    bounds: Bounds

    async def work(self) -> bool:
        """Work on slices until none is free; True when the shift is over before. What one lane raises is raised when
        the other one has ended, too."""
        first = asyncio.create_task(self._take(None))
        outcomes = await asyncio.gather(first, self._accompany(first), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return any(outcomes)

    async def _accompany(self, first: asyncio.Task[bool]) -> bool:
        """Take slices beside the first lane whenever nobody else needs the machine; True when some are left."""
        traffic, left = Traffic(self.database), False
        while not first.done() and time.monotonic() <= self.end:
            if await traffic.is_heavy():
                await asyncio.wait([first], timeout=_NAP)
                continue
            left = await self._take(traffic)
            if not left:
                break
        return left

    async def _take(self, traffic: Traffic | None) -> bool:
        """Take one slice after another until none is free, or there is no room for one more lane; True when the shift
        is over before, or, with `traffic`, others need the machine."""
        owner, pace = uuid.uuid4(), Pace(self.run)
        throttle = Throttle(self.database, self.measure, self.bounds)
        most = None if traffic is None else _AT_ONCE
        try:
            while (held := await claim(self.database, self.run, owner, most)) is not None:
                steps = Steps(self.database, self.vault, self.task, held, pace=pace, throttle=throttle)
                if not await self._finish(steps, traffic):
                    return True
            return False
        except Lost:
            return False
        finally:
            # Also when the worker is told to stop. Where this fails, the claim grows stale.
            with suppress(Exception):
                await release(self.database, owner, self.run.id)

    async def _finish(self, steps: Steps, traffic: Traffic | None) -> bool:
        """Work on a slice to its end; False when the shift is over before, or others need the machine."""
        while traffic is None or not await traffic.is_heavy():
            if await steps.take():
                return True
            if time.monotonic() > self.end:
                return False
            # Give other jobs of this process, and the arq worker itself, a turn.
            await asyncio.sleep(0)
        return False
