"""`python -m bench.freshness`: looks for one stale answer, and measures how soon a write is seen elsewhere.

    python -m bench.freshness [--seconds 60] [--processes 3] [--writes 500]

First one process writes and another is asked until it gives what was written. Then the hammer: readers on every
process, the direct way and the application behind it, while integrations, schemas, defaults, mappings, overrides and
organizations change, go and come back, older software writes by SQL, runs seal and rotate, tokens end, and the change
feed of one process is cut, silent, deaf or late. It fails on the first answer that could no longer be given.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import asyncpg

from bench.freshness.caller import Refused
from bench.freshness.cuttable import Cuttable
from bench.freshness.hammer import Hammer, Struck
from bench.freshness.history import Stale
from bench.freshness.spread import measure_spread
from bench.records import record
from bench.rules import make_token
from bench.stage import BenchError, Stage, complete, find_free_port, stage
from db.access import Permission
from db.urls import asyncpg_dsn


def main() -> int:
    """The exit code: 1 on a stale answer."""
    parser = argparse.ArgumentParser(prog="python -m bench.freshness", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--writes", type=int, default=500)
    given = parser.parse_args()
    try:
        waits, struck = hammer(given.seconds, given.processes, given.writes)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    spread = {f"p{part}_ms": waits[len(waits) * part // 100] * 1000 for part in (50, 99) if waits}
    print("seen on another process after " + ", ".join(f"{name} {took:.1f}" for name, took in spread.items()))
    print(f"{struck.answers:,} answers, {struck.from_memory:.0%} without a statement; none was stale, with")
    print(f"{sum(struck.writes.values()):,} writes, {struck.tokens_ended} ended tokens and {struck.runs} runs beside,")
    print(f"and the feed failing {sum(struck.feed_failures.values())} times")
    record("freshness", "answers that could no longer be given", vars(given), {"spread": spread, **asdict(struck)})
    return 0


def hammer(seconds: float, processes: int, writes: int) -> tuple[Sequence[float], Struck]:
    """The sorted waits of the measured writes, and what the hammer did. Raises BenchError on a stale answer."""
    try:
        with stage() as made:
            return complete(_hammer(made, seconds, processes, writes))
    except* (Stale, Refused, TimeoutError) as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise BenchError(str(first)) from None
    raise AssertionError("unreachable")


async def _hammer(made: Stage, seconds: float, processes: int, writes: int) -> tuple[Sequence[float], Struck]:
    token = await make_token(made, *Permission)
    folder = made.home / "way"
    folder.mkdir()
    async with Cuttable(made.database_url, folder).open() as way:
        urls = [*[made.database_url] * (processes - 1), way.url]
        ports = [await asyncio.to_thread(_serve, made, url) for url in urls]
        made.spawn(["workers"])
        waits = await _measure(made, ports, token, writes)
        return waits, await Hammer(made.database_url, ports, token, way).strike(seconds)
    raise AssertionError("unreachable")


def _serve(made: Stage, database_url: str) -> int:
    port = find_free_port()
    process = made.spawn(["gql", "serve"], {"STRONGROOM_PORT": str(port), "DATABASE_URL": database_url})
    return made.wait(process, port, "/readyz").port


async def _measure(made: Stage, ports: Sequence[int], token: str, writes: int) -> Sequence[float]:
    connection: Any = await asyncpg.connect(asyncpg_dsn(made.database_url))
    try:
        return await measure_spread(ports, token, connection, writes) if writes else []
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
