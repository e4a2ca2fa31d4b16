"""SEAL: every legacy row gets its schema's type, every secret is sealed, what nobody can decide is quarantined.

No value changes by it, so version, time and author of a row stay. Integrations are locked first and
then configs written in one key order, as writers do. A write that commits before is seen; one after wins.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
)

from db import history
from db.crypto.sealing import random_nonces
from db.models import Config, ConfigField, QuarantinedConfig
from db.prepared import Prepared
from db.sessions import Database, ReadSession
from db.stored import SchemaField, StoredConfig, select_stored, stored_fetched
from db.values import ConfigType
from db.vault import Vault
from db.writing import remove
from workers import seal_history
from workers.outcomes import Emptied, Kept, Left, Outcome, Quarantined, Sealed, decide, reseal
from workers.tasks import Batch, Counts, Run, Source

_UNINTERRUPTED: Final = 100
"""Rows that are worked on before others on this event loop get their turn: about a millisecond."""

T = TypeVar("T")


class Seal:
    """The task."""

    sources = (Source.CONFIGS, Source.HISTORY)

    def candidates(self, source: Source, run: Run) -> Select[*tuple[Any, ...]]:
        """Legacy rows, and rows whose field older software made or changed without looking at them."""
        if source is Source.HISTORY:
            return seal_history.candidates()
        return select(*_IN_PLACES).where(_is_unsettled())

    async def concerns(self, session: ReadSession, source: Source) -> bool:
        """The history is long, and mostly there is nothing to be done in it."""
        return source is not Source.HISTORY or await seal_history.is_in_clear(session)

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """Nothing comes before."""

    async def work(self, batch: Batch) -> Counts:
        """Decide each row and write what was decided, in one statement for all of them."""
        if batch.source is Source.HISTORY:
            return await seal_history.work(batch)
        await _hold_schemas(batch)
        found = await _read(batch, _READ)
        outcomes = await _decide(batch, found)
        if not batch.run.dry_run:
            outcomes = await _settle(batch, found, outcomes)
        return _count(len(batch.ids), outcomes)

    async def set_aside(self, batch: Batch, reason: str) -> Counts:
        """Quarantine the row; one of the history has no quarantine, VERIFY will name it."""
        if batch.source is Source.CONFIGS and not batch.run.dry_run:
            await _quarantine(batch, list(batch.ids), [reason])
        return Counts(processed=len(batch.ids), quarantined=len(batch.ids))

    async def conclude(self, database: Database, vault: Vault, run: Run) -> str | None:
        """Nothing comes after; rows in quarantine are for VERIFY to fail on."""
        return None


_OF_ITS_SCHEMA = and_(SchemaField.integration_id == Config.integration_id, SchemaField.key == Config.key)


def _is_unsettled() -> Any:
    """Written as the predicate of ix_configs_unsettled, narrowed to what has a field that it is not tied to.

    The field is looked up only for rows that are not legacy: for all others that costs more than finding them.
    """
    loose = or_(Config.legacy, Config.field_id.is_(None))
    of_its_schema = and_(ConfigField.integration_id == Config.integration_id, ConfigField.key == Config.key)
    return and_(loose, or_(Config.legacy, exists().where(of_its_schema)))


_NOBODY: Final = literal_column("'00000000-0000-0000-0000-000000000000'::uuid", Uuid())

_IN_PLACES: Final = (
    func.coalesce(Config.integration_id, _NOBODY).label("integration_id"),
    func.coalesce(Config.organization_id, _NOBODY).label("organization_id"),
    Config.id,
)
"""The order of ix_configs_unsettled: a batch is of few integrations. It finds its rows' entries in every index beside
each other, holds few schemas, and what it tells the API to read anew is few places and not all of them."""


def waiting() -> Select[*tuple[Any, ...]]:
    """What a new run would have something to do with: not what the last one left alone, unless it was written since, or
    has another type by now."""
    undecided = exists().where(
        QuarantinedConfig.config_id == Config.id,
        QuarantinedConfig.seen_writer == literal_column("CAST(CAST(configs.xmin AS text) AS bigint)"),
        QuarantinedConfig.seen_type == func.coalesce(SchemaField.field_type, Config.config_type),
    )
    left = and_(Config.sealed.is_not(None), (SchemaField.field_type != ConfigType.SECRET).is_(True))
    found = select(Config.id).outerjoin(SchemaField, _OF_ITS_SCHEMA)
    return found.where(_is_unsettled(), ~left, ~undecided)


@dataclass(slots=True)
class _Found:
    """A row, where in the table it is (its ctid), and the transaction that wrote it (its xmin): together they name it
    as it was read."""

    row: StoredConfig
    place: Any
    writer: int


async def _hold_schemas(batch: Batch) -> None:
    """Keep the schemas of the batch's integrations as they are until we commit."""
    await batch.transaction.session.fetch(_HOLD_SCHEMAS, batch.ids)


