"""`python -m bench.scale`: resolving among ten thousand configs and among many more.

    python -m bench.scale [--large 1000000] [--rounds 5] [--connections 4]

`make soak` asks for ten million. Each crowd has servers of its own, and their rounds take turns. Told are the medians
of the rounds' p50: from memory (the same 500 mappings again and again) and uncached (a thousand mappings, each once,
spread over all of them, after everything that the process kept was invalidated). Uncached ones have been asked for once
before. What that first time took is told beside them: among many configs PostgreSQL then waits for the disk.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
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

PROMISED: Final = 10_000_000
"""The configs that the promise is about; what is found among fewer is recorded by itself."""

_SMALL: Final = Crowd(organizations=100, integrations=10, samples=1_000)
_HOT: Final = 500
_COLD: Final = 1_000
_SETTLE: Final = 1.5
_SECONDS: Final = 2.0
_OPTIONS: Final = {"max_wal_size": "8GB", "checkpoint_timeout": "30min"}

Figures = dict[str, float]


def main() -> int:
    """The exit code: 1 on any wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    try:
        found = compare(given.large, given.rounds, given.connections)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    small, large = found.values()
    ratios = {name: large[name] / small[name] for name in ("memory_p50_ms", "uncached_p50_ms")}
    for rows, figures in found.items():
        told = " ".join(f"{name} {figure:.2f}" for name, figure in figures.items())
        print(f"{rows:>12,} configs: {told}")
    print(" ".join(f"{name} × {ratio:.2f}" for name, ratio in ratios.items()))
    what = "resolve among ten thousand configs and among many more"
    name = "scale" if given.large >= PROMISED else "scale_short"
    record(name, what, vars(given), {"ratios": ratios, "by_rows": found})
    return 0


def compare(large: int, rounds: int, connections: int) -> dict[int, Figures]:
    """By the number of configs, what resolving among them takes."""
    integrations = 100 if large >= 100_000 else 10
    crowds = [_SMALL, Crowd(large // PER_MAPPING // integrations, integrations, _COLD * (rounds + 1))]
    with ExitStack() as stack:
        measured = [_open(stack, crowd, connections) for crowd in crowds]
        for number in range(rounds + 1):
            for one in measured:
                one.ask_uncached(number)
        for _ in range(rounds + 1):
            for one in measured:
                one.ask_again()
        return {one.crowd.rows: one.medians() for one in measured}


@dataclass(frozen=True, slots=True)
class Measured:
    """A crowd on its stage, and what was measured of it. The first round of each kind opens connections and keys."""

    made: Stage
    crowd: Crowd
    order: dict[str, Any]
    rounds: dict[str, list[Figures]] = field(default_factory=lambda: {"memory": [], "uncached": [], "first": []})

    def ask_uncached(self, number: int) -> None:
        """Resolve a thousand mappings, each once, and then all of them once more."""
        sample = self.crowd.sample()
        start = number * _COLD % len(sample)
        for name in ("first", "uncached"):
            complete(_invalidate(self.made))
            time.sleep(_SETTLE)
            self.rounds[name].append(run_turns(self.made, self.crowd, sample[start : start + _COLD], self.order))

    def ask_again(self) -> None:
        """Resolve the same mappings for two seconds."""
        order = {**self.order, "seconds": _SECONDS}
        self.rounds["memory"].append(run_turns(self.made, self.crowd, self.crowd.sample()[:_HOT], order))

    def medians(self) -> Figures:
        """The medians of the rounds."""
        return {
            f"{name}_{figure}": median(one[figure] for one in rounds[1:])
            for name, rounds in self.rounds.items()
            for figure in ("p50_ms", "p99_ms", "per_second")
        }


def _open(stack: ExitStack, crowd: Crowd, connections: int) -> Measured:
    made = stack.enter_context(stage(options=_OPTIONS))
    began = time.monotonic()
    complete(make_crowd(made, crowd))
    print(f"{crowd.rows:>12,} configs made in {time.monotonic() - began:.0f} s", flush=True)
    order = {"port": made.serve().port, "token": complete(make_token(made, Permission.CONFIG_RESOLVE))}
    return Measured(made, crowd, {**order, "connections": connections})


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


if __name__ == "__main__":
    sys.exit(main())
