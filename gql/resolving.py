"""Resolving: what SDK clients ask for."""

from typing import Annotated

import strawberry

from db import resolving as rules
from db.audit.deeds import Deed
from db.errors import Unavailable
from db.limits import identifier
from gql.context import GraphQLInfo
from gql.enums import ConfigType, ValueSource
from gql.integrations import Integration, show_integration
from gql.organizations import Organization, show_organization
from gql.scalars import JSON


@strawberry.type(description="One key of a resolved config.")
class ResolvedEntry:
    """One key of a resolved config."""

    key: str = strawberry.field(description="The key.")
    type: ConfigType = strawberry.field(description="What the value is.")
    value: JSON | None = strawberry.field(description="The value in the clear.")
    source: ValueSource = strawberry.field(description="Which layer it is from.")


@strawberry.type(description="What an SDK client receives: defaults, then the organization's overrides, decrypted.")
class ResolvedConfig:
    """What an SDK client receives. Plain attributes, since a resolver each would cost more than all the rest."""

    integration: Integration = strawberry.field(description="The integration.")
    organization: Organization = strawberry.field(description="The organization.")
    entity_id: str = strawberry.field(description="The customer's id over there.")
    entity_name: str | None = strawberry.field(description="The customer's name over there.")
    config: JSON = strawberry.field(description="The values by key, in the clear.")
    missing: list[str] = strawberry.field(description="Required keys without a value.")
    unfit: list[str] = strawberry.field(
        description="Keys whose stored value does not fit its type; left out of config."
    )
    resolved: strawberry.Private[rules.ResolvedConfig]

    @strawberry.field(description="The same keys, each with its type and the layer it is from.")
    def entries(self) -> list[ResolvedEntry]:
        """The same keys with their types and layers."""
        return [
            ResolvedEntry(key=entry.key, type=entry.type, value=entry.value, source=entry.source)
            for entry in self.resolved.entries
        ]


def show_resolved(resolved: rules.ResolvedConfig) -> ResolvedConfig:
    """A resolved config as callers see it."""
    return ResolvedConfig(
        integration=show_integration(resolved.integration),
        organization=show_organization(resolved.organization),
        entity_id=resolved.entity_id,
        entity_name=resolved.entity_name,
        config=resolved.config,
        missing=list(resolved.missing),
        unfit=list(resolved.unfit),
        resolved=resolved,
    )


def record_resolve(resolved: rules.ResolvedConfig) -> Deed | None:
    """What goes on record about a resolve: nothing if it hands out no secret."""
    secrets = resolved.secrets
    if not secrets:
        return None
    return Deed("config.resolve", resolved.organization.id, resolved.integration.id, keys=secrets)


IntegrationName = Annotated[str, strawberry.argument(description="The integration's name.")]
OrganizationId = Annotated[strawberry.ID, strawberry.argument(description="The organization's UUID.")]


@strawberry.type
class ResolveQuery:
    """The one query of SDK clients."""

    @strawberry.field(
        description=(
            "The merged, decrypted config of one integration for one organization. Needs config:resolve. Fails with "
            "UNDECRYPTABLE, naming the keys, when a secret cannot be opened."
        )
    )
    async def resolve(
        self, info: GraphQLInfo, integration: IntegrationName, organization_id: OrganizationId
    ) -> ResolvedConfig:
        """Resolve an integration for an organization."""
        context = info.context
        owner = identifier(organization_id, "organizationId")
        if context.service.audit.full:
            raise Unavailable("the audit log cannot be written")
        resolved = await context.service.resolver.resolve(context.principal, integration, owner)
        if (deed := record_resolve(resolved)) is not None:
            context.service.audit.add(context.principal, deed, context.origin)
        return show_resolved(resolved)
