"""ROTATE's keys: wrapped again, replaced, and destroyed once nothing is sealed by them."""

import asyncio
import logging
import time
import uuid
from functools import partial
from typing import Any, Final

from sqlalchemy import Executable, select, text
from sqlalchemy.exc import IntegrityError

from db.errors import SealError
from db.models import DataKey
from db.sessions import Database, WriteSession
from db.vault import Vault

_BATCH: Final = 1_000
_PATIENCE: Final = 15.0
_NAP: Final = 0.1

_logger = logging.getLogger("strongroom.backfill")


async def replace_keys(database: Database, vault: Vault) -> None:
    """Every data key under the primary root key, and new ones in place of the active ones.

    Returns once no transaction is left that may still seal with a replaced one.
    """
    await _wrap_all_again(database, vault)
    await _replace_all(database, vault)
    await _outlast_transactions(database)


async def drop_unused_keys(database: Database) -> None:
    """Destroy retired keys that nothing is sealed by, if no transaction is old enough to be about to use one."""
    try:
        await database.write(lambda session: session.execute(_DROP))
    except IntegrityError:
        _logger.warning("a retired data key came into use while it was to be destroyed; the next ROTATE will")


async def _wrap_all_again(database: Database, vault: Vault) -> None:
    """All data keys, some at a time in the order of their ids."""
    after: uuid.UUID | None = uuid.UUID(int=0)
    while after is not None:
        statement = _KEYS.where(DataKey.id > after).order_by(DataKey.id).limit(_BATCH).with_for_update()
        after = await database.write(partial(_wrap_again, vault, statement))


async def _wrap_again(vault: Vault, statement: Executable, session: WriteSession) -> uuid.UUID | None:
    rows = await session.rows(statement)
    wrapped: list[dict[str, Any]] = []
    for row in rows:
        try:
            wrapped.append(vault.data_keys.wrap_again(row))
        except SealError:
            # Values under it cannot be opened either: the run will name them.
            _logger.warning("data key %s does not open and stays as it is", row.id)
    if wrapped:
        await session.execute(_REWRAP, wrapped)
    return rows[-1].id if rows else None


async def _replace_all(database: Database, vault: Vault) -> None:
    """All active data keys that are there now, some at a time."""
    async with database.read() as session:
        moment = await session.scalar(_MOMENT)
    statement = select(DataKey.organization_id).where(DataKey.active, DataKey.created_at <= moment)
    batch = statement.order_by(DataKey.id).limit(_BATCH)
    while await database.write(partial(_replace, vault, batch)):
        pass


async def _replace(vault: Vault, statement: Executable, session: WriteSession) -> bool:
    scopes = [row.organization_id for row in await session.rows(statement)]
    if scopes:
        await vault.data_keys.rotate(session, scopes)
    return bool(scopes)


async def _outlast_transactions(database: Database) -> None:
    """Wait until all transactions that may have read the old keys as active are over; give up on a very long one."""
    async with database.read() as session:
        moment = await session.scalar(_MOMENT)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and await session.scalar(_OLDER, {"moment": moment}):  # noqa: ASYNC110
            await asyncio.sleep(_NAP)


_KEYS = select(DataKey.id, DataKey.organization_id, DataKey.root_key_id, DataKey.wrapped)

_REWRAP = text("UPDATE data_keys SET root_key_id = :root_key_id, wrapped = :wrapped WHERE id = :key_id")

_MOMENT = text("SELECT clock_timestamp()")

_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

_OLDER = text(f"SELECT count(*) {_OTHERS} AND xact_start < CAST(:moment AS timestamptz)")

_DROP = text(f"""
DELETE FROM data_keys k WHERE NOT k.active
    AND NOT EXISTS (SELECT 1 FROM configs c WHERE c.data_key_id = k.id)
    AND NOT EXISTS (SELECT 1 FROM config_history h WHERE h.data_key_id = k.id)
    AND k.retired_at < coalesce((SELECT min(xact_start) {_OTHERS}), clock_timestamp())
""")  # noqa: S608 - constants of ours
