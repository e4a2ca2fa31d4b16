"""The rows of a batch of SEAL: how they are found, held still, and written.

They are written by their places in the table and the transactions that wrote them (`ctid` and `xmin`), as they were
read, so that a write of somebody else wins whenever it comes.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_, bindparam, exists, literal_column, or_, select

from db.models import Config, ConfigField
from db.prepared import Prepared
from db.stored import OUTLINE, TYPES, StoredConfig, select_stored, stored_fetched, stored_outline
from db.values import ConfigType
from workers.outcomes import Kept, Sealed
from workers.tasks import Batch


@dataclass(slots=True)
class Found:
    """A row, where in the table it is (its ctid), and the transaction that wrote it (its xmin): together they name it
    as it was read."""

    row: StoredConfig
    place: Any
    writer: int


async def look(batch: Batch) -> list[Found]:
    """The batch's rows that are still to be done, beside their schema, which stays as it is until we commit. Of a row
    only what deciding and sealing take.

    Schemas are held once the rows are read: what was written in between is not what was read, and will not be written.
    """
    records = await batch.transaction.session.fetch(_LOOK.text, *_LOOK.arguments({"ids": batch.ids}))
    fields = await _hold_schemas(batch, {(record[1], record[3]) for record in records if record[1] is not None})
    return [
        Found(stored_outline(record, *fields.get((record[1], record[3]), _NO_FIELD)), record[8], record[9])
        for record in records
    ]


async def lock(batch: Batch) -> list[Found]:
    """The batch's rows that are still to be done, whole, beside their schema, and locked."""
    records = await batch.transaction.session.fetch(_LOCK.text, *_LOCK.arguments({"ids": batch.ids}))
    return [Found(stored_fetched(record[:-2]), *record[-2:]) for record in records]


async def write(batch: Batch, outcomes: Sequence[Sealed | Kept], seen: Sequence[Found]) -> Sequence[Sealed | Kept]:
    """Write what became of rows; the outcomes of those that were as they had been read."""
    session = batch.transaction.session
    if await session.touch(_UPDATE, *_columns(outcomes, seen)) == len(outcomes):
        return outcomes
    rows = await session.fetch(_OURS, [outcome.row.id for outcome in outcomes])
    ours = {row["id"] for row in rows}
    return [outcome for outcome in outcomes if outcome.row.id in ours]


_Place = tuple[uuid.UUID, str]
"""An integration and a key."""

_Field = tuple[uuid.UUID | None, ConfigType | None]
"""The id of a schema's field, and its type."""

_NO_FIELD: Final[_Field] = (None, None)


async def _hold_schemas(batch: Batch, places: Collection[_Place]) -> Mapping[_Place, _Field]:
    """Keep the schemas of these integrations as they are until we commit; the fields that these keys have there."""
    ids, keys = [id for id, _ in places], [key for _, key in places]
    await batch.transaction.session.fetch(_HOLD_SCHEMAS, list(set(ids)))
    fields = await batch.transaction.session.fetch(_FIELDS, ids, keys)
    return {(id, key): (field_id, TYPES[kind]) for id, key, field_id, kind in fields}


def _columns(outcomes: Sequence[Sealed | Kept], seen: Sequence[Found]) -> Sequence[list[Any]]:
    """What no row of a batch has is not sent: `unnest` fills shorter arrays up with nulls."""
    rows = [outcome.row for outcome in outcomes]
    kept = any(isinstance(outcome, Kept) for outcome in outcomes)
    return (
        [row.id for row in rows],
        [outcome.text if isinstance(outcome, Kept) else None for outcome in outcomes] if kept else [],
        [outcome.sealed if isinstance(outcome, Sealed) else None for outcome in outcomes],
        [outcome.data_key_id if isinstance(outcome, Sealed) else None for outcome in outcomes],
        [row.type.value for row in rows] if kept else [],
        [row.schema_field_id for row in rows],
        [one.place for one in seen],
        [one.writer for one in seen],
    )


def is_unsettled() -> ColumnElement[bool]:
    """Written as the predicate of ix_configs_unsettled, narrowed to what has a field that it is not tied to.

    The field is looked up only for rows that are not legacy: for all others that costs more than finding them.
    """
    loose = or_(Config.legacy, Config.field_id.is_(None))
    of_its_schema = and_(ConfigField.integration_id == Config.integration_id, ConfigField.key == Config.key)
    return and_(loose, or_(Config.legacy, exists().where(of_its_schema)))


_OF_BATCH: Final = (Config.id == any_(bindparam("ids", type_=ARRAY(Uuid()))), is_unsettled())
_SEEN: Final[Sequence[ColumnElement[Any]]] = (literal_column("configs.ctid"), literal_column("configs.xmin"))

_ORDER: Final = (Config.integration_id, Config.organization_id, Config.key)
"""The order in which writers lock."""

_LOOK: Final = Prepared(select(*OUTLINE, *_SEEN).where(*_OF_BATCH).order_by(*_ORDER))
_LOCK: Final = Prepared(
    select_stored().add_columns(*_SEEN).where(*_OF_BATCH).order_by(*_ORDER).with_for_update(of=Config)
)

_HOLD_SCHEMAS: Final = "SELECT FROM integrations WHERE id = ANY($1) ORDER BY id FOR SHARE"

_FIELDS: Final = """
SELECT u.integration_id, u.key, f.id, f.field_type
FROM unnest(CAST($1 AS uuid[]), CAST($2 AS varchar[])) AS u (integration_id, key), LATERAL (
    SELECT s.id, s.field_type FROM integration_config_schema s
    WHERE s.integration_id = u.integration_id AND s.key = u.key OFFSET 0
) AS f
"""
"""OFFSET 0 has each field looked up by its place: joined, PostgreSQL would read all schemas for each batch."""

_UPDATE: Final = """
WITH released AS (DELETE FROM quarantined_configs WHERE config_id = ANY(CAST($1 AS uuid[])))
UPDATE configs AS c
SET value = CASE WHEN u.config_type <> 'secret' THEN coalesce(u.value, c.value) END,
    sealed = coalesce(u.sealed, c.sealed), data_key_id = coalesce(u.data_key_id, c.data_key_id),
    config_type = coalesce(u.config_type, 'secret'), field_id = u.field_id, legacy = false,
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
