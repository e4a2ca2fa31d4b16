"""`python -m bench.backfill`: SEAL beside what PostgreSQL does without it, and what others feel of it meanwhile.

    python -m bench.backfill [--rows 100000] [--rounds 3] [--seconds 10]

Rates are timed by the server's clock, each on a fresh copy of one planted database: one plain UPDATE of a copy of
`configs` with the same indexes and constraints and values of the same size; SEAL with one worker process and with
two; and the replaced software's loop, one transaction with one UPDATE a row. Medians of the rounds are told.
"""

import argparse
import asyncio
import base64
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from bench.meanwhile import measure_latencies
from bench.sealing import Bench, Measured, measure_loop, measure_plain, measure_seal, plant
from db.embedded import EmbeddedServers

RESULT: Final = Path(__file__).with_name("results") / "backfill.json"

_LOOP_ROWS: Final = 10_000
"""Rows of the loop: it takes as long for each of them, however many there are."""

_OPTIONS: Final = {"log_lock_waits": "on", "deadlock_timeout": "200ms"}
"""Every wait for a lock that lasts longer than 200 ms is in the server's log."""


def main() -> int:
    """The exit code: 1 where a figure is not reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.backfill", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement of latencies; 0 for none")
    given = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sr-", dir="/tmp")))
        home.chmod(0o711)  # PostgreSQL does not run as root.
        servers = stack.enter_context(EmbeddedServers(home, options=_OPTIONS))
        keys = f"bench:{base64.b64encode(os.urandom(32)).decode()}"
        bench = Bench(servers.database_url, servers.redis_url, keys, home)
        asyncio.run(plant(bench, given.rows))
        rates = asyncio.run(_measure_rates(bench, given))
        latencies = asyncio.run(measure_latencies(bench, given.seconds)) if given.seconds else {}
        waits = servers.postgres.log.read_text().count("still waiting for")
    figures = _judge(rates, latencies, waits)
    _show(rates, latencies, figures)
    _record(given, rates, latencies, waits, figures)
    return 0 if all(figure["reached"] for figure in figures.values()) else 1


async def _measure_rates(bench: Bench, given: argparse.Namespace) -> dict[str, list[Measured]]:
    rates: dict[str, list[Measured]] = {"plain UPDATE": [], "SEAL, 1 worker": [], "SEAL, 2 workers": [], "loop": []}
    for _ in range(given.rounds):
        rates["plain UPDATE"].append(await measure_plain(bench, given.rows))
        rates["SEAL, 1 worker"].append(await measure_seal(bench, given.rows, workers=1))
        rates["SEAL, 2 workers"].append(await measure_seal(bench, given.rows, workers=2))
        rates["loop"].append(await measure_loop(bench, min(given.rows, _LOOP_ROWS)))
    return rates


def _judge(
    rates: Mapping[str, Sequence[Measured]], latencies: Mapping[str, Any], waits: int
) -> dict[str, dict[str, Any]]:
    """Each figure: what it is, what it has to be, and whether it is. Ratios are of one round, and then their median."""

    def ratio(one: str, other: str) -> float:
        return round(median(a.rate / b.rate for a, b in zip(rates[one], rates[other], strict=True)), 2)

    best = "SEAL, 2 workers"
    found = {
        "SEAL, 2 workers / plain UPDATE": (ratio(best, "plain UPDATE"), ">=", 0.5),
        "SEAL, 1 worker / plain UPDATE": (ratio("SEAL, 1 worker", "plain UPDATE"), ">=", 0.5),
        "SEAL, 1 worker / loop": (ratio("SEAL, 1 worker", "loop"), ">=", 6.0),
        "2 workers / 1 worker": (ratio(best, "SEAL, 1 worker"), ">=", 1.0),
        "lock waits over 200 ms": (float(waits), "<=", 0.0),
    }
    for name, told in latencies.items():
        found[f"p99 of {name}, during / without"] = (
            round(told["during"]["p99_ms"] / told["without"]["p99_ms"], 2),
            "<=",
            2.0,
        )
    return {
        name: {
            "is": value,
            "wanted": f"{sign} {wanted:g}",
            "reached": value >= wanted if sign == ">=" else value <= wanted,
        }
        for name, (value, sign, wanted) in found.items()
    }


def _mid(measured: Sequence[Measured], name: str) -> float:
    return median(getattr(one, name) for one in measured)


def _show(rates: Mapping[str, Sequence[Measured]], latencies: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    print(f"{'':20}{'rows/s':>10}{'CPU of a row, µs: server':>28}{'client':>10}")
    for name, found in rates.items():
        print(f"{name:20}{_mid(found, 'rate'):10,.0f}{_mid(found, 'server_us'):28.1f}{_mid(found, 'client_us'):10.1f}")
    for name, told in latencies.items():
        for when, found in told.items():
            times = f"p50 {found['p50_ms']:8.2f} ms  p99 {found['p99_ms']:8.2f} ms  of {found['requests']}"
            print(f"{name:12}{when:10}{times}")
    for name, figure in figures.items():
        print(f"{name:44}{figure['is']:8.2f}  {figure['wanted']:8} {'' if figure['reached'] else 'NOT REACHED'}")


def _record(
    given: argparse.Namespace,
    rates: Mapping[str, Sequence[Measured]],
    latencies: Mapping[str, Any],
    waits: int,
    figures: Mapping[str, Any],
) -> None:
    recorded = {
        "what": "SEAL of rows that are all secret; rates by the server's clock",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "load": [round(load, 1) for load in psutil.getloadavg()],
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "settings": vars(given),
        "figures": figures,
        "rates": {name: [asdict(measured) for measured in found] for name, found in rates.items()},
        "latencies": latencies,
        "lockWaitsOver200ms": waits,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"recorded in {RESULT.name}")


if __name__ == "__main__":
    sys.exit(main())
