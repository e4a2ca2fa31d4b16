"""The door: once every row is verified, PostgreSQL itself refuses legacy rows, and vouches that there are none."""

import asyncio
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.sessions import Database, WriteSession, sqlstate

CONSTRAINT: Final = "ck_configs_not_legacy"

_LOCK_TIMEOUT: Final = "200ms"
"""How long everybody else may have to queue behind us for the table."""

_ATTEMPTS: Final = 50
_PAUSE: Final = 0.2
_LOCK_NOT_AVAILABLE: Final = "55P03"
_CHECK_VIOLATION: Final = "23514"
_TOLD: Final = 20


async def shut(database: Database) -> str | None:
    """Add and validate the constraint; a text tells the rows in its way, and then it is gone again."""
    await _alter(database, "add", unless=_IS_THERE)
    try:
        await _alter(database, "validate", unless=IS_SHUT)
    except DBAPIError as error:
        if sqlstate(error) != _CHECK_VIOLATION:
            raise
        await _alter(database, "drop")
        return await _tell_legacy(database)
    return None


async def _alter(database: Database, step: str, unless: str | None = None) -> None:
    """Run a statement that locks the table, without making others wait for long."""

    async def run(session: WriteSession) -> None:
        if unless is None or not await session.scalar(text(unless)):
            await session.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            await session.scalar(_ALTER, {"step": step})

    for attempt in range(_ATTEMPTS):
        try:
            await database.write(run)
            return
        except DBAPIError as error:
            if sqlstate(error) != _LOCK_NOT_AVAILABLE or attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(_PAUSE)


async def _tell_legacy(database: Database) -> str:
    async with database.read() as session:
        rows = await session.rows(_LEGACY, {"limit": _TOLD})
    ids = ", ".join(str(row.id) for row in rows)
    return f"legacy rows were written meanwhile: {ids or 'gone again'}"


_LEGACY = text("SELECT id FROM configs WHERE legacy ORDER BY id LIMIT :limit")
_ALTER: Final = text("SELECT CAST(strongroom_alter_door(:step) AS text)")
"""A function of the tables' owner, which need not be the role that we work as."""

_IS_THERE: Final = f"SELECT 1 FROM pg_constraint WHERE conname = '{CONSTRAINT}' AND conrelid = 'configs'::regclass"  # noqa: S608 - constants of ours
IS_SHUT: Final = f"{_IS_THERE} AND convalidated"
