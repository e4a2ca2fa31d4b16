"""Writing configs: every write of every mutation goes through here, in one transaction.

Rows are locked in one order (organization, key). A row that is not there yet is inserted with ON CONFLICT, so
that fifty first writes at once make one row; what was there goes to the history before it is overwritten.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Boolean, Row, column, delete, text, update

from db import history
from db.arrays import among
from db.crypto.data_keys import Scope
from db.crypto.sealing import DataKey, Place, Purpose
from db.errors import Conflict
from db.models import Config
from db.stored import StoredConfig, select_stored, stored, wrap
from db.values import JSON, ConfigType, dump
from db.vault import Transaction
from db.versions import renumber

Spot = tuple[uuid.UUID | None, str]
"""Where a config is within its integration: its organization and its key."""


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One value to write. It has been validated and coerced. No repr: the value may be a secret."""

    integration_id: uuid.UUID | None
    organization_id: uuid.UUID | None
    key: str
    type: ConfigType
    value: JSON
    field_id: uuid.UUID | None = None
    description: str | None = None
    keeps_description: bool = True
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def spot(self) -> Spot:
        """Where it goes."""
        return self.organization_id, self.key


async def lock(
    transaction: Transaction,
    integration_id: uuid.UUID | None,
    organization_ids: Collection[uuid.UUID | None],
    keys: Collection[str] | None = None,
) -> dict[Spot, StoredConfig]:
    """The rows of these organizations and keys (None: all keys), locked in the common order.

    What belongs to no mapping is written in turn where it is several keys: whoever finds one that is not there yet
    inserts it later than it locks the others, and two of them would wait for each other. A mapping's overrides have
    their turn by its row, and whoever writes one key waits with nothing that others want.
    """
    is_mapped = integration_id is not None and None not in organization_ids
    if not is_mapped and (keys is None or len(keys) > 1):
        owners = sorted(f"configs of {integration_id} {organization_id}" for organization_id in organization_ids)
        await transaction.session.execute(_TURN, {"owners": owners})
    ids = [organization_id for organization_id in organization_ids if organization_id is not None]
    in_scope = among(Config.organization_id, ids)
    if None in organization_ids:
        in_scope = in_scope | Config.organization_id.is_(None) if ids else Config.organization_id.is_(None)
    at = Config.integration_id.is_(None) if integration_id is None else Config.integration_id == integration_id
    statement = select_stored().where(at, in_scope)
    if keys is not None:
        statement = statement.where(among(Config.key, keys))
    ordered = statement.order_by(Config.organization_id, Config.key).with_for_update(of=Config)
    rows = [stored(row) for row in await transaction.session.rows(ordered)]
    return {(row.organization_id, row.key): row for row in rows}


def check_versions(current: Mapping[Spot, StoredConfig], expected: Mapping[Spot, int | None]) -> None:
    """Refuse a write over somebody else's newer one. An expected 0 or null means: not there yet."""
    wrong = {
        spot[1]: (current[spot].version if spot in current else None)
        for spot, version in expected.items()
        if (current[spot].version if spot in current else 0) != (version or 0)
    }
    if wrong:
        raise Conflict(
            f"changed meanwhile: {', '.join(sorted(wrong))}",
            {"currentVersions": wrong, "currentVersion": next(iter(wrong.values()))},
        )


async def put(
    transaction: Transaction,
    entries: Sequence[Entry],
    current: Mapping[Spot, StoredConfig],
    expected: Mapping[Spot, int | None] | None = None,
    *,
    reason: str = history.UPDATED,
) -> list[uuid.UUID]:
    """Write values over the locked `current` rows and beside them; the ids of the rows, in the entries' order.

    A row that appears meanwhile is locked, checked against `expected`, and kept in the history like any other.
    """
    if not entries:
        return []
    sealers = await transaction.sealers(entry.organization_id for entry in entries if _is_secret(entry))
    new = [entry for entry in entries if entry.spot not in current]
    ids, raced = await _insert(transaction, new, sealers)
    check_versions(raced, {spot: version for spot, version in (expected or {}).items() if spot in raced})
    there = {**current, **raced}
    over = [entry for entry in entries if entry.spot in there]
    await history.keep(transaction, [there[entry.spot] for entry in over], reason)
    await _update(transaction, over, there, sealers)
    ids.update((entry.spot, there[entry.spot].id) for entry in over)
    return [ids[entry.spot] for entry in entries]


