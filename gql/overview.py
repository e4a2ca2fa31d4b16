"""The overview: what applies to an organization, where it is from, and what is missing."""

import strawberry

from db import overview as rules
from db.limits import Problems
from gql.arguments import OptionalId
from gql.configs import Config, show_config
from gql.context import GraphQLInfo
from gql.enums import ValueSource
from gql.integrations import ConfigField, Integration, show_field, show_integration
from gql.mappings import Mapping, show_mapping
from gql.scalars import JSON


@strawberry.type(description="One key of an integration as it applies.")
class OverviewEntry:
    """One key of an integration as it applies."""

    key: str = strawberry.field(description="The key.")
    field: ConfigField | None = strawberry.field(description="Its field; null where the schema does not know the key.")
    override: Config | None = strawberry.field(description="The organization's own value, if it has one.")
    default: Config | None = strawberry.field(description="The integration's default, if it has one.")
    source: ValueSource | None = strawberry.field(description="The layer that counts; null where there is no value.")
    value: JSON | None = strawberry.field(description="The value that counts, or [SECRET].")
    missing: bool = strawberry.field(description="Whether it is required and has no value that fits.")


@strawberry.type(description="One integration as it applies to an organization.")
class Overview:
    """One integration as it applies to an organization."""

    integration: Integration = strawberry.field(description="The integration.")
    mapping: Mapping | None = strawberry.field(
        description="The organization's mapping, or the fallback that it uses; null where there is neither."
    )
    entries: list[OverviewEntry] = strawberry.field(description="Its keys, in the schema's order.")
    missing: list[str] = strawberry.field(description="The required keys without a value.")


def show_overview(found: rules.Overview) -> Overview:
    """An overview as callers see it."""
    return Overview(
        integration=show_integration(found.integration),
        mapping=None if found.mapping is None else show_mapping(found.mapping),
        entries=[_show_entry(entry) for entry in found.entries],
        missing=[entry.key for entry in found.entries if entry.missing],
    )


def _show_entry(entry: rules.OverviewEntry) -> OverviewEntry:
    return OverviewEntry(
        key=entry.key,
        field=None if entry.field is None else show_field(entry.field),
        override=None if entry.override is None else show_config(entry.override),
        default=None if entry.default is None else show_config(entry.default),
        source=entry.source,
        value=entry.shown,
        missing=entry.missing,
    )


@strawberry.type
class OverviewQuery:
    """Queries of what applies."""

    @strawberry.field(
        description=(
            "What applies to an organization, by the integrations' names: of all that it is mapped to, the fallback "
            "included, or of the one given. Without an organization, what applies by the integration's defaults alone. "
            "Secrets masked. Needs config:read."
        )
    )
    async def overview(
        self, info: GraphQLInfo, organization_id: OptionalId = None, integration_id: OptionalId = None
    ) -> list[Overview]:
        """What applies."""
        problems = Problems()
        organization = problems.optional_id(organization_id, "organizationId")
        integration = problems.optional_id(integration_id, "integrationId")
        problems.check()
        async with info.context.read() as session:
            found = await rules.overviews(
                session, info.context.principal, organization, integration, info.context.service.vault.legacy_keys
            )
        return [show_overview(one) for one in found]
