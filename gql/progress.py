"""The progress of runs as it happens: one poller a run, however many watch it."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from db.access import Permission, Principal
from db.errors import Unavailable
from db.models import ACTIVE
from db.runs import RunRow, find_run
from db.sessions import Database
from gql.failures import find_refusal

INTERVAL: Final = 0.25
"""Seconds between two looks at a run, and at least between two events of one watcher."""

_PATIENCE: Final = 20
"""After how many looks in vain, for want of a database, its watchers are told."""

_POLLER: Final = Principal(uuid.UUID(int=0), "progress", frozenset(Permission))


class Progress:
    """Every run that is being watched in this process."""

    def __init__(self) -> None:
        self._pollers: dict[uuid.UUID, _Poller] = {}

    async def watch(self, database: Database, principal: Principal, id: uuid.UUID) -> AsyncGenerator[RunRow]:
        """The run now, then as it changes, until it is over. Raises NotFound, and Forbidden by its rules."""
        async with database.read() as session:
            row = await find_run(session, principal, id)
        yield row
        if not _is_over(row):
            poller = self._join(database, id)
            try:
                async with aclosing(poller.list_changes(row)) as changes:
                    async for change in changes:
                        yield change
            finally:
                self._leave(id, poller)

    async def stop(self) -> None:
        """End all pollers."""
        tasks = [poller.task for poller in self._pollers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _join(self, database: Database, id: uuid.UUID) -> "_Poller":
        poller = self._pollers.get(id)
        if poller is None or poller.task.done():
            poller = self._pollers[id] = _Poller(database, id)
        poller.watchers += 1
        return poller

    def _leave(self, id: uuid.UUID, poller: "_Poller") -> None:
        poller.watchers -= 1
        if not poller.watchers and self._pollers.get(id) is poller:
            del self._pollers[id]


class _Poller:
    """Looks at one run for as long as somebody watches it."""

    def __init__(self, database: Database, id: uuid.UUID) -> None:
        self._database = database
        self._id = id
        self._row: RunRow | None = None
        self._asked = 0.0
        self._failure: Exception | None = None
        self._vain = 0
        self._told = asyncio.Event()
        self.watchers = 0
        self.task = asyncio.create_task(self._poll())

    async def list_changes(self, last: RunRow) -> AsyncGenerator[RunRow]:
        """Every state that differs from the one before, beginning after `last`, which was read just now; the newest
        where several came within an interval."""
        since = time.monotonic()
        while not _is_over(last):
            await asyncio.sleep(INTERVAL)
            last = await self._wait_for_change(last, since)
            yield last

    async def _wait_for_change(self, last: RunRow, since: float) -> RunRow:
        while True:
            if self._failure is not None:
                raise self._failure
            # What was asked for before `last` was may be older than it.
            if self._row is not None and self._asked >= since and _differs(self._row, last):
                return self._row
            await self._told.wait()

    async def _poll(self) -> None:
        while self.watchers:
            await asyncio.sleep(INTERVAL)
            asked = time.monotonic()
            try:
                async with self._database.read() as session:
                    row = await find_run(session, _POLLER, self._id)
            except Exception as error:  # noqa: BLE001 (it is for the watchers to hear)
                if self._gives_up(error):
                    return
            else:
                self._vain, self._asked = 0, asked
                self._tell(row)
                if _is_over(row):
                    return

    def _gives_up(self, error: Exception) -> bool:
        refusal = find_refusal(error)
        self._vain += 1
        if isinstance(refusal, Unavailable) and self._vain < _PATIENCE:
            return False
        self._failure = refusal or error
        self._wake()
        return True

    def _tell(self, row: RunRow) -> None:
        changed = self._row is None or _differs(self._row, row)
        self._row = row
        if changed:
            self._wake()

    def _wake(self) -> None:
        self._told.set()
        self._told = asyncio.Event()


def _is_over(row: RunRow) -> bool:
    return row.status not in ACTIVE


def _differs(one: RunRow, other: RunRow) -> bool:
    """The rate and what follows from it are no news by themselves: they change with every moment."""
    return _without_rate(one) != _without_rate(other)


def _without_rate(row: RunRow) -> RunRow:
    return replace(row, rows_per_second=None, seconds_left=None)
