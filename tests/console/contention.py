"""How busy the machine is with other things: what a time that was measured here means for a machine of one's own."""

import asyncio
import statistics
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

_SPIN = 0.05
"""Seconds of work by which the share is measured."""

_EVERY = 0.5


def measure_share() -> float:
    """The share of a core that a busy process gets here at this moment: 1 where nobody else wants one."""
    began, worked = time.perf_counter(), time.process_time()
    while time.process_time() - worked < _SPIN:
        pass
    return min(1.0, _SPIN / (time.perf_counter() - began))


async def with_share(work: Awaitable[T]) -> tuple[T, float]:
    """What the work gives, and the median share of a core while it lasted, from before to after."""
    shares = [measure_share()]
    task: asyncio.Future[Any] = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=_EVERY)
        shares.append(measure_share())
    return task.result(), statistics.median(shares)