async def _read(batch: Batch, statement: Prepared) -> list[_Found]:
    """The batch's rows that are still to be done, beside their schema."""
    records = await batch.transaction.session.fetch(statement.text, *statement.arguments({"ids": batch.ids}))
    return [_Found(stored_fetched(record[:-2]), *record[-2:]) for record in records]


async def _decide(batch: Batch, found: Sequence[_Found]) -> list[Outcome]:
    legacy_keys, outcomes = batch.transaction.vault.legacy_keys, list[Outcome]()
    async for part in _in_turns(found):
        outcomes += [decide(one.row, legacy_keys) for one in part]
    return outcomes


async def _in_turns(items: Sequence[T]) -> AsyncGenerator[Sequence[T]]:
    """The items, some at a time: in between, others on this event loop have a turn. They may hold locks meanwhile."""
    for start in range(0, len(items), _UNINTERRUPTED):
        yield items[start : start + _UNINTERRUPTED]
        await asyncio.sleep(0)


async def _settle(batch: Batch, found: Sequence[_Found], outcomes: list[Outcome]) -> list[Outcome]:
    """Seal and write. Rows are not locked before, which would cost as much as a third of writing them, and would keep
    writers waiting while values are sealed: what is not as it was read is not written, but read again and locked."""
    done = await _write(batch, found, outcomes)
    if len(done) == len(found):
        return done
    locked = await _read(batch, _LOCK)
    outcomes = await _decide(batch, locked)
    written = await _write(batch, locked, outcomes)
    if len(written) != sum(isinstance(outcome, Sealed | Kept) for outcome in outcomes):
        raise RuntimeError("a locked row is not as it was read")
    return done + written + await _set_aside(batch, outcomes)


