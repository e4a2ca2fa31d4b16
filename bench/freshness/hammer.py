"""The hammer: readers on every process ask without a pause, while everything changes and the change feed fails."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

import asyncpg

from bench.freshness.asking import pack, tell
from bench.freshness.caller import Caller
from bench.freshness.cuttable import WAYS, Cuttable
from bench.freshness.history import History
from bench.freshness.places import Place
from bench.freshness.tokens import FINE, REFUSED, Tokens
from db.urls import asyncpg_dsn

_START: Final = "mutation ($input: StartBackfillInput!) { startBackfill(input: $input) { run { id } } }"
_PROGRESS: Final = "query ($id: ID!) { backfillRun(id: $id) { status } }"
_OVER: Final = ("SUCCEEDED", "FAILED", "CANCELLED")
_PATIENCE: Final = 30.0
_ANOTHER_WAY: Final = "Origin: http://127.0.0.1"
"""A header with which the direct way passes a request on, so that the application answers it."""


@dataclass(slots=True)
class Struck:
    """What the hammer did."""

    answers: int = 0
    from_memory: float = 0.0
    writes: dict[str, int] = field(default_factory=dict[str, int])
    tokens_ended: int = 0
    runs: int = 0
    feed_failures: dict[str, int] = field(default_factory=dict[str, int])


class Hammer:
    """API processes on their ports; the last of them reaches its database by a way that can be cut."""

    def __init__(self, database_url: str, ports: Sequence[int], token: str, way: Cuttable) -> None:
        self._database_url = database_url
        self._ports = ports
        self._token = token
        self._way = way
        self._struck = Struck()
        self._chance = random.Random(3)
        self._stack = AsyncExitStack()

    async def strike(self, seconds: float, places: int = 3) -> Struck:
        """Raises Stale (in a group) at the first answer that could no longer be given."""
        async with self._stack:
            sql = await self._connect()
            made = [Place(number, self._open_callers(), await self._connect()) for number in range(places)]
            for place in made:
                await place.set_up()
            before = await self._count_transactions(sql)
            end = time.monotonic() + seconds
            tokens = Tokens(self._open_callers(), self._open, await self._connect())
            still = Place(places, self._open_callers(), sql)
            await still.set_up()
            async with asyncio.TaskGroup() as group:
                for place in made:
                    group.create_task(place.write_until(end))
                    for process in range(len(self._ports)):
                        group.create_task(self._read(self._open(process, self._token), place, end))
                        group.create_task(self._read(self._open(process, self._token, _ANOTHER_WAY), place, end))
                group.create_task(tokens.end_until(end, lambda holder, log: self._use(holder, log, still)))
                group.create_task(self._run_backfills(end))
                group.create_task(self._fail_feeds(end, sql))
            return self._sum_up(made, tokens, (await self._count_transactions(sql)) - before)

    def _sum_up(self, places: Sequence[Place], tokens: Tokens, transactions: int) -> Struck:
        struck = self._struck
        struck.from_memory = 1 - transactions / struck.answers
        struck.tokens_ended = tokens.ended
        for place in places:
            for name, times in place.writes.items():
                struck.writes[name] = struck.writes.get(name, 0) + times
        return struck

    async def _read(self, caller: Caller, place: Place, end: float) -> None:
        request = pack(caller, place)
        while time.monotonic() < end:
            floor = place.history.find_floor(caller.process)
            answer = await caller.post(request)
            place.history.judge(floor, tell(answer), caller.process)
            self._struck.answers += 1

    async def _use(self, caller: Caller, history: History, place: Place) -> None:
        request = pack(caller, place)
        answer, patience = FINE, time.monotonic() + _PATIENCE
        while answer == FINE:
            floor = history.find_floor(caller.process)
            answer = REFUSED if (await caller.post(request)).get("errors") else FINE
            history.judge(floor, answer, caller.process)
            self._struck.answers += 1
            if time.monotonic() > patience:
                raise TimeoutError("a token does not end")

    async def _run_backfills(self, end: float) -> None:
        caller = self._open(0, self._token)
        for kind in cycle(("SEAL", "SEAL", "ROTATE")):
            given = {"kind": kind}
            id = (await caller.run(_START, input=given))["startBackfill"]["run"]["id"]
            while (await caller.run(_PROGRESS, id=id))["backfillRun"]["status"] not in _OVER:
                if time.monotonic() > end:
                    return
                await asyncio.sleep(0.05)
            self._struck.runs += 1
            if time.monotonic() > end:
                return

    async def _fail_feeds(self, end: float, sql: Any) -> None:
        """The last process's feed fails as networks do; now and then PostgreSQL itself closes all of them."""
        failures = self._struck.feed_failures
        for way in cycle((*WAYS, "terminated")):
            if time.monotonic() > end:
                break
            failures[way] = failures.get(way, 0) + 1
            if way == "terminated":
                await sql.execute(_TERMINATE)
            elif way == "cut":
                self._way.cut()
            else:
                self._way.way = way
            await asyncio.sleep(self._chance.uniform(0.2, 2.5))
            self._way.way = None
            await asyncio.sleep(self._chance.uniform(0.1, 1.5))

    async def _connect(self) -> Any:
        connection: Any = await asyncpg.connect(asyncpg_dsn(self._database_url))
        self._stack.push_async_callback(connection.close)
        return connection

    def _open_callers(self) -> list[Caller]:
        return [self._open(process, self._token) for process in range(len(self._ports))]

    def _open(self, process: int, token: str, *headers: str) -> Caller:
        caller = Caller(self._ports[process], process, token, *headers)
        self._stack.callback(caller.close)
        return caller

    async def _count_transactions(self, sql: Any) -> int:
        await asyncio.sleep(1.1)  # PostgreSQL's processes tell what they did once a second.
        return await sql.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")


_TERMINATE: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE '%strongroom_pulse%' AND pid <> pg_backend_pid() AND datname = current_database()
"""
