"""How soon a write that was answered is seen on another process, while nothing fails."""

import time
from collections.abc import Sequence
from typing import Any

from bench.freshness.asking import pack, tell
from bench.freshness.caller import Caller
from bench.freshness.places import Place

_ASKED_BEFORE = 20
"""Resolves before each write, so that the other process answers from memory."""


async def measure_spread(ports: Sequence[int], token: str, sql: Any, writes: int) -> list[float]:
    """After each of so many writes on the first process, the seconds until the second one gave what was written."""
    writer, reader = (Caller(port, process, token) for process, port in enumerate(ports[:2]))
    place = Place(999, [writer], sql)
    await place.set_up()
    request = pack(reader, place)
    waits: list[float] = []
    for _ in range(writes):
        for _ in range(_ASKED_BEFORE):
            await reader.post(request)
        await place.override()
        state = place.history.states[-1]
        while tell(await reader.post(request)) != state.answer:
            pass
        waits.append(time.monotonic() - state.answered)
    writer.close()
    reader.close()
    return sorted(waits)
