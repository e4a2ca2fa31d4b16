"""Resolving: the merged, decrypted config of one integration for one organization, in one SQL statement.

The schema's default, then the integration's default, then the organization's override. The override wins before
fitness or opening is judged: there is no falling back, and a shadowed value is never opened.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Boolean, DateTime, LargeBinary, Row, String, Uuid, column, text
from sqlalchemy.dialects.postgresql import JSONB

from db.access import Principal
from db.crypto.sealing import DataKey
from db.errors import NotFound, SealError, Undecryptable
from db.integrations import IntegrationRow
from db.models.base import CONFIG_TYPE
from db.organizations import OrganizationRow
from db.policy import admit
from db.sessions import ReadSession
from db.stored import Judgement, Misfit, Sealed, StoredConfig, unwrap, winner
from db.values import JSON, ConfigType
from db.vault import Shut, Vault, open_row


class ValueSource(StrEnum):
    """Which layer a resolved value is from."""

    OVERRIDE = "override"
    DEFAULT = "default"
    SCHEMA_DEFAULT = "schema_default"


@dataclass(frozen=True, slots=True, repr=False)
class ResolvedEntry:
    """One key of a resolved config. No repr: the value may be a secret."""

    key: str
    type: ConfigType
    value: JSON
    source: ValueSource


@dataclass(frozen=True, slots=True, repr=False)
class ResolvedConfig:
    """What an SDK client receives. No repr: it holds secrets."""

    integration: IntegrationRow
    organization: OrganizationRow
    entity_id: str
    entity_name: str | None
    entries: Sequence[ResolvedEntry]
    missing: Sequence[str]
    unfit: Sequence[str]

    @property
    def config(self) -> dict[str, JSON]:
        """The values by key."""
        return {entry.key: entry.value for entry in self.entries}

    @property
    def secrets(self) -> list[str]:
        """The keys whose values are secrets."""
        return [entry.key for entry in self.entries if entry.type is ConfigType.SECRET]


async def resolve(
    session: ReadSession, principal: Principal, vault: Vault, integration: str, organization_id: uuid.UUID
) -> ResolvedConfig:
    """Resolve an integration, by name, for an organization.

    Raises NotFound without a visible integration, organization or mapping, and Undecryptable, naming every key,
    when a secret cannot be opened.
    """
    admit(principal, "Query.resolve")
    rows = await session.rows(_RESOLVE, {"name": integration, "organization_id": organization_id})
    head = rows[0] if rows else None
    if head is None or not principal.sees_integration(head.integration_id):
        raise NotFound("integration")
    if head.organization_name is None or not principal.sees_organization(organization_id):
        raise NotFound("organization")
    if head.entity_id is None:
        raise NotFound("mapping")
    return _merge(rows, vault, organization_id)


@dataclass(slots=True)
class _Merged:
    entries: list[ResolvedEntry]
    missing: list[str]
    unfit: list[str]
    shut: list[str]


def _merge(rows: Sequence[Row[Any]], vault: Vault, organization_id: uuid.UUID) -> ResolvedConfig:
    layers: dict[str, list[Row[Any]]] = {}
    for row in rows:
        if row.key is not None:
            layers.setdefault(row.key, []).append(row)
    merged = _Merged([], [], [], [])
    for key, found in layers.items():
        _merge_key(merged, key, found, vault)
    if merged.shut:
        raise Undecryptable(merged.shut)
    head = rows[0]
    return ResolvedConfig(
        IntegrationRow(
            head.integration_id,
            head.integration_name,
            head.integration_description,
            head.integration_created_at,
            head.integration_updated_at,
        ),
        OrganizationRow(organization_id, head.organization_name),
        head.entity_id,
        head.entity_name,
        merged.entries,
        merged.missing,
        merged.unfit,
    )


def _merge_key(merged: _Merged, key: str, layers: Sequence[Row[Any]], vault: Vault) -> None:
    """Layers come override first; the schema's default is on each of them."""
    rows = {layer.id: layer for layer in layers if layer.id is not None}
    won = winner(map(_stored, rows.values()), vault.legacy_keys)
    if won is not None:
        _add(merged, rows[won[0].id], *won, vault)
        return
    field = layers[0]
    default = unwrap(field.default_value)
    if default is not None:
        merged.entries.append(ResolvedEntry(key, field.field_type, default, ValueSource.SCHEMA_DEFAULT))
    elif field.required:
        merged.missing.append(key)


