"""History: what a config held before. Values go there before they are overwritten or deleted, sealed if secret."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, insert, select, text, update

from db.arrays import among, rows_of
from db.crypto.data_keys import Scope
from db.crypto.legacy import Undecidable
from db.crypto.sealing import DataKey, Place, Purpose
from db.errors import SealError
from db.models import ConfigVersion
from db.models.config import NOWHERE
from db.sessions import ReadSession
from db.stored import StoredConfig, Value, judge, unwrap, wrap
from db.values import JSON, MASK, ConfigType
from db.vault import Opened, Shut, Transaction, Vault, history_place, open_row
from db.versions import renumber

UPDATED: Final = "updated"
DELETED: Final = "deleted"
EMPTY: Final = "was empty"
MAPPING_DELETED: Final = "mapping deleted"
LEFT_OVER: Final = "left over from an earlier mapping"
FIELD_DROPPED: Final = "field dropped from the schema"


@dataclass(frozen=True, slots=True, repr=False)
class PastValue:
    """One entry of a config's history. No repr: a value may be anything."""

    id: uuid.UUID
    integration_id: uuid.UUID | None
    organization_id: uuid.UUID | None
    key: str
    version: int
    config_type: ConfigType
    value: JSON
    sealed: bytes | None
    data_key_id: uuid.UUID | None
    undecided: bool
    description: str | None
    changed_at: datetime
    changed_by: str
    reason: str

    def shown(self, current: ConfigType) -> JSON:
        """What a list shows: the mask if it was a secret then, or is one now."""
        return MASK if ConfigType.SECRET in (self.config_type, current) else unwrap(self.value)


def select_history() -> Select[*tuple[Any, ...]]:
    """The columns of PastValue."""
    return select(
        ConfigVersion.id,
        ConfigVersion.integration_id,
        ConfigVersion.organization_id,
        ConfigVersion.key,
        ConfigVersion.version,
        ConfigVersion.config_type,
        ConfigVersion.value,
        ConfigVersion.sealed,
        ConfigVersion.data_key_id,
        ConfigVersion.undecided,
        ConfigVersion.description,
        ConfigVersion.changed_at,
        ConfigVersion.changed_by,
        ConfigVersion.reason,
    )


def history_at(integration_id: uuid.UUID | None, organization_id: uuid.UUID | None, key: str) -> ColumnElement[bool]:
    """The history of one place, in the form that its index serves."""
    return (
        (func.coalesce(ConfigVersion.integration_id, NOWHERE) == (integration_id or NOWHERE))
        & (func.coalesce(ConfigVersion.organization_id, NOWHERE) == (organization_id or NOWHERE))
        & (ConfigVersion.key == key)
    )


def history_of_keys(organization_id: uuid.UUID | None, keys: Collection[str]) -> ColumnElement[bool]:
    """The history of an owner's standalone configs of these keys, in that form too."""
    return (
        (func.coalesce(ConfigVersion.integration_id, NOWHERE) == NOWHERE)
        & (func.coalesce(ConfigVersion.organization_id, NOWHERE) == (organization_id or NOWHERE))
        & among(ConfigVersion.key, keys)
    )


async def keep(transaction: Transaction, rows: Sequence[StoredConfig], reason: str, *, returns: bool = False) -> None:
    """Append what these rows hold to the history; the caller overwrites or deletes them afterwards."""
    if not rows:
        return
    sealers = await transaction.sealers(row.organization_id for row in rows if row.is_secret)
    keys = await transaction.vault.data_keys.find(
        transaction.session, {row.data_key_id for row in rows if row.data_key_id}
    )
    raised = await renumber(transaction, [row.id for row in rows])
    entries = [
        _entry(transaction, row, sealers, keys)
        | {"reason": reason, "returns": returns, "version": raised.get(row.id, row.version)}
        for row in rows
    ]
    table = ConfigVersion.__table__
    columns = {name: [entry[name] for entry in entries] for name in entries[0]}
    listed = rows_of("kept", {name: (table.columns[name].type, values) for name, values in columns.items()})
    await transaction.session.execute(insert(ConfigVersion).from_select(list(columns), select(*listed.c)))


async def forget_returning(
    transaction: Transaction, integration_id: uuid.UUID, organization_ids: Iterable[uuid.UUID | None]
) -> None:
    """Dropped fields no longer bring these organizations' values back: their mapping is gone, or another one."""
    await transaction.session.execute(
        update(ConfigVersion)
        .where(
            ConfigVersion.returns,
            ConfigVersion.integration_id == integration_id,
            among(ConfigVersion.organization_id, organization_ids),
        )
        .values(returns=False)
    )


