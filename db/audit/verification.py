"""Verifying the audit log: every event vouches for itself, follows the one before it, and none is missing."""

import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Row, Select, Uuid, case, func, select

from db.arrays import rows_of
from db.audit.chain import AuditLog, Head, Link
from db.audit.checkpoints import Checkpoint, read_heads
from db.audit.events import EVENT_COLUMNS, event_of
from db.audit.following import Chain, Fault, Stored
from db.crypto.audit_keys import AuditKey
from db.crypto.data_keys import Scope
from db.errors import SealError
from db.models import AuditEvent
from db.models import AuditKey as StoredKey
from db.sessions import Database, SteadySession


class Verification:
    """One pass over the log, as it is at one moment; with a checkpoint, over what came after it.

    What is written meanwhile is not looked at, and nobody waits for it.
    """

    def __init__(self, database: Database, log: AuditLog, checkpoint: Checkpoint | None = None) -> None:
        self._database = database
        self._log = log
        self._known: Mapping[Scope, Head] = checkpoint.heads if checkpoint else {}
        self.events = 0
        self.chains = 0

    async def faults(self) -> AsyncGenerator[Fault]:
        """Whatever is wrong, chain by chain."""
        async with self._database.steady() as session:
            heads = await read_heads(session)
            keys = await self._open_keys(session)
            left = set(heads) | set(self._known)
            chain: Chain | None = None
            async for row in session.stream(_select_stored(self._known)):
                if chain is None or chain.organization_id != row.organization_id:
                    for fault in self._end(chain):
                        yield fault
                    chain = self._begin(row.organization_id, heads, keys)
                    left.discard(row.organization_id)
                self.events += 1
                for fault in chain.follow(_stored(row)):
                    yield fault
            gone = [self._begin(scope, heads, keys) for scope in sorted(left, key=str)]
            for ended in (chain, *gone):
                for fault in self._end(ended):
                    yield fault

    def _begin(self, scope: Scope, heads: Mapping[Scope, Head], keys: Mapping[uuid.UUID, AuditKey | None]) -> Chain:
        self.chains += 1
        return Chain(scope, keys, heads.get(scope), self._known.get(scope, Head()))

    def _end(self, chain: Chain | None) -> Iterator[Fault]:
        return iter(()) if chain is None else chain.end()

    async def _open_keys(self, session: SteadySession) -> dict[uuid.UUID, AuditKey | None]:
        keys: dict[uuid.UUID, AuditKey | None] = {}
        for row in await session.rows(select(StoredKey.id)):
            try:
                keys[row.id] = await self._log.keys.find(session, row.id)
            except SealError:
                keys[row.id] = None
        return keys


def _stored(row: Row[Any]) -> Stored:
    return Stored(event_of(row), Link(row.sequence, row.key_id, row.previous), row.mac)


LINK_COLUMNS: Final = (AuditEvent.sequence, AuditEvent.key_id, AuditEvent.previous, AuditEvent.mac)


def _select_stored(known: Mapping[Scope, Head]) -> Select[*tuple[Any, ...]]:
    """All events, or those from a checkpoint's on, chain by chain in the order of their numbers."""
    statement = select(*EVENT_COLUMNS, *LINK_COLUMNS).order_by(AuditEvent.organization_id, AuditEvent.sequence)
    if not known:
        return statement
    owned = {scope: head.sequence for scope, head in known.items() if scope is not None}
    start = rows_of("start", {"id": (Uuid(), owned), "sequence": (BigInteger(), owned.values())})
    of_global = known[None].sequence if None in known else 0
    first = case((AuditEvent.organization_id.is_(None), of_global), else_=func.coalesce(start.c.sequence, 0))
    return statement.outerjoin(start, start.c.id == AuditEvent.organization_id).where(AuditEvent.sequence >= first)
