"""VERIFY: opens every secret again, names every row that is wrong, and if none is, shuts the door on legacy rows."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select, and_, select

from db.arrays import among
from db.crypto.sealing import DataKey, Place
from db.errors import SealError
from db.history import PastValue, select_history
from db.models import ConfigField, ConfigVersion, QuarantinedConfig
from db.sessions import Database
from db.stored import StoredConfig, select_stored, stored, wrap
from db.values import ConfigType, Unfit, coerce, dump, is_empty
from db.vault import Vault, config_place, history_place
from workers.door import shut
from workers.tasks import Batch, Counts, Run, Source, add_findings, tell_findings

LEGACY: Final = "is legacy: no run has sealed it yet"
EMPTY: Final = "holds nothing"
SHUT: Final = "holds a secret that does not open"
IN_CLEAR: Final = "holds a secret in the clear"
UNTIED: Final = "is not tied to its schema's field"

Keys = Mapping[uuid.UUID, DataKey]


class Verify:
    """The task. It reads, and writes its findings only."""

    sources = (Source.CONFIGS, Source.HISTORY)

    def candidates(self, source: Source, run: Run) -> Select[Any]:
        """Every row."""
        return select(source.model.id)

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """Nothing comes before."""

    async def work(self, batch: Batch) -> Counts:
        """Look at each row; wrong ones count as quarantined, history that was never decided as skipped."""
        return await (_look_at_configs(batch) if batch.source is Source.CONFIGS else _look_at_history(batch))

    async def set_aside(self, batch: Batch, reason: str) -> Counts:
        """A row that cannot even be looked at is wrong."""
        await add_findings(batch, dict.fromkeys(batch.ids, reason))
        return Counts(processed=len(batch.ids), quarantined=len(batch.ids))

    async def conclude(self, database: Database, run: Run) -> str | None:
        """Fail on any finding; otherwise have PostgreSQL refuse legacy rows from now on."""
        found = await tell_findings(database, run)
        return await shut(database) if found is None and not run.dry_run else found


async def _look_at_configs(batch: Batch) -> Counts:
    session = batch.transaction.session
    rows = [stored(row) for row in await session.rows(select_stored().where(batch.rows))]
    quarantine = select(QuarantinedConfig.config_id, QuarantinedConfig.reason)
    of_batch = quarantine.where(among(QuarantinedConfig.config_id, batch.ids))
    reasons = {row.config_id: row.reason for row in await session.rows(of_batch)}
    ids = {row.data_key_id for row in rows if row.data_key_id is not None}
    keys = await batch.transaction.vault.data_keys.find(session, ids)
    faults = {row.id: reasons.get(row.id) or _fault(row, keys) for row in rows}
    return await _report(batch, faults)


async def _look_at_history(batch: Batch) -> Counts:
    session = batch.transaction.session
    field_of = and_(ConfigField.integration_id == ConfigVersion.integration_id, ConfigField.key == ConfigVersion.key)
    statement = select_history().add_columns(ConfigField.field_type).outerjoin(ConfigField, field_of)
    rows = await session.rows(statement.where(batch.rows))
    entries = [_entry_and_type(*row) for row in rows]
    ids = {entry.data_key_id for entry, _ in entries if entry.data_key_id is not None}
    keys = await batch.transaction.vault.data_keys.find(session, ids)
    faults = {entry.id: _past_fault(entry, current, keys) for entry, current in entries}
    return await _report(batch, faults, skipped=sum(entry.undecided for entry, _ in entries))


def _entry_and_type(*columns: Any) -> tuple[PastValue, ConfigType | None]:
    *entry, current = columns
    return PastValue(*entry), current


async def _report(batch: Batch, faults: Mapping[uuid.UUID, str | None], skipped: int = 0) -> Counts:
    found = {id: fault for id, fault in faults.items() if fault is not None}
    await add_findings(batch, found)
    return Counts(processed=len(batch.ids), skipped=skipped, quarantined=len(found))


def _fault(row: StoredConfig, keys: Keys) -> str | None:
    """What is wrong with a row, if anything is."""
    if row.legacy:
        return LEGACY
    if row.field_type is not None and row.field_type is not row.config_type:
        return f"is typed {row.config_type}, its schema says {row.field_type}"
    if row.field_id != row.schema_field_id:
        return UNTIED
    if row.is_secret:
        return _secret_fault(row, keys)
    if is_empty(row.raw):
        return EMPTY
    return None if row.is_unknown else _value_fault(row)


def _secret_fault(row: StoredConfig, keys: Keys) -> str | None:
    if row.sealed is None or row.value is not None:
        return IN_CLEAR
    return None if _opens(keys, row.data_key_id, config_place(row), row.sealed) else SHUT


def _value_fault(row: StoredConfig) -> str | None:
    try:
        fits = dump(wrap(coerce(row.raw, row.type))) == dump(row.value)
    except Unfit as error:
        return f"does not fit its type {row.type}: {error}"
    return None if fits else f"is not stored as its type {row.type}"


def _past_fault(entry: PastValue, current: ConfigType | None, keys: Keys) -> str | None:
    if entry.undecided:
        return None
    if entry.sealed is None:
        return IN_CLEAR if ConfigType.SECRET in (entry.config_type, current) else None
    place = history_place(entry.organization_id, entry.integration_id, entry.key)
    return None if _opens(keys, entry.data_key_id, place, entry.sealed) else SHUT


def _opens(keys: Keys, key_id: uuid.UUID | None, place: Place, sealed: bytes) -> bool:
    key = keys.get(key_id) if key_id else None
    if key is None:
        return False
    try:
        key.open(place, sealed)
    except SealError:
        return False
    return True
