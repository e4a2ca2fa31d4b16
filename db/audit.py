"""The audit log's buffer: what may be recorded a moment later, in batches.

Writes and reveals are recorded in the transaction that makes them (`Transaction.record`). Resolves of secrets wait
here for a second at most while PostgreSQL answers, and a killed process loses those that wait. When it does not
answer, resolving stops as soon as one has waited for `PATIENCE` seconds or `BUFFER_LIMIT` wait: never is more lost.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from db.access import Principal
from db.arrays import among
from db.background import Background
from db.chain import AuditLog
from db.deeds import NOWHERE, Deed, Event, Origin
from db.models import AuditEvent
from db.sessions import Database, WriteSession

_logger = logging.getLogger("strongroom.audit")

FLUSH_SECONDS: Final = 1.0
"""How long a resolve waits for its record."""

PATIENCE: Final = 10.0
"""How long one may wait for a database that does not answer; past it, resolving stops (see `AuditBuffer.full`)."""

BUFFER_LIMIT: Final = 50_000
"""How many may wait; past it, resolving stops, too."""

_BATCH: Final = 1_000
"""Events of one transaction: the heads of their chains are locked as long as it takes."""


class AuditBuffer:
    """Deeds that may be recorded a moment later, in batches."""

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database = database
        self._log = log
        self._waiting: dict[uuid.UUID, _Waiting] = {}
        self._unsure: set[uuid.UUID] = set()
        self._flushing = asyncio.Lock()
        self._background = Background()

    @property
    def full(self) -> bool:
        """Whether too many deeds wait, or one for too long: what would add one must be refused."""
        if not self._waiting:
            return False
        oldest = next(iter(self._waiting.values()))
        return len(self._waiting) >= BUFFER_LIMIT or time.monotonic() - oldest.since > PATIENCE

    def add(self, principal: Principal, deed: Deed, origin: Origin = NOWHERE) -> None:
        """Record a deed within `FLUSH_SECONDS`."""
        event = deed.by(principal, origin)
        self._waiting[event.id] = _Waiting(time.monotonic(), event)

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
            events = sorted((waiting.event for waiting in self._waiting.values()), key=_chain)
            for start in range(0, len(events), _BATCH):
                if not await self._write(events[start : start + _BATCH]):
                    return

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
        for id in ids:
            del self._waiting[id]
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


def _chain(event: Event) -> str:
    return str(event.organization_id or "")
