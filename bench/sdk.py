"""`PYTHONPATH=sdk/src python -m bench.sdk`: what the SDK costs on top of the request that it sends,
what its cache saves, and how soon it hears of a change.

    [--rounds 5] [--requests 400] [--changes 300]

The service is one process, the client another: this one. Requests of the SDK and of httpx alone, of the same query,
take turns; medians are told and recorded. A change is timed from before its COMMIT is sent to the callback.
"""

import argparse
import asyncio
import base64
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import asyncpg
import httpx

from bench.world import NAME, World, make_world
from db.embedded import EmbeddedServers
from db.urls import asyncpg_dsn
from strongroom import Change, Strongroom
from strongroom.flows import RESOLVE

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = Path(__file__).with_name("results") / "sdk.json"
PORT: Final = 18_437
_URL: Final = f"http://127.0.0.1:{PORT}"
_CACHED: Final = 200_000


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.sdk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--changes", type=int, default=300)
    given = parser.parse_args()
    with ExitStack() as stack:
        world, database_url = _start(stack)
        measured = _measure_requests(world, given.rounds, given.requests)
        measured |= _measure_cache(world)
        measured |= asyncio.run(_measure_feed(world, database_url, given.changes))
    for name, value in measured.items():
        print(f"{name:32}{value:12.3f}")
    _record(measured, given)
    return 0


def _start(stack: ExitStack) -> tuple[World, str]:
    """A service with something to resolve."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sr-", dir="/tmp")))
    home.chmod(0o711)  # PostgreSQL does not run as root.
    servers = stack.enter_context(EmbeddedServers(home))
    keys = f"bench:{base64.b64encode(os.urandom(32)).decode()}"
    world = asyncio.run(make_world(servers.database_url, keys))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
    environ |= {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url, "STRONGROOM_HOME": str(home)}
    environ |= {"STRONGROOM_ROOT_KEYS": keys, "STRONGROOM_PORT": str(PORT)}
    command = [sys.executable, "-m", "gql", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)
    _wait_until_ready()
    return world, servers.database_url


def _wait_until_ready() -> None:
    end = time.monotonic() + 30
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=2):
                return
        except URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def _measure_requests(world: World, rounds: int, requests: int) -> dict[str, float]:
    """Seconds of processor and of wall for each request, by httpx alone and by the SDK, in turns."""
    body = {"query": RESOLVE, "variables": {"integration": NAME, "organizationId": str(world.organization_id)}}
    with (
        Strongroom(_URL, token=world.token) as client,
        httpx.Client(headers={"authorization": f"Bearer {world.token}"}) as http,
    ):

        def ask_raw() -> None:
            answer = http.post(f"{_URL}/graphql", json=body).json()
            if answer["data"]["resolve"]["config"] != world.config:
                raise RuntimeError("a wrong answer")

        def ask_sdk() -> None:
            if len(client.resolve(NAME, world.organization_id)) != len(world.config):
                raise RuntimeError("a wrong answer")

        found: dict[str, list[tuple[float, float]]] = {"raw": [], "sdk": []}
        for _ in range(rounds + 1):
            for name, ask in (("raw", ask_raw), ("sdk", ask_sdk)):
                found[name].append(_time(ask, requests))
    # The first round warms up.
    wall, cpu = (
        {name: median(times[1:][i][k] for i in range(rounds)) for name, times in found.items()} for k in (0, 1)
    )
    return {
        "raw_request_ms": wall["raw"] * 1e3,
        "uncached_resolve_ms": wall["sdk"] * 1e3,
        "uncached_to_raw": wall["sdk"] / wall["raw"],
        "raw_request_cpu_ms": cpu["raw"] * 1e3,
        "uncached_resolve_cpu_ms": cpu["sdk"] * 1e3,
        "uncached_to_raw_cpu": cpu["sdk"] / cpu["raw"],
    }


def _time(ask: Callable[[], None], count: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.thread_time()
    for _ in range(count):
        ask()
    return (time.perf_counter() - wall) / count, (time.thread_time() - cpu) / count


def _measure_cache(world: World) -> dict[str, float]:
    """Nanoseconds of processor of one cached resolve."""
    organization = str(world.organization_id)
    with Strongroom(_URL, token=world.token, cache=True) as client:
        while client.feed_age is None:
            client.resolve(NAME, organization)
        time.sleep(1.1)
        first = client.resolve(NAME, organization)
        times: list[float] = []
        for _ in range(5):
            began = time.thread_time_ns()
            for _ in range(_CACHED):
                client.resolve(NAME, organization)
            times.append((time.thread_time_ns() - began) / _CACHED)
        if client.resolve(NAME, organization) is not first:
            raise RuntimeError("this was no cache")
    return {"cached_resolve_ns": median(times)}


async def _measure_feed(world: World, database_url: str, changes: int) -> dict[str, float]:
    """Milliseconds from before a commit to the callback that tells of it."""
    heard = threading.Event()
    at = 0.0

    def hear(change: Change) -> None:
        nonlocal at
        at = time.perf_counter()
        heard.set()

    connection: Any = await asyncpg.connect(asyncpg_dsn(database_url))
    times: list[float] = []
    with Strongroom(_URL, token=world.token) as client:
        client.on_change(hear)
        await asyncio.to_thread(heard.wait, 10)
        for _ in range(changes):
            await asyncio.sleep(0.03)
            heard.clear()
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("UPDATE configs SET version = version + 1 WHERE key = 'client_id'")
            began = time.perf_counter()
            await transaction.commit()
            if not await asyncio.to_thread(heard.wait, 10):
                raise RuntimeError("a change was not told")
            times.append((at - began) * 1e3)
    await connection.close()
    times.sort()
    return {
        "commit_to_callback_p50_ms": times[len(times) // 2],
        "commit_to_callback_p99_ms": times[len(times) * 99 // 100],
    }


def _record(measured: dict[str, float], given: argparse.Namespace) -> None:
    recorded = {
        "what": "resolve of ten keys, three of them secret, by the SDK; commit to callback",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "settings": vars(given),
        "measured": {name: round(value, 4) for name, value in measured.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"recorded in {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