async def overwrite(transaction: Transaction, changes: Sequence[tuple[StoredConfig, Entry]]) -> None:
    """Write values over locked rows without a history entry: the same value under another type."""
    entries = [entry for _, entry in changes]
    sealers = await transaction.sealers(entry.organization_id for entry in entries if _is_secret(entry))
    await _update(transaction, entries, {entry.spot: row for row, entry in changes}, sealers)
    exposed = [row.id for row, entry in changes if _is_secret(entry) and row.sealed is None]
    if exposed:
        await transaction.session.execute(_EXPOSE, {"ids": exposed})


async def adopt(transaction: Transaction, changes: Sequence[tuple[StoredConfig, Entry]]) -> None:
    """Tie sealed rows, which stay as they are, to the field that their schema now has."""
    for row, entry in changes:
        statement = update(Config).where(Config.id == row.id).values(field_id=entry.field_id)
        await transaction.session.execute(statement)


async def remove(transaction: Transaction, rows: Sequence[StoredConfig], reason: str, *, returns: bool = False) -> None:
    """Move rows into the history."""
    if rows:
        await history.keep(transaction, rows, reason, returns=returns)
        await transaction.session.execute(delete(Config).where(among(Config.id, [row.id for row in rows])))


def columns(entries: Sequence[Entry], sealers: Mapping[Scope, DataKey]) -> dict[str, list[Any]]:
    """The entries as arrays, one a column, sealed where they are secrets."""
    sealed = [_seal(entry, sealers) for entry in entries]
    return {
        "ids": [entry.id for entry in entries],
        "organization_ids": [entry.organization_id for entry in entries],
        "integration_ids": [entry.integration_id for entry in entries],
        "keys": [entry.key for entry in entries],
        "values": [None if _is_secret(entry) else dump(wrap(entry.value)) for entry in entries],
        "sealed": sealed,
        "data_key_ids": [sealers[entry.organization_id].id if _is_secret(entry) else None for entry in entries],
        "types": [entry.type.value for entry in entries],
        "field_ids": [entry.field_id for entry in entries],
        "descriptions": [entry.description for entry in entries],
        "keeps": [entry.keeps_description for entry in entries],
    }


async def _insert(
    transaction: Transaction, entries: Sequence[Entry], sealers: Mapping[Scope, DataKey]
) -> tuple[dict[Spot, uuid.UUID], dict[Spot, StoredConfig]]:
    if not entries:
        return {}, {}
    ordered = sorted(entries, key=_order)
    parameters = columns(ordered, sealers) | {"actor": transaction.principal.name}
    rows = await transaction.session.rows(_INSERT, parameters)
    by_spot = {entry.spot: entry for entry in entries}
    made = {(row.organization_id, row.key): row.id for row in rows if row.inserted}
    if made:
        await renumber(transaction, made.values())
    raced = [_raced(row, by_spot[row.organization_id, row.key]) for row in rows if not row.inserted]
    return made, {(row.organization_id, row.key): row for row in raced}


def _order(entry: Entry) -> tuple[bool, str, str]:
    """As `lock` orders rows, NULLs last."""
    return entry.organization_id is None, str(entry.organization_id), entry.key


async def _update(
    transaction: Transaction,
    entries: Sequence[Entry],
    there: Mapping[Spot, StoredConfig],
    sealers: Mapping[Scope, DataKey],
) -> None:
    if not entries:
        return
    parameters = columns(entries, sealers) | {"actor": transaction.principal.name}
    parameters["ids"] = [there[entry.spot].id for entry in entries]
    await transaction.session.execute(_UPDATE, parameters)
    await transaction.session.execute(_RELEASE, {"ids": parameters["ids"]})


def _raced(row: Row[Any], entry: Entry) -> StoredConfig:
    """A row that another transaction inserted first, under the schema that this one has locked."""
    # The schema is locked: a field of this entry is the field of that row.
    field_type = entry.type if entry.field_id is not None else None
    config = {name: value for name, value in row._mapping.items() if name != "inserted"}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - SQLAlchemy's documented accessor
    return StoredConfig(**config, schema_field_id=entry.field_id, field_type=field_type)


