"""Standing runs: a new SEAL whenever rows wait for one, as long as older software still writes."""

import uuid
from typing import Final

from sqlalchemy import exists, select, text

from db.access import Permission, Principal
from db.errors import Conflict
from db.models import BackfillKind
from db.runs import RunRow, start_backfill
from db.sessions import Database, ReadSession, WriteSession
from db.vault import Transaction, Vault
from workers.door import IS_SHUT
from workers.seal import waiting

COMMAND_LINE: Final = Principal(uuid.UUID(int=0), "command line", frozenset({Permission.BACKFILL_RUN}))
"""Whoever may open the database and the keyring on the server."""

SCHEDULE: Final = Principal(uuid.UUID(int=0), "schedule", frozenset({Permission.BACKFILL_RUN}))

REST: Final = 60
"""Seconds after a SEAL that failed, was cancelled or changed nothing in which no other is started for it."""


async def start_for_waiting(
    database: Database, vault: Vault, principal: Principal, *, rest: float = REST
) -> RunRow | None:
    """Start a SEAL if rows wait for one, no run is active, and the last SEAL was not in vain just now."""
    async with database.read() as session:
        if await session.scalar(_IN_VAIN, {"rest": rest}) or not await is_waited_for(session):
            return None

    async def start(session: WriteSession) -> RunRow:
        return await start_backfill(Transaction(session, principal, vault), BackfillKind.SEAL)

    try:
        return await database.write(start)
    except Conflict:
        return None


async def is_waited_for(session: ReadSession) -> bool:
    """Whether there are rows that a SEAL would change."""
    return bool(await session.scalar(select(exists(waiting()))))


async def is_door_shut(session: ReadSession) -> bool:
    """Whether PostgreSQL refuses legacy rows: then nothing will ever wait for a SEAL again."""
    return bool(await session.scalar(text(IS_SHUT)))


_IN_VAIN = text("""
SELECT 1 FROM backfill_runs r
WHERE r.kind = 'seal' AND NOT r.dry_run
    AND r.finished_at BETWEEN clock_timestamp() - make_interval(secs => :rest) AND clock_timestamp() AND (
    r.status <> 'succeeded'
    OR NOT EXISTS (SELECT FROM backfill_slices s WHERE s.run_id = r.id AND s.changed + s.quarantined > 0)
)
LIMIT 1
""")
