"""What others feel of a run at full speed: `setConfig` and `resolve` through the API, at a steady pace."""

import asyncio
import json
import math
import socket
import subprocess
import sys
import time
import uuid
from typing import Any, Final

import httpx

from bench.sealing import ROOT, Bench, connect, copy_database, start_run, start_workers, wait_for_workers
from db.access import Permission, Principal
from db.sessions import Database, WriteSession
from db.tokens import NewToken, create_token
from db.vault import Transaction

_EVERY: Final = 0.02
"""Seconds between two requests of one kind: a steady load, whatever the answers take."""

_SET: Final = (
    'mutation ($n: JSON!) { setConfig(input: {key: "paced", type: SECRET, value: $n}) { config { version } } }'
)
_RESOLVE: Final = (
    'query ($organizationId: ID!) { resolve(integration: "i1", organizationId: $organizationId) { config missing } }'
)


async def measure_latencies(bench: Bench, seconds: float) -> dict[str, Any]:
    """Percentiles in milliseconds, by operation, without a run and during one."""
    async with copy_database(bench) as name, connect(bench.at(name)) as sql:
        organization = await sql.fetchval("SELECT id::text FROM organizations LIMIT 1")
        await sql.execute(
            "INSERT INTO integration_mappings (integration_id, organization_id, entity_id)"
            " SELECT id, CAST($1 AS uuid), '1' FROM integrations WHERE name = 'i1'",
            organization,
        )
        requests = {"setConfig": (_SET, {"n": 1}), "resolve": (_RESOLVE, {"organizationId": organization})}
        with start_workers(bench, name, 1):
            await wait_for_workers(sql, 1)
            api, port = _start_api(bench, name)
            try:
                return await _measure(bench, name, sql, port, requests, seconds)
            finally:
                api.terminate()
                api.wait(20)


async def _measure(
    bench: Bench, name: str, sql: Any, port: int, requests: dict[str, Any], seconds: float
) -> dict[str, Any]:
    token = await _make_token(bench, name)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as http:
        await _wait_until_ready(http)
        for query, variables in requests.values():
            await _ask(http, query, variables)
        await _pace_all(http, requests, 2)
        without = await _pace_all(http, requests, seconds)
        await start_run(bench, name)
        await _wait_until_it_works(sql)
        during = await _pace_all(http, requests, seconds, until=sql)
    return {key: {"without": without[key], "during": during[key]} for key in requests}


async def _wait_until_it_works(sql: Any) -> None:
    for _ in range(600):
        if await sql.fetchval("SELECT count(*) FROM backfill_slices WHERE processed > 0"):
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("nobody works on the run")


async def _pace_all(http: httpx.AsyncClient, requests: dict[str, Any], seconds: float, until: Any = None) -> Any:
    """For so long, and no longer than the run of the database `until` goes on."""
    stop = asyncio.Event()
    paces = [asyncio.create_task(_pace(http, query, variables, stop)) for query, variables in requests.values()]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.2)
        if (
            until is not None
            and await until.fetchval("SELECT count(*) FROM backfill_runs WHERE finished_at IS NULL") == 0
        ):
            break
    stop.set()
    return dict(zip(requests, await asyncio.gather(*paces), strict=True))


async def _pace(http: httpx.AsyncClient, query: str, variables: dict[str, Any], stop: asyncio.Event) -> dict[str, Any]:
    latencies: list[float] = []
    due = time.perf_counter()
    while not stop.is_set():
        due = max(due + _EVERY, time.perf_counter())
        await asyncio.sleep(due - time.perf_counter())
        began = time.perf_counter()
        await _ask(http, query, variables)
        latencies.append(time.perf_counter() - began)
    ordered = sorted(latencies)
    return {
        "requests": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2),
        "p99_ms": round(ordered[math.ceil(len(ordered) * 0.99) - 1] * 1000, 2),
    }


async def _ask(http: httpx.AsyncClient, query: str, variables: dict[str, Any]) -> None:
    answer = await http.post("/graphql", json={"query": query, "variables": variables})
    if answer.status_code != 200 or "errors" in json.loads(answer.text):
        raise RuntimeError("an answer is not right")


async def _make_token(bench: Bench, name: str) -> str:
    database = Database(bench.at(name), connections=1)
    admin = Principal(uuid.uuid4(), "bench", frozenset(Permission))

    async def make(session: WriteSession) -> str:
        new = NewToken("bench", [Permission.CONFIG_RESOLVE, Permission.CONFIG_WRITE])
        return (await create_token(Transaction(session, admin, bench.vault()), new))[1]

    token = await database.write(make)
    await database.close()
    return token


def _start_api(bench: Bench, name: str) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environ = bench.environ(name) | {"STRONGROOM_PORT": str(port)}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "gql", "serve"], cwd=ROOT, env=environ, stderr=quiet, stdout=quiet
    ), port


async def _wait_until_ready(http: httpx.AsyncClient) -> None:
    for _ in range(300):
        try:
            if (await http.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("the API does not start")
