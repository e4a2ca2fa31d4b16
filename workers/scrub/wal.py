"""The write-ahead log of a server of our own: its files are used up, and removed instead of used again.

PostgreSQL renames old files for later use, old bytes included. With `wal_recycle` off it removes them; what was
renamed before is filled, file by file, by switching to it: the rest of a file that is left is zeros. All of it is
SQL on a running server: no file is touched behind its back.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

from db.errors import Conflict
from workers.scrub.places import connect

_ROUNDS: Final = 3
_TRIES: Final = 100
_PAUSE: Final = 0.05


async def remove_wal(database_url: str) -> int:
    """Remove every file of the log that is there now, and those set aside for later; how many. Superusers only.

    Raises Conflict where something, such as a replication slot, keeps files.
    """
    async with connect(database_url) as connection:
        try:
            await _set(connection, "ALTER SYSTEM SET wal_recycle = off")
            await _wait_until_heeded(database_url)
            return await _use_up(connection)
        finally:
            await _set(connection, "ALTER SYSTEM RESET wal_recycle")


async def _set(connection: Any, statement: str) -> None:
    await connection.execute(statement)
    await connection.execute("SELECT pg_reload_conf()")


async def _wait_until_heeded(database_url: str) -> None:
    """A new session that has the setting was started after every older process was told of it."""
    for _ in range(_TRIES):
        async with connect(database_url) as fresh:
            if await fresh.fetchval("SHOW wal_recycle") == "off":
                return
        await asyncio.sleep(_PAUSE)
    raise Conflict("the server does not take wal_recycle = off: is it set on its command line?")


async def _use_up(connection: Any) -> int:
    # Whoever checkpoints now heeds the setting: from here on no file is renamed, so names tell age.
    await connection.execute("CHECKPOINT")
    before = await _files(connection)
    for _ in range(_ROUNDS):
        while await _current(connection) <= max(before):
            await connection.execute("SELECT pg_logical_emit_message(false, 'strongroom', 'scrub')")
            await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")
        if not set(before) & set(await _files(connection)):
            return len(before)
        await connection.execute("SELECT pg_logical_emit_message(false, 'strongroom', 'scrub')")
        await connection.execute("SELECT pg_switch_wal()")
    raise Conflict("the server keeps old files of its write-ahead log: a replication slot or wal_keep_size holds them")


async def _files(connection: Any) -> Sequence[str]:
    rows = await connection.fetch("SELECT name FROM pg_ls_waldir()")
    return [row["name"] for row in rows if re.fullmatch("[0-9A-F]{24}", row["name"])]


async def _current(connection: Any) -> str:
    name: str = await connection.fetchval("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    return name