async def _write(batch: Batch, found: Sequence[_Found], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write what is sealed or kept; the outcomes of the rows that were as they had been read."""
    kept = [(outcome, one) for outcome, one in zip(outcomes, found, strict=True) if isinstance(outcome, Sealed | Kept)]
    if not kept:
        return []
    transaction = batch.transaction
    sealers = await transaction.sealers({o.row.organization_id for o, _ in kept if isinstance(o, Sealed)})
    written = list[Sealed | Kept]()
    async for part in _in_turns(kept):
        nonces = random_nonces(len(part))
        written += [reseal(outcome, sealers, nonce) for (outcome, _), nonce in zip(part, nonces, strict=True)]
    seen = [one for _, one in kept]
    if await transaction.session.touch(_UPDATE, *_columns(written, seen)) == len(written):
        return [*written]
    rows = await transaction.session.fetch(_OURS, [outcome.row.id for outcome in written])
    ours = {row["id"] for row in rows}
    return [outcome for outcome in written if outcome.row.id in ours]


async def _set_aside(batch: Batch, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Move empty values to the history, and quarantine what nobody can decide; the outcomes that were not written."""
    await remove(batch.transaction, [o.row for o in outcomes if isinstance(o, Emptied)], history.EMPTY)
    undecided = [outcome for outcome in outcomes if isinstance(outcome, Quarantined)]
    await _quarantine(batch, [o.row.id for o in undecided], [o.reason for o in undecided])
    return [outcome for outcome in outcomes if not isinstance(outcome, Sealed | Kept)]


async def _quarantine(batch: Batch, ids: list[uuid.UUID], reasons: list[str]) -> None:
    if ids:
        parameters = {"run": batch.run.id, "ids": ids, "reasons": reasons}
        await batch.transaction.session.execute(_QUARANTINE, parameters)


def _count(picked: int, outcomes: Sequence[Outcome]) -> Counts:
    """Rows that somebody wrote since they were picked count as skipped: there was nothing left to do."""
    quarantined = sum(isinstance(outcome, Quarantined) for outcome in outcomes)
    changed = sum(not isinstance(outcome, Left | Quarantined) and outcome.changes for outcome in outcomes)
    return Counts(picked, changed, picked - changed - quarantined, quarantined)


def _columns(outcomes: Sequence[Sealed | Kept], seen: Sequence[_Found]) -> Sequence[list[Any]]:
    texts = [outcome.text if isinstance(outcome, Kept) else None for outcome in outcomes]
    return (
        [outcome.row.id for outcome in outcomes],
        texts if any(texts) else [],  # unnest fills a shorter array up with nulls.
        [outcome.sealed if isinstance(outcome, Sealed) else None for outcome in outcomes],
        [outcome.data_key_id if isinstance(outcome, Sealed) else None for outcome in outcomes],
        [outcome.row.type.value for outcome in outcomes],
        [outcome.row.schema_field_id for outcome in outcomes],
        [one.place for one in seen],
        [one.writer for one in seen],
    )


_SEEN: Final[Sequence[ColumnElement[Any]]] = (literal_column("configs.ctid"), literal_column("configs.xmin"))

_ROWS: Final = (
    select_stored()
    .add_columns(*_SEEN)
    .where(Config.id == any_(bindparam("ids", type_=ARRAY(Uuid()))), _is_unsettled())
    .order_by(Config.integration_id, Config.organization_id, Config.key)
)
_READ: Final = Prepared(_ROWS)
_LOCK: Final = Prepared(_ROWS.with_for_update(of=Config))

_HOLD_SCHEMAS: Final = """
SELECT FROM integrations WHERE id IN (SELECT integration_id FROM configs WHERE id = ANY($1)) ORDER BY id FOR SHARE
"""

_UPDATE: Final = """
WITH released AS (DELETE FROM quarantined_configs WHERE config_id = ANY(CAST($1 AS uuid[])))
UPDATE configs AS c
SET value = CASE WHEN u.config_type <> 'secret' THEN coalesce(u.value, c.value) END,
    sealed = coalesce(u.sealed, c.sealed), data_key_id = coalesce(u.data_key_id, c.data_key_id),
    config_type = u.config_type, field_id = u.field_id, legacy = false,
    exposed_version = CASE WHEN u.sealed IS NULL THEN c.exposed_version ELSE c.version END
FROM unnest(
    CAST($1 AS uuid[]), CAST($2 AS jsonb[]), CAST($3 AS bytea[]), CAST($4 AS uuid[]),
    CAST($5 AS config_type[]), CAST($6 AS uuid[]), CAST($7 AS tid[]), CAST($8 AS xid[])
) AS u (id, value, sealed, data_key_id, config_type, field_id, place, writer)
WHERE c.ctid = u.place AND c.xmin = u.writer AND c.id = u.id
"""
"""By the rows' places: joined by their ids, PostgreSQL would read the whole table for each batch. A row that another
transaction is writing is waited for, and looked at again: it has another writer then, and is left alone."""

_OURS: Final = "SELECT id FROM configs WHERE id = ANY($1) AND xmin = CAST(pg_current_xact_id() AS xid)"

_QUARANTINE = text("""
INSERT INTO quarantined_configs (config_id, run_id, reason, seen_writer, seen_type)
SELECT u.id, :run, u.reason, seen.writer, seen.type
FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS varchar[])) AS u (id, reason), LATERAL (
    SELECT CAST(CAST(c.xmin AS text) AS bigint) AS writer, coalesce(f.field_type, c.config_type) AS type
    FROM configs c
    LEFT JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
    WHERE c.id = u.id OFFSET 0
) AS seen
ON CONFLICT (config_id) DO UPDATE
SET run_id = excluded.run_id, reason = excluded.reason, seen_writer = excluded.seen_writer,
    seen_type = excluded.seen_type
""")
"""OFFSET 0 has each row looked up by its id: joined, PostgreSQL would read the whole table for each batch."""
