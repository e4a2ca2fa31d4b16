"""A resolve before anything is opened: which layer of which key counts, read in one SQL statement.

The schema's default, then the integration's default, then the organization's override. The override wins before
fitness or opening is judged: there is no falling back, and a shadowed value is never opened.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, cast

from db.crypto.sealing import DataKey, Place
from db.errors import SealError
from db.integrations import IntegrationRow
from db.organizations import OrganizationRow
from db.pool import Pool
from db.snapshot_rows import STATEMENT, Row
from db.stored import Judgement, Misfit, Sealed, StoredConfig, Value, unwrap, winner
from db.values import DECODER, JSON, ConfigType
from db.vault import Vault, config_place


class ValueSource(StrEnum):
    """Which layer a resolved value is from."""

    OVERRIDE = "override"
    DEFAULT = "default"
    SCHEMA_DEFAULT = "schema_default"


@dataclass(frozen=True, slots=True, repr=False)
class Clear:
    """A key whose value is no secret, or a legacy secret in plaintext. No repr."""

    key: str
    type: ConfigType
    source: ValueSource
    value: JSON


@dataclass(frozen=True, slots=True, repr=False)
class Closed:
    """A key whose value is sealed, with the data key that opens it; None when that key is out of reach. No repr."""

    key: str
    source: ValueSource
    place: Place
    sealed: bytes
    data_key: DataKey | None


@dataclass(frozen=True, slots=True, repr=False)
class Snapshot:
    """What a resolve is made of. It holds no plaintext secret if it is `cacheable`. No repr."""

    integration: IntegrationRow
    organization: OrganizationRow | None
    is_mapped: bool
    entity_id: str
    entity_name: str | None
    entries: Sequence[Clear | Closed]
    missing: Sequence[str]
    unfit: Sequence[str]
    undecided: Sequence[str]
    cacheable: bool
    weight: int
    forms: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the edge has made ready of it, by name: without plaintext secrets too, and gone when it is gone."""


async def read_snapshot(pool: Pool, vault: Vault, integration: str, organization_id: uuid.UUID) -> Snapshot | None:
    """The snapshot of an integration, by name, for an organization; None without such an integration."""
    rows = await pool.fetch(STATEMENT, integration, organization_id)
    return _Reading(vault, organization_id, [Row(*row) for row in rows]).snapshot() if rows else None


class _Reading:
    """Works out a snapshot from the statement's rows."""

    def __init__(self, vault: Vault, organization_id: uuid.UUID, rows: Sequence[Row]) -> None:
        self._vault = vault
        self._organization_id = organization_id
        *self._layers, self._head = rows
        self._integration_id = self._head.integration_id or _NIL
        self._entries: list[Clear | Closed] = []
        self._missing: list[str] = []
        self._unfit: list[str] = []
        self._undecided: list[str] = []
        self._cacheable = True
        self._weight = _BASE_WEIGHT

    def snapshot(self) -> Snapshot:
        layers: dict[str, list[Row]] = {}
        for row in self._layers:
            layers.setdefault(row.key or "", []).append(row)
        for key, found in layers.items():
            self._read_key(key, found)
        head = self._head
        name = head.organization_name
        return Snapshot(
            IntegrationRow(*cast("Any", head[_INTEGRATION])),
            None if name is None else OrganizationRow(self._organization_id, name),
            head.entity_id is not None,
            head.entity_id or "",
            head.entity_name,
            tuple(self._entries),
            tuple(self._missing),
            tuple(self._unfit),
            tuple(self._undecided),
            self._cacheable,
            self._weight + len(head.integration_description or "") * _WIDEST,
        )

    def _read_key(self, key: str, layers: Sequence[Row]) -> None:
        """Layers come override first; the schema's default is on each of them."""
        self._weight += _ENTRY_WEIGHT + weigh(key)
        rows = {layer.id: layer for layer in layers if layer.id is not None}
        stored = (_stored(row, self._integration_id) for row in rows.values())
        won = winner(stored, self._vault.legacy_keys)
        if won is not None:
            self._add(rows[won[0].id], *won)
            return
        first = layers[0]
        default = None if first.default_value is None else unwrap(_read_json(first.default_value))
        if default is not None:
            config_type = _TYPES[first.field_type or ""]
            self._entries.append(Clear(key, config_type, ValueSource.SCHEMA_DEFAULT, default))
            self._weight += weigh(first.default_value or "")
        elif first.required:
            self._missing.append(key)

    def _add(self, layer: Row, config: StoredConfig, judged: Judgement) -> None:
        source = ValueSource.DEFAULT if config.organization_id is None else ValueSource.OVERRIDE
        match judged:
            case Value(value):
                self._cacheable = self._cacheable and not config.is_secret
                self._entries.append(Clear(config.key, config.type, source, value))
                self._weight += weigh(layer.value or "")
            case Sealed():
                sealed = config.sealed or b""
                key = self._data_key(layer)
                self._entries.append(Closed(config.key, source, config_place(config), sealed, key))
                self._weight += _COPIES * len(sealed)
            case Misfit():
                self._unfit.append(config.key)
                if layer.required:
                    self._missing.append(config.key)
            case _:
                self._undecided.append(config.key)

    def _data_key(self, layer: Row) -> DataKey | None:
        if layer.data_key_id is None or layer.root_key_id is None or layer.wrapped is None:
            return None
        try:
            return self._vault.data_keys.open(layer.data_key_id, layer.data_key_scope, layer.root_key_id, layer.wrapped)
        except SealError:
            return None


def weigh(text: str) -> int:
    """Bytes that a key takes, or the JSON of a value, about: as text and as what it is read into."""
    parts = _ITEM * (text.count(",") + text.count("[")) + _OBJECT * max(0, text.count("{") - 1)
    return _COPIES * len(text) * (1 if text.isascii() else _WIDEST) + parts


def _stored(row: Row, integration_id: uuid.UUID) -> StoredConfig:
    """By position: a row of this costs a resolve more than anything else that is done to it."""
    return StoredConfig(
        row.id or _NIL,
        integration_id,
        row.owner_id,
        row.key or "",
        _TYPES[row.config_type or ""],
        None if row.value is None else _read_json(row.value),
        row.sealed,
        row.data_key_id,
        bool(row.legacy),
        0,
        None,
        _NEVER,
        _NEVER,
        "",
        None,
        row.field_id,
        None if row.field_type is None else _TYPES[row.field_type],
    )


def _read_json(text: str) -> JSON:
    """What PostgreSQL's jsonb told of itself: one value, without a space before or after it."""
    value, _ = _scan(text, 0)
    return value


_scan: Final = cast("Any", DECODER).scan_once
_TYPES: Final = {config_type.value: config_type for config_type in ConfigType}
_NIL: Final = uuid.UUID(int=0)
_INTEGRATION: Final = slice(15, 20)
"""Where a head has what makes an IntegrationRow."""

_BASE_WEIGHT: Final = 2_000
_ENTRY_WEIGHT: Final = 500
"""Bytes of an entry besides its value, about: its objects, and what the edge has made ready to open it."""
_COPIES: Final = 3
"""How often a value is in memory: here, and in what the edge has made ready."""

_WIDEST: Final = 4
"""Bytes of a character in a text that is not all ASCII, at most."""

_ITEM: Final = 48
_OBJECT: Final = 240
"""Bytes that an item of a list, and an object, take besides their JSON. Each value is in an object that is not kept."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
