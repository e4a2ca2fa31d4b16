"""`python -m bench.memory`: what an API process holds while it is kept busy.

    python -m bench.memory [--minutes 1] [--connections 8]

`make soak` takes ten minutes. Twenty thousand mappings are resolved in turn, more than the process keeps; beside them
another client lists configs and writes, so that snapshots come and go. The memory is looked at every second. It is
flat when the last quarter of the time holds hardly more than the quarter before.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from statistics import mean
from typing import Any, Final

from bench.crowd import Crowd, make_crowd, write_asks
from bench.records import record
from bench.rules import make_token
from bench.stage import ROOT, BenchError, Running, complete, end, stage
from db.access import Permission

LIMIT: Final = 200 * 10**6
"""Bytes that a process may hold."""

PROMISED: Final = 10
"""The minutes that the promise is about; what a shorter run finds is recorded by itself."""

_CROWD: Final = Crowd(organizations=2_000, integrations=10, samples=20_000)
_LIST: Final = "{ configs(first: 100) { totalCount edges { node { id key value integration { name } } } } }"
_WRITE: Final = "mutation ($input: SetConfigInput!) { setConfig(input: $input) { config { version } } }"


@dataclass(frozen=True, slots=True)
class Memory:
    """Mebibytes: idle before the load, at the most, and on average in the last two quarters of the time."""

    idle: float
    most: float
    third_quarter: float
    last_quarter: float
    resolves: int
    lists_and_writes: int
    samples: Sequence[float]

    @property
    def growth(self) -> float:
        """How much more the last quarter held than the one before, as a part of it."""
        return self.last_quarter / self.third_quarter - 1


def main() -> int:
    """The exit code: 1 on any wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    try:
        found = watch(given.minutes * 60, given.connections)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"{found.idle:.0f} MiB idle, {found.most:.0f} MiB at the most, after {found.resolves:,} resolves; the last")
    print(f"quarter of the time held {found.growth:+.1%} of the one before")
    figures = {"growth": found.growth, **asdict(found), "samples": found.samples[:: max(len(found.samples) // 60, 1)]}
    record(
        "memory" if given.minutes >= PROMISED else "memory_short",
        "resident memory of one API process under load, in MiB",
        vars(given),
        figures,
    )
    return 0


def watch(seconds: float, connections: int) -> Memory:
    """Load one API process for so long, and look at its memory every second."""
    with stage() as made:
        complete(make_crowd(made, _CROWD))
        api = made.serve()
        token = complete(make_token(made, Permission.CONFIG_RESOLVE, Permission.CONFIG_READ, Permission.CONFIG_WRITE))
        asks = made.home / "asks"
        asks.write_text(write_asks(_CROWD, _CROWD.sample()), encoding="utf-8")
        order = {"port": api.port, "token": token, "asks": str(asks), "connections": connections, "seconds": seconds}
        idle = api.resident
        command = [sys.executable, "-m", "bench.turns", json.dumps(order)]
        loader = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        made.stack.callback(end, loader)
        samples, others = _watch(api, token, loader)
        told = loader.communicate()[0]
        if loader.returncode:
            raise BenchError("the load generator failed")
    quarter = len(samples) // 4 or 1
    return Memory(
        idle=idle / 2**20,
        most=max(samples),
        third_quarter=mean(samples[-2 * quarter : -quarter]),
        last_quarter=mean(samples[-quarter:]),
        resolves=json.loads(told)["requests"],
        lists_and_writes=others,
        samples=samples,
    )


def _watch(api: Running, token: str, loader: "subprocess.Popen[str]") -> tuple[list[float], int]:
    samples: list[float] = []
    others = 0
    while loader.poll() is None:
        due = time.monotonic() + 1
        _send(api.port, token, _LIST, {})
        config = {"key": f"key {others % 100}", "type": "SECRET", "value": f"value {others}"}
        _send(api.port, token, _WRITE, {"input": config})
        others += 2
        samples.append(api.resident / 2**20)
        time.sleep(max(due - time.monotonic(), 0))
    return samples, others


def _send(port: int, token: str, query: str, variables: dict[str, Any]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request("POST", "/graphql", json.dumps({"query": query, "variables": variables}), headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    if answer.status != 200 or "errors" in told:
        raise BenchError("a list or a write answers wrongly")


if __name__ == "__main__":
    sys.exit(main())
