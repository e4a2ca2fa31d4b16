"""`python -m bench.scale`: resolving among ten thousand configs and among many more.

    python -m bench.scale [--large 1000000] [--rounds 5] [--connections 4]

`make soak` asks for ten million. Each crowd has a server of its own. Told are the medians of rounds' p50: from memory
(the same 500 mappings again and again) and uncached (each mapping once, spread over all of them, after everything that
the process kept was invalidated).
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg

from bench.crowd import PER_MAPPING, Crowd, make_crowd, write_asks
from bench.records import record
from bench.rules import make_token
from bench.stage import ROOT, BenchError, Stage, complete, stage
from db.access import Permission
from db.urls import asyncpg_dsn

_SMALL: Final = Crowd(organizations=100, integrations=10, samples=1_000)
_HOT: Final = 500
_COLD: Final = 1_000
_SETTLE: Final = 1.5
_OPTIONS: Final = {"max_wal_size": "8GB", "checkpoint_timeout": "30min"}

Figures = dict[str, float]


def main() -> int:
    """The exit code: 1 on any wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    integrations = 100 if given.large >= 100_000 else 10
    large = Crowd(given.large // PER_MAPPING // integrations, integrations, _COLD * given.rounds)
    try:
        found = {crowd.rows: measure(crowd, given.rounds, given.connections) for crowd in (_SMALL, large)}
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    small, big = found[_SMALL.rows], found[large.rows]
    ratios = {name: big[name] / small[name] for name in ("memory_p50_ms", "uncached_p50_ms")}
    for rows, figures in found.items():
        told = " ".join(f"{name} {figure:.2f}" for name, figure in figures.items())
        print(f"{rows:>12,} configs: {told}")
    print(" ".join(f"{name} × {ratio:.2f}" for name, ratio in ratios.items()))
    what = "resolve among ten thousand configs and among many more"
    record("scale", what, vars(given), {"ratios": ratios, "by_rows": found})
    return 0


def measure(crowd: Crowd, rounds: int, connections: int) -> Figures:
    """Medians for one crowd, on a server of its own."""
    with stage(options=_OPTIONS) as made:
        began = time.monotonic()
        complete(make_crowd(made, crowd))
        taken = time.monotonic() - began
        print(f"{crowd.rows:>12,} configs made in {taken:.0f} s", flush=True)
        sample = crowd.sample()
        order = {"port": made.serve().port, "token": complete(make_token(made, Permission.CONFIG_RESOLVE))}
        order["connections"] = connections
        uncached: list[Figures] = []
        for number in range(rounds + 1):
            complete(_invalidate(made))
            time.sleep(_SETTLE)
            start = number * _COLD % max(len(sample) - _COLD + 1, 1)
            uncached.append(run_turns(made, crowd, sample[start : start + _COLD], order))
        hot = sample[:_HOT]
        run_turns(made, crowd, hot, order)
        memory = [run_turns(made, crowd, hot, {**order, "seconds": 2.0}) for _ in range(rounds)]
    # The first round opens connections and data keys.
    return _medians("memory", memory) | _medians("uncached", uncached[1:])


def run_turns(made: Stage, crowd: Crowd, mappings: Sequence[int], order: dict[str, Any]) -> Figures:
    """One run of the load generator. Raises BenchError on a wrong answer."""
    asks = Path(made.home) / "asks"
    asks.write_text(write_asks(crowd, mappings), encoding="utf-8")
    command = [sys.executable, "-m", "bench.turns", json.dumps({**order, "asks": str(asks)})]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(done.stderr.strip())
    return json.loads(done.stdout)


async def _invalidate(made: Stage) -> None:
    """Have every process forget what it keeps: the change feed tells of every integration."""
    connection: Any = await asyncpg.connect(asyncpg_dsn(made.database_url))
    try:
        await connection.execute("UPDATE integrations SET updated_at = now()")
    finally:
        await connection.close()


def _medians(name: str, rounds: Sequence[Figures]) -> Figures:
    return {f"{name}_{figure}": median(one[figure] for one in rounds) for figure in ("p50_ms", "p99_ms", "per_second")}


if __name__ == "__main__":
    sys.exit(main())
