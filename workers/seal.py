"""SEAL: every legacy row gets its schema's type, every secret is sealed, what nobody can decide is quarantined.

No value changes by it, so version, time and author of a row stay. Rows are locked as writers lock them:
integrations first, then configs in one key order. A write that commits before is seen; one after wins.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, literal_column, or_, select, text

from db import history
from db.models import BackfillRun, Config, ConfigField, Integration, QuarantinedConfig
from db.sessions import Database
from db.stored import SchemaField, StoredConfig, select_stored
from db.values import ConfigType
from db.vault import Vault
from db.writing import remove
from workers import seal_history
from workers.outcomes import Emptied, Kept, Left, Outcome, Quarantined, Sealed, decide, reseal
from workers.tasks import Batch, Counts, Run, Source


class Seal:
    """The task."""

    sources = (Source.CONFIGS, Source.HISTORY)

    def candidates(self, source: Source, run: Run) -> Select[Any]:
        """Legacy rows, and rows whose field older software made or changed without looking at them."""
        if source is Source.HISTORY:
            return seal_history.candidates()
        return select(Config.id).where(_is_unsettled())

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """Nothing comes before."""

    async def work(self, batch: Batch) -> Counts:
        """Decide each row and write what was decided, in one statement for all of them."""
        if batch.source is Source.HISTORY:
            return await seal_history.work(batch)
        locked = await _lock(batch)
        outcomes = [decide(row, batch.transaction.vault.legacy_keys) for row in locked.rows]
        if not batch.run.dry_run:
            outcomes = await _write(batch, locked, outcomes)
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


def waiting() -> Select[Any]:
    """What a new run would have something to do with: not what the last one left alone, unless it was written since."""
    since = and_(QuarantinedConfig.config_id == Config.id, BackfillRun.started_at >= Config.updated_at)
    undecided = exists().where(QuarantinedConfig.run_id == BackfillRun.id, since)
    left = and_(Config.sealed.is_not(None), SchemaField.field_type.is_distinct_from(ConfigType.SECRET))
    found = select(Config.id).outerjoin(SchemaField, _OF_ITS_SCHEMA)
    return found.where(_is_unsettled(), ~left, ~undecided)


@dataclass(frozen=True, slots=True)
class _Locked:
    """The rows of a batch, and where in the table each of them is (its ctid) as long as the lock is held."""

    rows: list[StoredConfig]
    places: dict[uuid.UUID, Any]


async def _lock(batch: Batch) -> _Locked:
    """The batch's rows that are still to be done, locked, beside the schema that holds until we commit."""
    session = batch.transaction.session
    of_batch = select(Config.integration_id).where(batch.rows)
    await session.rows(
        select(Integration.id).where(Integration.id.in_(of_batch)).order_by(Integration.id).with_for_update(read=True)
    )
    statement = (
        select_stored()
        .add_columns(_CTID)
        .where(batch.rows, _is_unsettled())
        .order_by(Config.integration_id, Config.organization_id, Config.key)
        .with_for_update(of=Config)
    )
    found = [tuple(row) for row in await session.rows(statement)]
    rows = [StoredConfig(*columns) for *columns, _ in found]
    return _Locked(rows, {row.id: columns[-1] for row, columns in zip(rows, found, strict=True)})


async def _write(batch: Batch, locked: _Locked, decided: Sequence[Outcome]) -> list[Outcome]:
    """Seal and write; what turns out not to be sealable is quarantined, too."""
    transaction = batch.transaction
    sealers = await transaction.sealers(o.row.organization_id for o in decided if isinstance(o, Sealed))
    outcomes = [reseal(outcome, sealers) for outcome in decided]
    written = [outcome for outcome in outcomes if isinstance(outcome, Sealed | Kept)]
    if written:
        places = [locked.places[outcome.row.id] for outcome in written]
        count = await transaction.session.execute(_UPDATE, _columns(written) | {"places": places})
        if count != len(written):
            raise RuntimeError("a locked row is not where it was")
    await remove(transaction, [o.row for o in outcomes if isinstance(o, Emptied)], history.EMPTY)
    undecided = [outcome for outcome in outcomes if isinstance(outcome, Quarantined)]
    await _quarantine(batch, [o.row.id for o in undecided], [o.reason for o in undecided])
    return outcomes


async def _quarantine(batch: Batch, ids: list[uuid.UUID], reasons: list[str]) -> None:
    if ids:
        parameters = {"run": batch.run.id, "ids": ids, "reasons": reasons}
        await batch.transaction.session.execute(_QUARANTINE, parameters)


def _count(picked: int, outcomes: Sequence[Outcome]) -> Counts:
    """Rows that somebody wrote since they were picked count as skipped: there was nothing left to do."""
    quarantined = sum(isinstance(outcome, Quarantined) for outcome in outcomes)
    changed = sum(not isinstance(outcome, Left | Quarantined) and outcome.changes for outcome in outcomes)
    return Counts(picked, changed, picked - changed - quarantined, quarantined)


def _columns(outcomes: Sequence[Sealed | Kept]) -> dict[str, list[Any]]:
    texts = [outcome.text if isinstance(outcome, Kept) else None for outcome in outcomes]
    return {
        "ids": [outcome.row.id for outcome in outcomes],
        "values": texts if any(texts) else [],  # unnest fills a shorter array up with nulls.
        "sealed": [outcome.sealed if isinstance(outcome, Sealed) else None for outcome in outcomes],
        "data_key_ids": [outcome.data_key_id if isinstance(outcome, Sealed) else None for outcome in outcomes],
        "types": [outcome.row.type.value for outcome in outcomes],
        "field_ids": [outcome.row.schema_field_id for outcome in outcomes],
    }


_CTID: ColumnElement[Any] = literal_column("configs.ctid")

_UPDATE = text("""
WITH released AS (DELETE FROM quarantined_configs WHERE config_id = ANY(CAST(:ids AS uuid[])))
UPDATE configs AS c
SET value = CASE WHEN u.config_type <> 'secret' THEN coalesce(u.value, c.value) END,
    sealed = coalesce(u.sealed, c.sealed), data_key_id = coalesce(u.data_key_id, c.data_key_id),
    config_type = u.config_type, field_id = u.field_id, legacy = false,
    exposed_version = CASE WHEN u.sealed IS NULL THEN c.exposed_version ELSE c.version END
FROM unnest(
    CAST(:ids AS uuid[]), CAST(:values AS jsonb[]), CAST(:sealed AS bytea[]), CAST(:data_key_ids AS uuid[]),
    CAST(:types AS config_type[]), CAST(:field_ids AS uuid[]), CAST(:places AS tid[])
) AS u (id, value, sealed, data_key_id, config_type, field_id, place)
WHERE c.ctid = u.place AND c.id = u.id
""")
"""By the rows' places: joined by their ids, PostgreSQL would read the whole table for each batch."""

_QUARANTINE = text("""
INSERT INTO quarantined_configs (config_id, run_id, reason)
SELECT u.id, :run, u.reason FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS varchar[])) AS u (id, reason)
ON CONFLICT (config_id) DO UPDATE SET run_id = excluded.run_id, reason = excluded.reason
""")
