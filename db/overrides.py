"""What mappings hold: an organization's own overrides, and the required keys that nothing fills."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Uuid, select, tuple_

from db.access import Principal
from db.arrays import among, rows_of
from db.configs import select_configs
from db.crypto.legacy import LegacyKeys
from db.fields import Field, select_fields, stored_field
from db.mappings import MappingRow
from db.models import Config, ConfigField
from db.sessions import ReadSession
from db.stored import Misfit, StoredConfig, stored, winner

Owned = tuple[uuid.UUID, uuid.UUID | None]
"""An integration's id and an organization's (None: the defaults)."""


async def overrides_of(
    session: ReadSession, principal: Principal, mappings: Sequence[MappingRow]
) -> dict[uuid.UUID, list[StoredConfig]]:
    """Each mapping's overrides, by key; a fallback mapping has none."""
    rows = await _rows(session, principal, mappings, defaults=False)
    return {mapping.id: _owned(rows, mapping) for mapping in mappings}


async def missing_of(
    session: ReadSession, principal: Principal, mappings: Sequence[MappingRow], legacy_keys: LegacyKeys
) -> dict[uuid.UUID, list[str]]:
    """Each mapping's required keys without a value, as `resolve` would tell them, in the schema's order."""
    required = await _required(session, {mapping.integration_id for mapping in mappings})
    rows = await _rows(session, principal, mappings, defaults=True) if any(required.values()) else {}
    return {
        mapping.id: [
            field.key
            for field in required.get(mapping.integration_id, [])
            if not is_filled(field, _layers(rows, mapping, field.key), legacy_keys)
        ]
        for mapping in mappings
    }


def is_filled(field: Field, layers: Sequence[StoredConfig], legacy_keys: LegacyKeys) -> bool:
    """Whether a field has a value, as `resolve` would tell; the layers come override first."""
    won = winner(layers, legacy_keys)
    return field.default is not None if won is None else not isinstance(won[1], Misfit)


def _layers(rows: dict[Owned, dict[str, StoredConfig]], mapping: MappingRow, key: str) -> list[StoredConfig]:
    defaults = rows.get((mapping.integration_id, None), {}).get(key)
    override = None
    if mapping.organization_id is not None:
        override = rows.get((mapping.integration_id, mapping.organization_id), {}).get(key)
    return [row for row in (override, defaults) if row is not None]


def _owned(rows: dict[Owned, dict[str, StoredConfig]], mapping: MappingRow) -> list[StoredConfig]:
    if mapping.organization_id is None:
        return []
    return list(rows.get((mapping.integration_id, mapping.organization_id), {}).values())


async def _rows(
    session: ReadSession, principal: Principal, mappings: Sequence[MappingRow], *, defaults: bool
) -> dict[Owned, dict[str, StoredConfig]]:
    pairs = [(m.integration_id, m.organization_id) for m in mappings if m.organization_id is not None]
    listed = rows_of("pairs", {"i": (Uuid(), [i for i, _ in pairs]), "o": (Uuid(), [o for _, o in pairs])})
    layers: list[ColumnElement[bool]] = [
        tuple_(Config.integration_id, Config.organization_id).in_(select(listed.c.i, listed.c.o))
    ]
    if defaults:
        integrations = {mapping.integration_id for mapping in mappings}
        # As ix_configs_default has it.
        layers.append(among(Config.integration_id, integrations) & Config.organization_id.is_(None).is_(True))
    found: dict[Owned, dict[str, StoredConfig]] = {}
    for layer in layers:  # Each by itself: for an OR of them PostgreSQL would read the whole table.
        statement = select_configs(principal).where(layer).order_by(Config.key)
        for row in map(stored, await session.rows(statement)):
            if row.integration_id is not None:
                found.setdefault((row.integration_id, row.organization_id), {})[row.key] = row
    return found


async def _required(session: ReadSession, integration_ids: set[uuid.UUID]) -> dict[uuid.UUID, list[Field]]:
    statement = select_fields().where(among(ConfigField.integration_id, integration_ids), ConfigField.required)
    found: dict[uuid.UUID, list[Field]] = {}
    for row in await session.rows(statement):
        found.setdefault(row.integration_id, []).append(stored_field(row))
    return found
