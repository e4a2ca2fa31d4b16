"""Work on a run that one worker at a time may do: planning it, and finishing it."""

import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text

from db.sessions import Database


@asynccontextmanager
async def own(database: Database, run_id: uuid.UUID) -> AsyncGenerator[bool]:
    """Own a run while the context lasts; False where somebody else does. PostgreSQL frees it if we are killed.

    The lock belongs to a session, not to a transaction: no old snapshot stays open beside what is done.
    """
    key = {"key": int.from_bytes(run_id.bytes[:8], signed=True)}
    async with database.read() as session:
        mine = bool(await session.scalar(_LOCK, key))
        try:
            yield mine
        finally:
            if mine:
                await session.scalar(_UNLOCK, key)


_LOCK: Final = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK: Final = text("SELECT pg_advisory_unlock(:key)")
