"""`python -m bench.processes`: two API processes on one port beside one.

    python -m bench.processes [--rounds 5] [--seconds 3] [--connections 32]

Two questions are asked: `resolve`, where a load generator needs a good part of a core itself, and a list of 100
configs, where it needs hardly any. Told are requests a second, how busy the server processes and the generator were,
and what two processes would give if nothing else wanted their cores: twice one, less what a request costs more.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import psutil

from bench.records import record
from bench.rules import make_token
from bench.stage import BenchError, Running, Stage, complete, find_free_port, run_load, stage
from bench.targets import ask_strongroom
from bench.world import make_world
from db.access import Permission

_LIST: Final = """query ConfigList($first: Int) {
  configs(first: $first) { pageInfo { hasNextPage endCursor } edges { node {
    id key type value scope sealed version description updatedAt updatedBy
    integration { id name } organization { id name }
  } } }
}"""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Port:
    """A port and the processes that share it."""

    number: int
    processes: Sequence[Running]

    @property
    def cpu_seconds(self) -> float:
        """The processor time of all of them."""
        return sum(process.cpu_seconds for process in self.processes)


def main() -> int:
    """The exit code: 1 on any wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m bench.processes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    try:
        with stage() as made:
            found = _measure(made, given)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for name, figures in found.items():
        for count in ("one", "two"):
            told = " ".join(f"{figure} {value:.2f}" for figure, value in figures[count].items())
            print(f"{name:8} {count}: {told}")
        print(f"{name:8} {describe_limit(figures['two'])}")
        print(f"{name:8} two are {figures['ratio']:.2f} × one; on free cores {figures['ratio_on_free_cores']:.2f} ×")
    record("processes", "two API processes on one port beside one", vars(given), found)
    return 0


def _measure(made: Stage, given: argparse.Namespace) -> dict[str, Any]:
    world = complete(make_world(made.database_url, made.root_keys, 50))
    token = complete(make_token(made, Permission.CONFIG_READ))
    ports = {"one": _serve(made, 1), "two": _serve(made, 2)}
    asked = {"resolve": [ask_strongroom(question) for question in world.questions], "list": [ask_list(token)]}
    found: dict[str, Any] = {}
    for name, requests in asked.items():
        bodies = _learn(ports["one"], requests)
        rounds: dict[str, list[Figures]] = {count: [] for count in ports}
        for _ in range(given.rounds + 1):
            for count, port in ports.items():
                rounds[count].append(_load(port, requests, bodies, given))
        medians = {count: _medians(figures[1:]) for count, figures in rounds.items()}
        one, two = medians["one"], medians["two"]
        free = 2 * one["cpu_ms"] / two["cpu_ms"]
        ratio = two["per_second"] / one["per_second"]
        found[name] = {"ratio": ratio, "ratio_on_free_cores": free, **medians}
    return found


def describe_limit(two: Figures) -> str:
    """What there was for two processes to use: two cores give no more than is left of them."""
    return f"of the cores they had {two['servers_busy']:.2f}, the load generator {two['loader_busy']:.2f}"


def _serve(made: Stage, count: int) -> Port:
    number = find_free_port()
    environ = {"STRONGROOM_PORT": str(number), "STRONGROOM_API_PROCESSES": "2"}
    running: list[Running] = []
    for _ in range(count):
        running.append(made.wait(made.spawn(["gql", "serve"], environ), number, "/readyz"))
        _wait_until_listening(running[-1])
    return Port(number, running)


def _wait_until_listening(running: Running) -> None:
    """Its neighbour may have answered in its place."""
    deadline = time.monotonic() + 30
    while not any(found.status == psutil.CONN_LISTEN for found in running.process.net_connections("inet")):
        if time.monotonic() > deadline:
            raise BenchError("a server does not listen")
        time.sleep(0.05)


def ask_list(token: str) -> str:
    """A page of a hundred configs, uncounted."""
    body = json.dumps({"query": _LIST, "variables": {"first": 100}})
    return (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def _learn(port: Port, requests: Sequence[str]) -> Sequence[str]:
    """The body that each request's answer must have from now on, byte for byte, whichever process answers it."""
    bodies: Sequence[str] = run_load({"port": port.number, "requests": requests, "connections": 1, "seconds": None})[
        "bodies"
    ]
    if any('"errors"' in body for body in bodies):
        raise BenchError("an answer is not the expected one")
    return bodies


def _load(port: Port, requests: Sequence[str], bodies: Sequence[str], given: argparse.Namespace) -> Figures:
    order = {"port": port.number, "requests": requests, "bodies": bodies}
    before = port.cpu_seconds
    told = run_load({**order, "connections": given.connections, "seconds": given.seconds})
    spent = port.cpu_seconds - before
    return {
        "per_second": told["per_second"],
        "p50_ms": told["p50_ms"],
        "cpu_ms": spent * 1000 / told["requests"],
        "servers_busy": spent / told["seconds"],
        "loader_busy": told["cpu_seconds"] / told["seconds"],
    }


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {figure: median(one[figure] for one in rounds) for figure in rounds[0]}


if __name__ == "__main__":
    sys.exit(main())
