"""`python -m bench`: `resolve` beside the same answer from a hand-written endpoint, on one database.

    python -m bench [--rounds 5] [--seconds 3] [--connections 16]

Each server is one process; the load comes from another. Rounds take turns, medians are told and recorded.
"""

import argparse
import asyncio
import base64
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from bench.world import NAME, World, make_world
from db.embedded import EmbeddedServers

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = Path(__file__).with_name("results") / "resolve.json"
_QUERY: Final = (
    "query Resolve($integration: String!, $organizationId: ID!) {"
    " resolve(integration: $integration, organizationId: $organizationId) { entityId config missing } }"
)
_MEASURES: Final = ("per_second", "p50_ms", "p99_ms", "cpu_ms")
_WARM_UP: Final = 2.0

Result = dict[str, float]


class BenchError(Exception):
    """The measurement is worth nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server to load: its port, the request to send, and its process."""

    name: str
    port: int
    request: str
    process: psutil.Process

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has used so far."""
        times = self.process.cpu_times()
        return times.user + times.system


def main() -> int:
    """The exit code: 1 on any answer that is not 200 and right."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    try:
        with ExitStack() as stack:
            targets, world = _start(stack)
            measured = _measure(targets, world, given)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _show(measured)
    _record(measured, given)
    return 0


def _start(stack: ExitStack) -> tuple[list[Target], World]:
    """Embedded servers with something to resolve, and both endpoints on them."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sr-", dir="/tmp")))
    home.chmod(0o711)  # PostgreSQL does not run as root.
    servers = stack.enter_context(EmbeddedServers(home))
    keys = f"bench:{base64.b64encode(os.urandom(32)).decode()}"
    world = asyncio.run(make_world(servers.database_url, keys))
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
    ours |= {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    ours |= {"STRONGROOM_ROOT_KEYS": keys, "STRONGROOM_HOME": str(home)}
    strongroom, reference = _find_free_port(), _find_free_port()
    api = _spawn(stack, ["gql", "serve"], {**ours, "STRONGROOM_PORT": str(strongroom)}, strongroom)
    yardstick = _spawn(stack, ["bench.reference", str(reference)], ours, reference)
    return [
        Target("strongroom", strongroom, _ask_strongroom(world), api),
        Target("reference", reference, _ask_reference(world), yardstick),
    ], world


def _spawn(stack: ExitStack, command: Sequence[str], environ: Mapping[str, str], port: int) -> psutil.Process:
    output = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environ, stderr=output)
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)
    end = time.monotonic() + 30
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > end:
            raise BenchError(f"{' '.join(command)} does not start")
        time.sleep(0.1)
    return psutil.Process(process.pid)


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except URLError as error:
        return hasattr(error, "code")


def _measure(targets: Sequence[Target], world: World, given: argparse.Namespace) -> dict[str, list[Result]]:
    expected = {target.name: _check(target, _load(target, None, 1, _WARM_UP), world) for target in targets}
    measured: dict[str, list[Result]] = {target.name: [] for target in targets}
    for _ in range(given.rounds):
        for target in targets:
            before = target.cpu_seconds
            answer = _load(target, expected[target.name], given.connections, given.seconds)
            answer["cpu_ms"] = (target.cpu_seconds - before) * 1000 / answer["requests"]
            measured[target.name].append({name: answer[name] for name in ("requests", *_MEASURES)})
    return measured


def _load(target: Target, expected: str | None, connections: int, seconds: float) -> dict[str, Any]:
    order = {"port": target.port, "request": target.request, "expected": expected}
    order |= {"connections": connections, "seconds": seconds}
    command = [sys.executable, "-m", "bench.load", json.dumps(order)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{target.name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _check(target: Target, answer: Mapping[str, Any], world: World) -> str:
    """The body that every answer of this server must have, once it is known to be right."""
    told = json.loads(answer["body"])
    resolved = told["data"]["resolve"] if "data" in told else told
    if resolved != {"entityId": "customer-42", "config": world.config, "missing": []}:
        raise BenchError(f"{target.name} answers wrongly")
    return answer["body"]


def _ask_strongroom(world: World) -> str:
    variables = {"integration": NAME, "organizationId": str(world.organization_id)}
    body = json.dumps({"query": _QUERY, "variables": variables})
    return (
        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {world.token}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def _ask_reference(world: World) -> str:
    return f"GET /resolve/{NAME}/{world.organization_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def _medians(rounds: Sequence[Result]) -> Result:
    return {name: median(result[name] for result in rounds) for name in _MEASURES}


def _show(measured: Mapping[str, Sequence[Result]]) -> None:
    medians = {name: _medians(rounds) for name, rounds in measured.items()}
    print(f"{'':12}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'cpu ms':>10}{'ratio':>8}")
    for name, found in medians.items():
        ratio = found["per_second"] / medians["reference"]["per_second"]
        times = "".join(f"{found[measure]:10.2f}" for measure in _MEASURES[1:])
        print(f"{name:12}{found['per_second']:12.0f}{times}{ratio:8.2f}")


def _record(measured: Mapping[str, Sequence[Result]], given: argparse.Namespace) -> None:
    medians = {name: _medians(rounds) for name, rounds in measured.items()}
    recorded = {
        "what": "resolve of ten keys, three of them secret; one process each",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "settings": vars(given),
        "ratio": round(medians["strongroom"]["per_second"] / medians["reference"]["per_second"], 3),
        "medians": medians,
        "rounds": measured,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"recorded in {RESULT.relative_to(ROOT)}")


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
