"""The audit log: who did what to which row, and when; never a value.

Writes and reveals are recorded in the transaction that makes them. Resolves are recorded in batches
by `AuditBuffer`, which loses at most the last second of them, and only when the process is killed.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert

from db.access import Principal
from db.models import AuditEvent
from db.sessions import Database, WriteSession

_logger = logging.getLogger("strongroom.audit")

FLUSH_SECONDS: Final = 1.0
"""How long a resolve may wait for its record: the longest loss when the process is killed."""

BUFFER_LIMIT: Final = 50_000
"""Resolves waiting for a database that does not answer; past it, resolving stops (see `AuditBuffer.full`)."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, and where."""

    action: str
    organization_id: uuid.UUID | None = None
    integration_id: uuid.UUID | None = None
    config_id: uuid.UUID | None = None
    keys: Sequence[str] | None = None
    detail: dict[str, Any] | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def row(self, principal: Principal) -> dict[str, Any]:
        """The deed as a row of the log."""
        return {
            "id": uuid.uuid4(),
            "at": self.at,
            "actor": principal.name,
            "token_id": principal.token_id,
            "action": self.action,
            "organization_id": self.organization_id,
            "integration_id": self.integration_id,
            "config_id": self.config_id,
            "keys": None if self.keys is None else sorted(self.keys),
            "detail": self.detail,
        }


async def record(session: WriteSession, principal: Principal, *deeds: Deed) -> None:
    """Put deeds on record in the transaction that does them."""
    if deeds:
        await session.execute(insert(AuditEvent), [deed.row(principal) for deed in deeds])


class AuditBuffer:
    """Deeds that may be recorded a moment later, in batches."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether too many deeds wait: what would add one must be refused."""
        return len(self._waiting) >= BUFFER_LIMIT

    def add(self, principal: Principal, deed: Deed) -> None:
        """Record a deed within `FLUSH_SECONDS`."""
        self._waiting.append(deed.row(principal))

    def start(self) -> None:
        """Begin to write what waits, once a second."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what waits and end."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    async def flush(self) -> None:
        """Write what waits; on an error it goes on waiting."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            await self._database.write(lambda session: session.execute(_INSERT_ONCE, batch))
        except asyncio.CancelledError:
            self._waiting = batch + self._waiting
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, what waits must not be lost
            self._waiting = batch + self._waiting
            _logger.warning("%d audit events wait: %s", len(self._waiting), type(error).__name__)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()


_INSERT_ONCE = upsert(AuditEvent).on_conflict_do_nothing(index_elements=[AuditEvent.id])
"""A batch whose commit was not heard of is written again: its rows may be there already."""
