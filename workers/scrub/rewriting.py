"""Rewriting tables without their dead rows: only once nobody can still need one, and without making others queue."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from db.errors import Conflict

_ATTEMPTS: Final = 150
_PAUSE: Final = 0.2
_LOOKS_EVERY: Final = 0.2


async def patiently(connection: Any, statement: str, attempts: int = _ATTEMPTS) -> None:
    """Run a statement that locks something, again and again until it gets its lock. Raises Conflict in the end."""
    for _ in range(attempts):
        try:
            await connection.execute(statement)
            return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(_PAUSE)
    raise Conflict(f"somebody holds a lock all the time that this needs: {statement}")


async def wait_for_readers(connection: Any, seconds: float) -> None:
    """Wait until no transaction is left that began before now: for as long, VACUUM keeps the rows that it may see.

    Raises Conflict, naming those in the way.
    """
    mark = await connection.fetchval("SELECT pg_current_xact_id()::text")
    end = time.monotonic() + seconds
    while rows := await connection.fetch(_HOLDERS, mark):
        if time.monotonic() >= end:
            named = "; ".join(row["holder"] for row in rows)
            raise Conflict(f"old rows cannot be removed yet, since these may still read them: {named}")
        await asyncio.sleep(_LOOKS_EVERY)


async def rewrite(connection: Any, tables: Sequence[str]) -> None:
    """Rewrite tables, their TOAST and their indexes, with what is alive in them and nothing else."""
    for table in tables:
        await patiently(connection, f"VACUUM (FULL) {table}")
        # The new table has no visibility map yet: without one, reading an index alone is not enough. Locks nobody out.
        await patiently(connection, f"VACUUM {table}")


_HOLDERS: Final = """
WITH mark AS (SELECT age($1::text::xid8::xid) AS age)
SELECT format('session %s of %s (%s, since %s)', pid, coalesce(usename, 'nobody'), coalesce(state, backend_type),
    date_trunc('second', xact_start)) AS holder
FROM pg_stat_activity, mark
WHERE pid <> pg_backend_pid() AND (datname IS NULL OR datname = current_database())
    AND greatest(age(backend_xmin), age(backend_xid)) > mark.age
UNION ALL
SELECT format('prepared transaction %s', gid) FROM pg_prepared_xacts, mark
WHERE database = current_database() AND age(transaction) > mark.age
UNION ALL
SELECT format('replication slot %s', slot_name) FROM pg_replication_slots, mark
WHERE greatest(age(xmin), age(catalog_xmin)) > mark.age
"""
