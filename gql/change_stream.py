"""What changed, as it happens: one reader a process, however many watch."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakValueDictionary

from db.background import Background
from db.change_log import Batch, read_batch
from db.change_selection import Selection
from db.errors import LimitExceeded, StrongroomError, Unavailable
from db.positions import Position
from db.sessions import Database
from gql.failures import find_refusal, report

POLL_SECONDS: Final = 0.5
"""How often the log is read without a sign that something changed; and how often watchers hear that nothing did."""

_PAUSE_SECONDS: Final = 0.01
"""At least this long between two readings, so that many small writes are told together."""

_PAUSE_EACH: Final = 0.0003
"""The pause is longer by this for each watcher: the more of them there are, the more changes one telling is worth."""

_TOLD_AT_ONCE: Final = 20

_WAITING_LIMIT: Final = 100
"""Batches that wait for one watcher, before it is taken for too slow."""

_PATIENCE_SECONDS: Final = 3.0
"""After how long without a database watchers are told."""

_logger = logging.getLogger("strongroom.changes")


@dataclass(frozen=True, slots=True, eq=False)
class News(Batch):
    """A batch that all who watch are told.

    `before` is where whoever heard what came before it is, None where nobody did. What one watcher makes of it is
    `made` for those who make the same.
    """

    before: Position | None = None
    made: dict[object, Any] = field(default_factory=dict[object, Any])

    @classmethod
    def of(cls, batch: Batch, before: Position | None) -> "News":
        """A batch as news for whoever is at this position."""
        return cls(batch.position, batch.changes, batch.is_reset, before)


class ChangeStream:
    """Reads the log of changes while somebody watches it."""

    def __init__(self, database: Database, forget: Callable[[Batch], None]) -> None:
        """`forget` is told of each batch before anybody else: what it makes stale must not be served again."""
        self._database = database
        self._forget = forget
        self._watchers: set[_Watcher] = set()
        self._selections: WeakValueDictionary[object, Selection] = WeakValueDictionary()
        self._position: Position | None = None
        self._reading = False
        self._wake = asyncio.Event()
        self._background = Background()
        self._starting = asyncio.Lock()

    def share(self, selection: Selection) -> Selection:
        """The selection of those who want the same already, or this one: what equal ones choose is chosen once."""
        return self._selections.setdefault(selection.wanted, selection)

    def wake(self) -> None:
        """Something may have changed just now."""
        self._wake.set()

    async def watch(self, after: Position | None) -> AsyncGenerator[News]:
        """What a position has not seen, then news as they come, empty ones too, at least twice a second.

        A change may come twice. Raises Unavailable when the database is away for long, and LimitExceeded when whoever
        watches does not keep up; the last position is where to go on.
        """
        await self._ensure_started()
        with self._register() as watcher:
            # Read after it was registered: what happens between the two comes twice, not never.
            yield News.of(await self._begin(after), after)
            while True:
                yield await watcher.next()

    async def stop(self) -> None:
        """End the reader."""
        await self._background.stop()

    async def _ensure_started(self) -> None:
        async with self._starting:
            if not self._reading:
                self._position = await self._catch_up()
                self._reading = True
                self._background.start(self._run(self._position))

    @contextmanager
    def _register(self) -> Generator["_Watcher"]:
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def _catch_up(self) -> Position:
        """Where the log is now; what happened while nobody watched is forgotten too."""
        position = (await self._read(self._position)).position
        if self._position is None:
            self._forget(Batch(position, is_reset=True))
        return position

    async def _begin(self, after: Position | None) -> Batch:
        """What a position that somebody brought has not seen. It may be as old as they like, and what has been read
        since then is not stale for it: only what the reader has not come to yet is forgotten."""
        async with self._database.read() as session:
            batch = await read_batch(session, after)
        if batch.changes or batch.is_reset:
            await self._read(self._position)
        return batch

    async def _read(self, after: Position | None) -> Batch:
        async with self._database.read() as session:
            batch = await read_batch(session, after)
        self._forget(batch)
        return batch

    async def _run(self, position: Position) -> None:
        """Ends when nobody has watched for a while; the next watcher begins it anew."""
        heard = watched = time.monotonic()
        while self._watchers or time.monotonic() - watched < _PATIENCE_SECONDS:
            if self._watchers:
                watched = time.monotonic()
            self._wake.clear()
            try:
                batch = await self._read(position)
            except Exception as error:  # noqa: BLE001 - whatever it is, the reader goes on
                self._tell_failure(error, time.monotonic() - heard)
            else:
                heard = time.monotonic()
                await self._tell(News.of(batch, position))
                self._position = position = batch.position
            await asyncio.sleep(min(_PAUSE_SECONDS + len(self._watchers) * _PAUSE_EACH, POLL_SECONDS / 2))
            await self._wait()
        self._reading = False

    async def _tell(self, news: News) -> None:
        """Tell all who watch, a few at a time: what else the process is asked meanwhile does not wait for all."""
        for index, watcher in enumerate(list(self._watchers), 1):
            watcher.add(news)
            if index % _TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    def _tell_failure(self, error: Exception, seconds: float) -> None:
        refusal = find_refusal(error)
        if refusal is None:
            report(error)
        if seconds > _PATIENCE_SECONDS:
            for watcher in self._watchers:
                watcher.end(Unavailable("the changes cannot be read"))


class _Watcher:
    """What waits for one who watches."""

    def __init__(self) -> None:
        self._waiting: deque[News] = deque()
        self._failure: StrongroomError | None = None
        self._came = asyncio.Event()

    def add(self, news: News) -> None:
        """Have news wait. Those that tell nothing new are left out while others wait."""
        if self._waiting and not news.changes and not news.is_reset:
            return
        if len(self._waiting) >= _WAITING_LIMIT:
            self._waiting.clear()
            self.end(LimitExceeded("too slow: changes came faster than they were read; go on with the last cursor"))
        elif self._failure is None:
            self._waiting.append(news)
            self._came.set()

    def end(self, failure: StrongroomError) -> None:
        """End the watching for this reason."""
        self._failure = failure
        self._came.set()

    async def next(self) -> News:
        """The next news, once there are any."""
        await self._came.wait()
        if self._failure is not None:
            raise self._failure
        news = self._waiting.popleft()
        if not self._waiting:
            self._came.clear()
        return news
