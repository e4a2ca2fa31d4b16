"""The audit log's buffer: what may be recorded a moment later, in batches.

Writes and reveals are recorded in the transaction that makes them (`Transaction.record`). Resolves of secrets wait
here for a second at most while PostgreSQL answers, and a killed process loses those that wait. When it does not
answer, resolving stops as soon as one has waited for `PATIENCE` seconds, or `BUFFER_LIMIT` wait, or `EVENT_LIMIT`
events for them: never is more lost.

The same deed by the same caller from the same place, for the same reason, is one event a batch: it tells how often
it was done, when first and when last. So what a batch costs goes by how many different things were done.
"""

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from db.access import Principal
from db.arrays import among
from db.audit.chain import AuditLog
from db.audit.deeds import NOWHERE, Deed, Event, Origin
from db.background import Background
from db.models import AuditEvent
from db.sessions import Database, WriteSession

_logger = logging.getLogger("strongroom.audit")

FLUSH_SECONDS: Final = 1.0
"""How long a resolve waits for its record."""

PATIENCE: Final = 10.0
"""How long one may wait for a database that does not answer; past it, resolving stops (see `AuditBuffer.full`)."""

BUFFER_LIMIT: Final = 200_000
"""How many resolves may wait; past it, resolving stops, too."""

EVENT_LIMIT: Final = 50_000
"""How many events may wait for them: a bound on memory."""

_BATCH: Final = 250
"""Events of one transaction: the heads of their chains are locked as long as it takes, and what comes back of them
is read in one go, while no request is answered."""


_UNINTERRUPTED: Final = 64
"""Events that are made before requests get their turn: less than a millisecond."""


class AuditBuffer:
    """Deeds that may be recorded a moment later, in batches."""

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database = database
        self._log = log
        self._counted: dict[_Sameness, _Counted] = {}
        self._closing: deque[_Counted] = deque()
        self._waiting: dict[uuid.UUID, _Waiting] = {}
        self._done = 0
        self._unsure: set[uuid.UUID] = set()
        self._flushing = asyncio.Lock()
        self._background = Background()

    @property
    def full(self) -> bool:
        """Whether too many deeds wait, or one for too long: what would add one must be refused."""
        if not self._done:
            return False
        if self._done >= BUFFER_LIMIT or self._events >= EVENT_LIMIT:
            return True
        return time.monotonic() - self._oldest() > PATIENCE

    def add(self, principal: Principal, deed: Deed, origin: Origin = NOWHERE) -> None:
        """Record within `FLUSH_SECONDS` that a deed was done just now, whenever its Deed was made."""
        same = _sameness(principal, deed, origin)
        found = self._counted.get(same)
        if found is None:
            self._counted[same] = _Counted(principal, deed, origin)
        else:
            found.times += 1
            found.last = time.time()
        self._done += 1

    def start(self) -> None:
        """Begin to write what waits, once a second."""
        self._background.start(self._run())

    async def stop(self) -> None:
        """Write what waits and end."""
        await self._background.stop()
        await self.flush()

    async def flush(self) -> None:
        """Write what waits, each chain's events in their order; what cannot be written goes on waiting."""
        async with self._flushing:
            await self._close()
            events = sorted((waiting.event for waiting in self._waiting.values()), key=_chain)
            for start in range(0, len(events), _BATCH):
                if not await self._write(events[start : start + _BATCH]):
                    return

    async def _close(self) -> None:
        """Make events of what was counted; what is done from now on is counted anew. In pieces: requests go on."""
        self._closing.extend(self._counted.values())
        self._counted = {}
        while self._closing:
            counted = self._closing.popleft()
            event = counted.event()
            self._waiting[event.id] = _Waiting(counted.since, event)
            if len(self._closing) % _UNINTERRUPTED == 0:
                await asyncio.sleep(0)

    @property
    def _events(self) -> int:
        return len(self._waiting) + len(self._closing) + len(self._counted)

    def _oldest(self) -> float:
        for entries in (self._waiting.values(), self._closing, self._counted.values()):
            for entry in entries:
                return entry.since
        return time.monotonic()

    async def _write(self, events: Sequence[Event]) -> bool:
        ids = {event.id for event in events}
        unsure = self._unsure & ids
        self._unsure |= ids
        try:
            await self._database.write(lambda session: self._append(session, events, unsure))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is lost by it yet
            _logger.warning("%d audit events wait: %s", len(self._waiting), type(error).__name__)
            return False
        self._unsure -= ids
        for event in events:
            del self._waiting[event.id]
            self._done -= event.times
        return True

    async def _append(self, session: WriteSession, events: Sequence[Event], unsure: set[uuid.UUID]) -> None:
        if unsure:
            # An earlier commit of them was asked for, and the answer did not come.
            rows = await session.rows(select(AuditEvent.id).where(among(AuditEvent.id, unsure)))
            known = {row.id for row in rows}
            events = [event for event in events if event.id not in known]
        if events:
            session.at_last(self._log.append, *events)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()


@dataclass(frozen=True, slots=True)
class _Waiting:
    since: float
    event: Event


class _Counted:
    """A deed and how often it was done: the first and the last time, by the clock that people use."""

    __slots__ = ("_deed", "_first", "_origin", "_principal", "last", "since", "times")

    def __init__(self, principal: Principal, deed: Deed, origin: Origin) -> None:
        self._principal = principal
        self._deed = deed
        self._origin = origin
        self._first = self.last = time.time()
        self.since = time.monotonic()
        self.times = 1

    def event(self) -> Event:
        """What goes on record."""
        first, last = (datetime.fromtimestamp(moment, UTC) for moment in (self._first, self.last))
        last_at = None if self.times == 1 else max(first, last)
        return self._deed.by(self._principal, self._origin, at=first, times=self.times, last_at=last_at)


_Sameness = tuple[object, ...]


def _sameness(principal: Principal, deed: Deed, origin: Origin) -> _Sameness:
    """All that an event says but when and how often. What has a detail is never the same as anything else."""
    return (
        principal.token_id,
        principal.name,
        deed.action,
        deed.organization_id,
        deed.integration_id,
        deed.config_id,
        None if deed.keys is None else tuple(deed.keys),
        None if deed.detail is None else object(),
        origin.address,
        origin.reason,
    )


def _chain(event: Event) -> int:
    return -1 if event.organization_id is None else event.organization_id.int
