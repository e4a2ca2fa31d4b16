"""What applies: each field of an organization's integrations, the layer its value is from, and what is missing."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import or_

from db.access import Principal
from db.arrays import among
from db.config_lists import check_filter
from db.configs import select_configs
from db.crypto.legacy import LegacyKeys
from db.errors import refuse
from db.fields import Field, fields_of_many
from db.integrations import IntegrationRow, integrations_by_id
from db.mappings import MappingRow, select_mappings
from db.models import Config
from db.models import Mapping as MappingTable
from db.overrides import is_filled
from db.policy import admit
from db.sessions import QuickSession
from db.snapshot import ValueSource
from db.stored import StoredConfig, stored, winner
from db.values import JSON

Rows = Mapping[tuple[uuid.UUID, bool, str], StoredConfig]
"""By integration, whether it is an override, and key."""


@dataclass(frozen=True, slots=True, repr=False)
class OverviewEntry:
    """One key: its field (None: the schema does not know it), its layers, and what wins. No repr: legacy values."""

    key: str
    field: Field | None
    override: StoredConfig | None
    default: StoredConfig | None
    source: ValueSource | None
    shown: JSON
    missing: bool


@dataclass(frozen=True, slots=True, repr=False)
class Overview:
    """One integration as it applies; `mapping` None where the organization has none, not even the fallback. No repr:
    legacy values."""

    integration: IntegrationRow
    mapping: MappingRow | None
    entries: Sequence[OverviewEntry]


async def overviews(
    session: QuickSession,
    principal: Principal,
    organization_id: uuid.UUID | None,
    integration_id: uuid.UUID | None,
    legacy_keys: LegacyKeys,
) -> list[Overview]:
    """What applies to an organization, by the integrations' names: of all that it is mapped to, or of the one given.

    Without an organization it is what applies by the integration's defaults alone. No secret is opened.
    """
    admit(principal, "Query.overview")
    if organization_id is None and integration_id is None:
        refuse("give organizationId, integrationId or both")
    await check_filter(session, principal, organization_id, integration_id)
    mappings = await _mappings(session, principal, organization_id, integration_id)
    ids = set(mappings) if integration_id is None else {integration_id}
    integrations = await integrations_by_id(session, principal, ids)
    fields = await fields_of_many(session, list(integrations))
    own = {id for id, mapping in mappings.items() if mapping.organization_id is not None}
    rows = await _rows(session, principal, organization_id, integrations, own)
    return [
        Overview(row, mappings.get(row.id), _entries(row.id, fields.get(row.id, []), rows, legacy_keys))
        for row in sorted(integrations.values(), key=lambda row: (row.name, row.id))
    ]


async def _mappings(
    session: QuickSession, principal: Principal, organization_id: uuid.UUID | None, integration_id: uuid.UUID | None
) -> dict[uuid.UUID, MappingRow]:
    """The mapping of each integration: the organization's own, or else the fallback."""
    if organization_id is None:
        return {}
    of = or_(MappingTable.organization_id == organization_id, MappingTable.organization_id.is_(None))
    statement = select_mappings(principal).where(of)
    if integration_id is not None:
        statement = statement.where(MappingTable.integration_id == integration_id)
    found: dict[uuid.UUID, MappingRow] = {}
    for row in await session.rows(statement.order_by(MappingTable.organization_id.nulls_first())):
        mapping = MappingRow(*row)
        found[mapping.integration_id] = mapping
    return found


async def _rows(
    session: QuickSession,
    principal: Principal,
    organization_id: uuid.UUID | None,
    integrations: Mapping[uuid.UUID, IntegrationRow],
    own: set[uuid.UUID],
) -> Rows:
    """Defaults, and the overrides of those integrations that the organization has a mapping of its own to."""
    is_default = Config.organization_id.is_(None)
    is_override = (Config.organization_id == organization_id) & among(Config.integration_id, own)
    statement = (
        select_configs(principal)
        .where(among(Config.integration_id, list(integrations)), or_(is_default, is_override))
        .order_by(Config.key)
    )
    found = map(stored, await session.rows(statement))
    return {
        (row.integration_id, row.organization_id is not None, row.key): row
        for row in found
        if row.integration_id is not None
    }


def _entries(
    integration_id: uuid.UUID, fields: Sequence[Field], rows: Rows, legacy_keys: LegacyKeys
) -> list[OverviewEntry]:
    """One for each field, in the schema's order, then the keys that it does not know."""
    known: dict[str, Field | None] = {field.key: field for field in fields}
    for owner, _, key in rows:
        if owner == integration_id:
            known.setdefault(key, None)
    entries: list[OverviewEntry] = []
    for key, field in known.items():
        override, default = rows.get((integration_id, True, key)), rows.get((integration_id, False, key))
        entries.append(_entry(key, field, override, default, legacy_keys))
    return entries


def _entry(
    key: str,
    field: Field | None,
    override: StoredConfig | None,
    default: StoredConfig | None,
    legacy_keys: LegacyKeys,
) -> OverviewEntry:
    layers = [row for row in (override, default) if row is not None]
    won = winner(layers, legacy_keys)
    missing = field is not None and field.required and not is_filled(field, layers, legacy_keys)
    if won is not None:
        source = ValueSource.DEFAULT if won[0].organization_id is None else ValueSource.OVERRIDE
        return OverviewEntry(key, field, override, default, source, won[0].shown, missing)
    fallback = None if field is None else field.default
    source = None if fallback is None else ValueSource.SCHEMA_DEFAULT
    return OverviewEntry(key, field, override, default, source, fallback, missing)
