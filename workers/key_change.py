"""The keys of ROTATE and REWRAP: wrapped again, replaced, and destroyed once nothing is sealed by them."""

import asyncio
import logging
import time
import uuid
from asyncio import sleep as wait
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, Executable, Uuid, and_, any_, cast, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from db.audit.deeds import Deed, tell_ids
from db.crypto.data_keys import Scope
from db.errors import SealError
from db.models import BackfillRun, DataKey
from db.sessions import Database, WriteSession
from db.vault import Transaction, Vault
from workers.tasks import Run

GRACE: Final = 2.0
"""Seconds that a retired key is of no use before it is destroyed: whoever has read a row before it was sealed again, or
overwritten, still looks for its key."""

_BATCH: Final = 1_000
_PATIENCE: Final = 15.0
_NAP: Final = 0.1

_logger = logging.getLogger("strongroom.backfill")


async def replace_keys(database: Database, vault: Vault, run: Run) -> None:
    """New data keys in place of the active ones that the run is about.

    A run without limits also replaces the audit key, and has every key under the primary root key. Returns once no
    transaction is left that may still seal with a replaced one.
    """
    if not await _is_limited(database, run):
        await database.write(lambda session: _replace_audit_key(Transaction(session, run.principal, vault)))
        await _wrap_all_again(database, vault, run)
    await _replace_all(database, vault, run)
    await database.write(lambda session: session.execute(_RETIRED_NOW, {"run": run.id}))
    await _outlast_transactions(database)


def within(run: Run, organization_id: InstrumentedAttribute[uuid.UUID | None]) -> ColumnElement[bool]:
    """Whether a row is one of those that a run is about. Its limits are read once a statement, not once a row."""
    of_run = BackfillRun.id == run.id
    # A cast makes it one value: bare, ANY would take it for a set of rows.
    ids = cast(select(BackfillRun.organization_ids).where(of_run).scalar_subquery(), ARRAY(Uuid))
    include_global = select(BackfillRun.include_global).where(of_run).scalar_subquery()
    return or_(ids.is_(None), organization_id == any_(ids), and_(organization_id.is_(None), include_global))


async def drop_unused_keys(database: Database, vault: Vault, run: Run) -> None:
    """Destroy retired keys that nothing has been sealed by for a while, if no transaction is old enough to be about to
    use one."""
    async with database.read() as session:
        unused = [row.id for row in await session.rows(_UNUSED)]
    if not unused:
        return
    await wait(GRACE)
    try:
        await database.write(lambda session: _drop(Transaction(session, run.principal, vault), unused))
    except IntegrityError:
        _logger.warning("a retired data key came into use while it was to be destroyed; the next ROTATE will")


async def _is_limited(database: Database, run: Run) -> bool:
    async with database.read() as session:
        limited = select(BackfillRun.organization_ids.is_not(None)).where(BackfillRun.id == run.id)
        return bool(await session.scalar(limited))


async def _replace_audit_key(transaction: Transaction) -> None:
    audit = transaction.vault.audit
    await audit.keys.wrap_all_again(transaction.session)
    transaction.record(await audit.rotate_key(transaction.session))


async def _drop(transaction: Transaction, unused: Sequence[uuid.UUID]) -> None:
    rows = await transaction.session.rows(_DROP, {"ids": unused})
    if rows:
        detail = {"dataKeys": len(rows), "ids": tell_ids([row.id for row in rows])}
        transaction.record(Deed("key.destroy", detail=detail))


async def _wrap_all_again(database: Database, vault: Vault, run: Run) -> None:
    """All data keys, some at a time in the order of their ids."""
    after: uuid.UUID | None = uuid.UUID(int=0)
    while after is not None:
        statement = _KEYS.where(DataKey.id > after).order_by(DataKey.id).limit(_BATCH).with_for_update(key_share=True)
        after = await database.write(partial(_wrap_again, vault, run, statement))


async def _wrap_again(vault: Vault, run: Run, statement: Executable, session: WriteSession) -> uuid.UUID | None:
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
        detail = {"dataKeys": len(wrapped), "rootKey": wrapped[0]["root_key_id"]}
        Transaction(session, run.principal, vault).record(Deed("key.wrap", detail=detail))
    return rows[-1].id if rows else None


async def _replace_all(database: Database, vault: Vault, run: Run) -> None:
    """All active data keys that are there now and that the run is about, some at a time."""
    async with database.read() as session:
        moment = await session.scalar(_MOMENT)
    concerned = within(run, DataKey.organization_id)
    statement = select(DataKey.organization_id).where(DataKey.active, DataKey.created_at <= moment, concerned)
    batch = statement.order_by(DataKey.id).limit(_BATCH)
    while await database.write(partial(_replace, vault, run, batch)):
        pass


async def _replace(vault: Vault, run: Run, statement: Executable, session: WriteSession) -> bool:
    chosen = [row.organization_id for row in await session.rows(statement)]
    # Held until we commit: whoever deletes one meanwhile comes first, and takes its keys along, or waits for us.
    kept = await session.rows(_HOLD_ORGANIZATIONS, {"ids": [scope for scope in chosen if scope is not None]})
    scopes: list[Scope] = [row.id for row in kept] + [scope for scope in chosen if scope is None]
    if scopes:
        transaction = Transaction(session, run.principal, vault)

        def note(scope: Scope, key_id: uuid.UUID) -> None:
            transaction.record(Deed("key.rotate", scope, detail={"dataKey": str(key_id)}))

        await vault.data_keys.rotate(session, scopes, note)
    return bool(chosen)


async def _outlast_transactions(database: Database) -> None:
    """Wait until all transactions that may have read the old keys as active are over; give up on a very long one."""
    async with database.read() as session:
        moment = await session.scalar(_MOMENT)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and await session.scalar(_OLDER, {"moment": moment}):  # noqa: ASYNC110
            await asyncio.sleep(_NAP)


_KEYS = select(DataKey.id, DataKey.organization_id, DataKey.root_key_id, DataKey.wrapped)

_REWRAP = text("UPDATE data_keys SET root_key_id = :root_key_id, wrapped = :wrapped WHERE id = :key_id")

_HOLD_ORGANIZATIONS = text(
    "SELECT id FROM organizations WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR KEY SHARE"
)

_RETIRED_NOW = text("""
UPDATE data_keys SET retired_at = clock_timestamp()
WHERE NOT active AND retired_at >= (SELECT started_at FROM backfill_runs WHERE id = :run)
""")
"""Once they are committed as retired: a transaction that began before may have read them as active, none after."""

_MOMENT = text("SELECT clock_timestamp()")

_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

_OLDER = text(f"SELECT count(*) {_OTHERS} AND xact_start < CAST(:moment AS timestamptz)")

_IS_UNUSED: Final = """NOT k.active
    AND NOT EXISTS (SELECT 1 FROM configs c WHERE c.data_key_id = k.id)
    AND NOT EXISTS (SELECT 1 FROM config_history h WHERE h.data_key_id = k.id)"""

_UNUSED = text(f"SELECT k.id FROM data_keys k WHERE {_IS_UNUSED}")  # noqa: S608 - constants of ours

_DROP = text(f"""
DELETE FROM data_keys k WHERE k.id = ANY(CAST(:ids AS uuid[])) AND {_IS_UNUSED}
    AND k.retired_at < coalesce((SELECT min(xact_start) {_OTHERS}), clock_timestamp())
RETURNING k.id
""")  # noqa: S608 - constants of ours
