"""The door: once every row is verified, PostgreSQL itself refuses legacy rows and wrong types, and vouches that there
are none.

From its first step on it holds older software out. So it is opened again when the run that shuts it is stopped.
"""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.sessions import Database, WriteSession, sqlstate
from workers.slices import WORKABLE, Lost

CONSTRAINT: Final = "ck_configs_not_legacy"

_LOCK_TIMEOUT: Final = "100ms"
"""How long everybody else may have to queue behind us for one of the two tables."""

_LOCKS: Final = (
    text("LOCK TABLE configs IN ACCESS EXCLUSIVE MODE"),
    text("LOCK TABLE integration_config_schema IN SHARE ROW EXCLUSIVE MODE"),
)
"""What adding and dropping take. Taken in the order of those who write, the tables are ours when those are done; in the
other one we would be in each other's way until the time is over. Which one that is, is not known."""

_VALIDATIONS: Final = ("validate fields", "validate types", "validate ties", "validate legacy")
"""Each reads the whole table, and is a transaction of its own: what is validated stays so when a job is over. The last
one tells that the door is shut."""

_VALIDATION_LOCK_TIMEOUT: Final = "2s"
"""Nobody queues behind these but who alters or vacuums the table, and autovacuum gives way within a second."""

_ATTEMPTS: Final = 50
_VALIDATION_ATTEMPTS: Final = 5
_PAUSE: Final = (0.1, 0.4)
"""Seconds between two attempts, in which those who write get on."""

_LOCK_NOT_AVAILABLE: Final = "55P03"
_VIOLATIONS: Final = ("23514", "23503")
_TOLD: Final = 20


async def shut(
    database: Database, run_id: uuid.UUID | None = None, certify: Callable[[], Awaitable[None]] | None = None
) -> str | None:
    """Add and validate what holds legacy rows and wrong types out, and `certify` it; a text tells the rows in its way.

    A door that could not be shut is opened again; one that was shut before stays shut. Raises Lost, with the door as it
    was, when the run is not to be worked on any more: `certify` raises that, too.
    """
    async with database.read() as session:
        was_shut = await session.scalar(text(IS_SHUT))
        if not was_shut and await session.scalar(_ANY_LEGACY):
            # Nobody is held out for the time that it takes PostgreSQL to find that.
            return await _tell_rows(database)
    try:
        await _check_wanted(database, run_id)
        await _alter(database, "add")
        for step in _VALIDATIONS:
            await _check_wanted(database, run_id)
            await _alter(database, step, _VALIDATION_LOCK_TIMEOUT, _VALIDATION_ATTEMPTS)
        if certify is not None:
            await certify()
    except Lost:
        if not was_shut:
            await _alter(database, "drop")
        raise
    except DBAPIError as error:
        # Whoever finds the door of a run that was stopped opens it, even while we validate.
        await _check_wanted(database, run_id)
        if sqlstate(error) not in _VIOLATIONS:
            raise
        if not was_shut:
            await _alter(database, "drop")
        return await _tell_rows(database)
    return None


async def open_forsaken(database: Database) -> None:
    """Open a door that is half shut, and that nobody goes on shutting: its run was stopped, and its worker is gone.

    Where the tables are in use, that is for the next time.
    """
    async with database.read() as session:
        if not await session.scalar(_IS_FORSAKEN):
            return
    try:
        await _alter(database, "drop", attempts=1)
    except DBAPIError as error:
        if sqlstate(error) != _LOCK_NOT_AVAILABLE:
            raise


async def _check_wanted(database: Database, run_id: uuid.UUID | None) -> None:
    if run_id is None:
        return
    async with database.read() as session:
        if await session.scalar(_STATUS, {"run": run_id}) not in WORKABLE:
            raise Lost


async def _alter(database: Database, step: str, wait: str = _LOCK_TIMEOUT, attempts: int | None = None) -> None:
    """Run statements that lock the table, without making others wait for long. What is done already is left."""
    attempts = attempts or _ATTEMPTS

    async def run(session: WriteSession) -> None:
        await session.execute(text(f"SET LOCAL lock_timeout = '{wait}'"))
        if step not in _VALIDATIONS:
            for lock in random.sample(_LOCKS, len(_LOCKS)):
                await session.execute(lock)
        await session.scalar(_ALTER, {"step": step})

    for attempt in range(attempts):
        try:
            await database.write(run)
            return
        except DBAPIError as error:
            if sqlstate(error) != _LOCK_NOT_AVAILABLE or attempt == attempts - 1:
                raise
            await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311 - no secret


async def _tell_rows(database: Database) -> str:
    async with database.read() as session:
        rows = await session.rows(_IN_THE_WAY, {"limit": _TOLD})
    if all(row.legacy for row in rows):
        ids = ", ".join(str(row.id) for row in rows)
        return f"legacy rows were written meanwhile: {ids or 'gone again'}"
    told = ", ".join(f"{row.id}{' (legacy)' if row.legacy else ''}" for row in rows)
    return f"rows were written meanwhile that are legacy, or not tied to the fields of their schemas: {told}"


_IN_THE_WAY: Final = text("""
SELECT c.id, c.legacy FROM configs c
LEFT JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
WHERE c.legacy OR c.field_id IS DISTINCT FROM f.id OR c.config_type <> f.field_type
ORDER BY c.id LIMIT :limit
""")

_ANY_LEGACY: Final = text("SELECT EXISTS (SELECT FROM configs WHERE legacy)")

IS_SHUT: Final = (
    f"SELECT 1 FROM pg_constraint WHERE conname = '{CONSTRAINT}' AND conrelid = 'configs'::regclass AND convalidated"  # noqa: S608 - constants of ours
)

_IS_FORSAKEN: Final = text(f"""
SELECT 1 FROM pg_constraint
WHERE conname = '{CONSTRAINT}' AND conrelid = 'configs'::regclass AND NOT convalidated
    AND NOT EXISTS (SELECT FROM backfill_runs WHERE kind = 'verify' AND status IN ('enqueued', 'running'))
""")  # noqa: S608 - constants of ours

_STATUS: Final = text("SELECT status FROM backfill_runs WHERE id = :run")

_ALTER: Final = text("SELECT CAST(strongroom_alter_door(:step) AS text)")
"""A function of the tables' owner, which need not be the role that we work as."""
