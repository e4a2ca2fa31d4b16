"""Organizations that call all at once, on real server processes: not one sees anything of another."""

import time
from typing import Any

import asyncpg
import pytest

from db.settings import asyncpg_dsn
from tests.e2e.crowd import Crowd
from tests.e2e.processes import ADMIN, StartApi
from tests.e2e.wire import Wire

pytestmark = pytest.mark.usefixtures("unmeasured")


async def test_hundreds_of_mixed_requests(start_api: StartApi, sql: asyncpg.Connection) -> None:
    """500 reads, reveals, resolves, writes and subscriptions of 10 organizations on 16 connections, by POST, GET,
    events and WebSocket: no answer belongs to another organization, and each holds what is its own."""
    crowd = await ask(start_api, organizations=10, requests=500, connections=16, processes=1)
    assert crowd.faults == []
    assert sum(crowd.asked.values()) >= 500
    assert len(crowd.asked) > 16
    assert crowd.asked["changes told"]
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE key = 'stolen'") == 0


@pytest.mark.soak
async def test_20_000_mixed_requests(
    start_api: StartApi, sql: asyncpg.Connection, record_property: Any, database_url: str
) -> None:
    """The same with 20,000 requests of 50 organizations on 64 connections to two processes."""
    began = time.monotonic()
    crowd = await ask(start_api, organizations=50, requests=20_000, connections=64, processes=2)
    record_property("requests", sum(crowd.asked.values()))
    record_property("seconds", round(time.monotonic() - began, 1))
    record_property("answers of another organization", sum(" shows " in fault for fault in crowd.faults))
    for name, count in sorted(crowd.asked.items()):
        record_property(name, count)
    assert crowd.faults == []
    assert sum(crowd.asked.values()) >= 20_000
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE key = 'stolen'") == 0


async def ask(start_api: StartApi, *, organizations: int, requests: int, connections: int, processes: int) -> Crowd:
    ports = [start_api().port for _ in range(processes)]
    crowd = Crowd(ADMIN)
    await crowd.make(ports[0], organizations)
    await crowd.ask(ports, requests, connections)
    return crowd


async def test_the_judge_sees(start_api: StartApi, database_url: str) -> None:
    """The judge is not blind: with a token that is another organization's too, it finds fault."""
    port = start_api().port
    crowd = Crowd(ADMIN)
    await crowd.make(port, 2)
    connection = await asyncpg.connect(asyncpg_dsn(database_url))
    await connection.execute("UPDATE tokens SET organization_ids = NULL WHERE NOT is_admin")
    await connection.close()
    # Nobody works on it, and callers without limits may watch it: to its end.
    wire = Wire(port)
    cancelled = await wire.post(ADMIN, {"query": f'mutation {{ cancelBackfill(id: "{crowd.run}") {{ id }} }}'})
    await wire.close()
    assert crowd.run in cancelled
    await crowd.ask([port], 80, 4)
    assert len(crowd.faults) > 20