def _is_secret(entry: Entry) -> bool:
    return entry.type is ConfigType.SECRET


def _seal(entry: Entry, sealers: Mapping[Scope, DataKey]) -> bytes | None:
    if not _is_secret(entry):
        return None
    place = Place(Purpose.CONFIG, entry.organization_id, entry.integration_id, entry.key)
    return sealers[entry.organization_id].seal(place, entry.value)


_UNNEST = """
    unnest(
        CAST(:ids AS uuid[]), CAST(:organization_ids AS uuid[]), CAST(:integration_ids AS uuid[]),
        CAST(:keys AS varchar[]), CAST(:values AS jsonb[]), CAST(:sealed AS bytea[]),
        CAST(:data_key_ids AS uuid[]), CAST(:types AS config_type[]), CAST(:field_ids AS uuid[]),
        CAST(:descriptions AS text[]), CAST(:keeps AS boolean[])
    ) AS u (id, organization_id, integration_id, key, value, sealed, data_key_id, config_type, field_id,
            description, keeps_description)
"""

_TURN: Final = text("""
SELECT pg_advisory_xact_lock(hashtextextended(o.name, 0)) FROM unnest(CAST(:owners AS text[])) AS o (name)
""")

_INSERT: Final = text(
    f"""
INSERT INTO configs AS c (
    id, organization_id, integration_id, key, value, sealed, data_key_id, config_type, field_id, description,
    legacy, version, updated_by
)
SELECT u.id, u.organization_id, u.integration_id, u.key, u.value, u.sealed, u.data_key_id, u.config_type,
    u.field_id, u.description, false, 1 + coalesce((
        SELECT max(h.version) FROM config_history h
        WHERE coalesce(h.integration_id, '00000000-0000-0000-0000-000000000000')
                = coalesce(u.integration_id, '00000000-0000-0000-0000-000000000000')
            AND coalesce(h.organization_id, '00000000-0000-0000-0000-000000000000')
                = coalesce(u.organization_id, '00000000-0000-0000-0000-000000000000')
            AND h.key = u.key
    ), 0), CAST(:actor AS varchar)
FROM {_UNNEST}
ON CONFLICT (integration_id, organization_id, key) DO UPDATE SET updated_at = c.updated_at
RETURNING c.id, c.integration_id, c.organization_id, c.key, c.config_type, c.value, c.sealed, c.data_key_id,
    c.legacy, c.version, c.description, c.created_at, c.updated_at, c.updated_by, c.field_id,
    (c.xmax = 0) AS inserted
"""
).columns(
    Config.id,
    Config.integration_id,
    Config.organization_id,
    Config.key,
    Config.config_type,
    Config.value,
    Config.sealed,
    Config.data_key_id,
    Config.legacy,
    Config.version,
    Config.description,
    Config.created_at,
    Config.updated_at,
    Config.updated_by,
    Config.field_id,
    column("inserted", Boolean),
)
"""Inserts; where another transaction was first, it locks and returns that transaction's row as it is."""

_UPDATE: Final = text(
    f"""
UPDATE configs AS c
SET value = u.value, sealed = u.sealed, data_key_id = u.data_key_id, config_type = u.config_type,
    field_id = u.field_id, legacy = false, version = c.version + 1, updated_at = now(),
    updated_by = CAST(:actor AS varchar),
    exposed_version = CASE WHEN u.sealed IS NOT NULL AND c.sealed IS NULL THEN c.version ELSE c.exposed_version END,
    description = CASE WHEN u.keeps_description THEN c.description ELSE u.description END
FROM {_UNNEST}
WHERE c.id = u.id
"""
)

_EXPOSE: Final = text("UPDATE configs SET exposed_version = version WHERE id = ANY(CAST(:ids AS uuid[]))")
"""The same value is a secret from now on; until now it was not sealed."""

_RELEASE: Final = text("DELETE FROM quarantined_configs WHERE config_id = ANY(CAST(:ids AS uuid[]))")
"""A write clears the quarantine."""