def _add(merged: _Merged, layer: Row[Any], config: StoredConfig, judged: Judgement, vault: Vault) -> None:
    source = ValueSource.DEFAULT if config.organization_id is None else ValueSource.OVERRIDE
    if isinstance(judged, Misfit):
        merged.unfit.append(config.key)
        if layer.required:
            merged.missing.append(config.key)
        return
    key = _data_key(layer, vault) if isinstance(judged, Sealed) else None
    opened = open_row(config, key, vault.legacy_keys)
    if isinstance(opened, Shut):
        merged.shut.append(config.key)
    else:
        merged.entries.append(ResolvedEntry(config.key, config.type, opened.value, source))


def _data_key(layer: Row[Any], vault: Vault) -> DataKey | None:
    try:
        return vault.data_keys.open(layer.data_key_id, layer.data_key_scope, layer.root_key_id, layer.wrapped)
    except SealError:
        return None


def _stored(row: Row[Any]) -> StoredConfig:
    return StoredConfig(
        id=row.id,
        integration_id=row.integration_id,
        organization_id=row.owner_id,
        key=row.key,
        config_type=row.config_type,
        value=row.value,
        sealed=row.sealed,
        data_key_id=row.data_key_id,
        legacy=row.legacy,
        version=0,
        description=None,
        created_at=_NEVER,
        updated_at=_NEVER,
        updated_by="",
        field_id=None,
        schema_field_id=row.field_id,
        field_type=row.field_type,
    )


_NEVER: Final = datetime.min.replace(tzinfo=UTC)

_RESOLVE: Final = text("""
WITH i AS (
    SELECT id, name, description, created_at, updated_at FROM integrations WHERE name = :name AND NOT is_deleted
), m AS (
    SELECT m.integration_id, m.organization_id, m.entity_id, m.entity_name
    FROM integration_mappings m JOIN i ON m.integration_id = i.id
    WHERE m.organization_id = CAST(:organization_id AS uuid) OR m.organization_id IS NULL
    ORDER BY m.organization_id NULLS LAST LIMIT 1
), f AS (
    SELECT f.id, f.key, f.field_type, f.required, f.default_value, f.position
    FROM integration_config_schema f JOIN i ON f.integration_id = i.id
), c AS (
    SELECT c.* FROM configs c JOIN m ON c.integration_id = m.integration_id
    WHERE c.organization_id IS NULL OR c.organization_id = m.organization_id
)
SELECT i.id AS integration_id, i.name AS integration_name, i.description AS integration_description,
    i.created_at AS integration_created_at, i.updated_at AS integration_updated_at,
    o.name AS organization_name, m.entity_id, m.entity_name,
    v.key, v.field_id, v.field_type, v.required, v.default_value,
    v.id, v.owner_id, v.config_type, v.value, v.sealed, v.legacy, v.data_key_id,
    k.organization_id AS data_key_scope, k.root_key_id, k.wrapped
FROM i
LEFT JOIN organizations o ON o.id = CAST(:organization_id AS uuid)
LEFT JOIN m ON true
LEFT JOIN (
    SELECT coalesce(f.key, c.key) AS key, f.id AS field_id, f.field_type, f.required, f.default_value, f.position,
        c.id, c.organization_id AS owner_id, c.config_type, c.value, c.sealed, c.legacy, c.data_key_id
    FROM f FULL JOIN c ON c.key = f.key
) v ON true
LEFT JOIN data_keys k ON k.id = v.data_key_id
ORDER BY v.position NULLS LAST, v.key, v.owner_id NULLS LAST
""").columns(
    column("integration_id", Uuid),
    column("integration_name", String),
    column("integration_description", String),
    column("integration_created_at", DateTime(timezone=True)),
    column("integration_updated_at", DateTime(timezone=True)),
    column("organization_name", String),
    column("entity_id", String),
    column("entity_name", String),
    column("key", String),
    column("field_id", Uuid),
    column("field_type", CONFIG_TYPE),
    column("required", Boolean),
    column("default_value", JSONB),
    column("id", Uuid),
    column("owner_id", Uuid),
    column("config_type", CONFIG_TYPE),
    column("value", JSONB),
    column("sealed", LargeBinary),
    column("legacy", Boolean),
    column("data_key_id", Uuid),
    column("data_key_scope", Uuid),
    column("root_key_id", String),
    column("wrapped", LargeBinary),
)