async def seal_past(transaction: Transaction, *where: ColumnElement[bool]) -> None:
    """Seal what is in the clear among these earlier values: what they are of is a secret from now on."""
    statement = select_history().where(ConfigVersion.sealed.is_(None), *where)
    await seal_entries(transaction, [PastValue(*row) for row in await transaction.session.rows(statement)])


async def seal_entries(transaction: Transaction, entries: Sequence[PastValue]) -> None:
    """Seal entries that are in the clear, in one statement however many they are."""
    if not entries:
        return
    sealers = await transaction.sealers(entry.organization_id for entry in entries)
    owned = [(entry, sealers[entry.organization_id]) for entry in entries]
    parameters = {
        "ids": [entry.id for entry in entries],
        "sealed": [sealer.seal(_place(entry), unwrap(entry.value)) for entry, sealer in owned],
        "data_key_ids": [sealer.id for _, sealer in owned],
    }
    await transaction.session.execute(_SEAL, parameters)


def _place(entry: PastValue) -> Place:
    return history_place(entry.organization_id, entry.integration_id, entry.key)


async def open_past(session: ReadSession, vault: Vault, entries: Sequence[PastValue]) -> dict[uuid.UUID, Opened | Shut]:
    """Every entry's value in the clear, by entry id; one look-up of data keys for all of them."""
    keys = await vault.data_keys.find(session, {entry.data_key_id for entry in entries if entry.data_key_id})
    return {entry.id: _open_entry(vault, entry, keys) for entry in entries}


def _open_entry(vault: Vault, entry: PastValue, keys: Mapping[uuid.UUID, DataKey]) -> Opened | Shut:
    if entry.sealed is None:
        return Opened(unwrap(entry.value))
    key = keys.get(entry.data_key_id) if entry.data_key_id else None
    if key is None:
        return Shut()
    try:
        value = key.open(_place(entry), entry.sealed)
    except SealError:
        return _open_as_config(entry, key) if entry.undecided else Shut()
    return _decide_again(vault, value) if entry.undecided else Opened(value)


def _open_as_config(entry: PastValue, key: DataKey) -> Opened | Shut:
    """What did not open when it was overwritten was kept as it was, sealed for the config."""
    place = Place(Purpose.CONFIG, entry.organization_id, entry.integration_id, entry.key)
    try:
        return Opened(key.open(place, entry.sealed or b""))
    except SealError:
        return Shut()


def _decide_again(vault: Vault, value: JSON) -> Opened | Shut:
    """A token that no legacy key opened when it was overwritten; today's keys may."""
    read = vault.legacy_keys.read(value)
    return Shut() if isinstance(read, Undecidable) else Opened(read.value)


def _entry(
    transaction: Transaction,
    row: StoredConfig,
    sealers: Mapping[Scope, DataKey],
    keys: Mapping[uuid.UUID, DataKey],
) -> dict[str, Any]:
    entry = _origin(row)
    if not row.is_secret:
        return entry | {"value": wrap(_kept_value(transaction, row)), "sealed": None, "data_key_id": None}
    sealer = sealers[row.organization_id]
    opened = open_row(row, keys.get(row.data_key_id) if row.data_key_id else None, transaction.vault.legacy_keys)
    if isinstance(opened, Shut) and row.sealed is not None:
        return entry | {
            "value": None,
            "sealed": row.sealed,
            "data_key_id": row.data_key_id,
            "undecided": True,
        }
    kept = row.raw if isinstance(opened, Shut) else opened.value
    place = history_place(row.organization_id, row.integration_id, row.key)
    return entry | {
        "value": None,
        "sealed": sealer.seal(place, kept),
        "data_key_id": sealer.id,
        "undecided": isinstance(opened, Shut),
    }


def _origin(row: StoredConfig) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "integration_id": row.integration_id,
        "organization_id": row.organization_id,
        "key": row.key,
        "version": row.version,
        "config_type": row.type,
        "undecided": False,
        "description": row.description,
        "changed_at": row.updated_at,
        "changed_by": row.updated_by,
    }


def _kept_value(transaction: Transaction, row: StoredConfig) -> JSON:
    judged = judge(row, transaction.vault.legacy_keys)
    return judged.value if isinstance(judged, Value) else row.raw


_SEAL: Final = text("""
UPDATE config_history AS h
SET value = NULL, config_type = 'secret', sealed = u.sealed, data_key_id = u.data_key_id
FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[]), CAST(:data_key_ids AS uuid[]))
    AS u (id, sealed, data_key_id)
WHERE h.id = u.id
""")
