"""Mappings: their type, queries and mutations."""

import strawberry

from db import config_lists
from db import mappings as rules
from db.errors import NotFound
from db.limits import Problems, identifier
from db.mapping_upserts import upsert_mappings
from gql.arguments import After, First, Id, Input, OptionalId, page_size
from gql.configs import Config, show_config
from gql.connections import Connection, connect
from gql.context import GraphQLInfo
from gql.ids import show_id
from gql.integrations import Integration, show_integration
from gql.organizations import Organization, show_organization
from gql.scalars import JSON


@strawberry.type(description="Ties one organization to one integration.")
class Mapping:
    """Ties one organization to one integration."""

    row: strawberry.Private[rules.MappingRow]

    @strawberry.field(
        description="organization null: the fallback for every organization that has no mapping of its own."
    )
    def id(self) -> strawberry.ID:
        """Its UUID."""
        return show_id(self.row.id)

    @strawberry.field(description="The integration.")
    async def integration(self, info: GraphQLInfo) -> Integration:
        """The integration."""
        found = await info.context.loaders.integration.load(self.row.integration_id)
        if found is None:
            raise NotFound("integration")
        return show_integration(found)

    @strawberry.field(description="The organization; null for the fallback.")
    async def organization(self, info: GraphQLInfo) -> Organization | None:
        """The organization."""
        if self.row.organization_id is None:
            return None
        found = await info.context.loaders.organization.load(self.row.organization_id)
        return None if found is None else show_organization(found)

    @strawberry.field(description="The customer's id over there.")
    def entity_id(self) -> str:
        """The customer's id over there."""
        return self.row.entity_id

    @strawberry.field(description="The customer's name over there.")
    def entity_name(self) -> str | None:
        """The customer's name over there."""
        return self.row.entity_name

    @strawberry.field(description="The organization's own overrides, without the integration's defaults.")
    async def overrides(self, info: GraphQLInfo) -> list[Config]:
        """The organization's own overrides."""
        rows = info.context.list_all(await info.context.loaders.overrides.load(self.row))
        return [show_config(row) for row in rows]

    @strawberry.field(description="Required keys that neither an override, a default nor the schema's default fills.")
    async def missing(self, info: GraphQLInfo) -> list[str]:
        """Required keys without a value."""
        return info.context.list_all(await info.context.loaders.missing.load(self.row))


def show_mapping(row: rules.MappingRow) -> Mapping:
    """A mapping as callers see it."""
    return Mapping(row=row)


@strawberry.input(description="A mapping to create.")
class CreateMappingInput:
    """A mapping to create."""

    integration_id: strawberry.ID = strawberry.field(description="The integration's UUID.")
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="The organization's UUID; null makes the fallback mapping."
    )
    entity_id: str = strawberry.field(description="The customer's id over there.")
    entity_name: str | None = strawberry.field(default=None, description="The customer's name over there.")
    config: JSON | None = strawberry.field(default=None, description="Key -> value: the first overrides.")


@strawberry.input(description="What to change of a mapping; what is left out stays.")
class UpdateMappingInput:
    """What to change of a mapping."""

    id: strawberry.ID = strawberry.field(description="The mapping's UUID.")
    entity_id: str | None = strawberry.field(default=strawberry.UNSET, description="The customer's id over there.")
    entity_name: str | None = strawberry.field(default=strawberry.UNSET, description="Its name; null clears it.")
    expected_entity_id: str | None = strawberry.field(
        default=None, description="Its entityId as the caller saw it: refuses to write over another."
    )
    config: JSON | None = strawberry.field(
        default=None, description='Key -> value. null or "" removes an override; one left out stays.'
    )
    expected_versions: JSON | None = strawberry.field(
        default=None, description="Key -> version: refuses to write over a newer one. 0 is: not there yet."
    )


@strawberry.input(description="A mapping to delete.")
class DeleteMappingInput:
    """A mapping to delete."""

    id: strawberry.ID = strawberry.field(description="The mapping's UUID.")


@strawberry.input(description="One of many mappings to create or update.")
class MappingInput:
    """One of many mappings."""

    organization_id: strawberry.ID = strawberry.field(description="The organization's UUID; each only once.")
    entity_id: str = strawberry.field(description="The customer's id over there.")
    entity_name: str | None = strawberry.field(default=None, description="Its name; null keeps what is there.")
    config: JSON | None = strawberry.field(default=None, description='Key -> value. null or "" removes an override.')


@strawberry.input(description="Many mappings of one integration; all or none.")
class UpsertMappingsInput:
    """Many mappings of one integration."""

    integration_id: strawberry.ID = strawberry.field(description="The integration's UUID.")
    mappings: list[MappingInput] = strawberry.field(description="The mappings.")


@strawberry.type(description="What createMapping made.")
class CreateMappingPayload:
    """What createMapping made."""

    mapping: Mapping = strawberry.field(description="The new mapping.")


@strawberry.type(description="What updateMapping changed.")
class UpdateMappingPayload:
    """What updateMapping changed."""

    mapping: Mapping = strawberry.field(description="The mapping as it is now.")


@strawberry.type(description="What deleteMapping deleted.")
class DeleteMappingPayload:
    """What deleteMapping deleted."""

    id: strawberry.ID = strawberry.field(description="The UUID it had.")


@strawberry.type(description="What upsertMappings did.")
class UpsertMappingsPayload:
    """What upsertMappings did."""

    created: int = strawberry.field(description="How many are new.")
    updated: int = strawberry.field(description="How many were there.")
    mappings: list[Mapping] = strawberry.field(description="All of them, in the order they were given.")


@strawberry.type
class MappingQuery:
    """Queries of mappings."""

    @strawberry.field(description="One mapping. Needs config:read.")
    async def mapping(self, info: GraphQLInfo, id: Id) -> Mapping | None:
        """One mapping."""
        async with info.context.read() as session:
            row = await rules.find_mapping(session, info.context.principal, identifier(id, "id"))
        return show_mapping(row)

    @strawberry.field(description="Mappings, of one integration or organization if given. Needs config:read.")
    async def mappings(
        self,
        info: GraphQLInfo,
        integration_id: OptionalId = None,
        organization_id: OptionalId = None,
        first: First = 50,
        after: After = None,
    ) -> Connection[Mapping]:
        """Mappings."""
        principal = info.context.principal
        problems = Problems()
        integration = problems.optional_id(integration_id, "integrationId")
        organization = problems.optional_id(organization_id, "organizationId")
        problems.check()
        async with info.context.read() as session:
            await config_lists.check_filter(session, principal, organization, integration)
            page = await rules.list_mappings(session, principal, integration, organization, page_size(first), after)
        return connect(page, show_mapping)


@strawberry.type
class MappingMutation:
    """Mutations of mappings."""

    @strawberry.mutation(
        description="Tie an organization to an integration, with its first overrides. Needs config:write."
    )
    async def create_mapping(self, info: GraphQLInfo, input: Input[CreateMappingInput]) -> CreateMappingPayload:
        """Create a mapping."""
        problems = Problems()
        integration = problems.id(input.integration_id, "integrationId")
        owner = problems.optional_id(input.organization_id, "organizationId")
        problems.check()
        new = rules.NewMapping(owner, input.entity_id, input.entity_name, input.config)
        row = await info.context.write(lambda transaction: rules.create_mapping(transaction, integration, new))
        return CreateMappingPayload(mapping=show_mapping(row))

    @strawberry.mutation(description="Change a mapping and its overrides. Needs config:write.")
    async def update_mapping(self, info: GraphQLInfo, input: Input[UpdateMappingInput]) -> UpdateMappingPayload:
        """Change a mapping."""
        id = identifier(input.id, "id")
        given = {"entity_id": input.entity_id, "entity_name": input.entity_name}
        changes = {key: value for key, value in given.items() if value is not strawberry.UNSET}
        row = await info.context.write(
            lambda transaction: rules.update_mapping(
                transaction, id, changes, input.config, input.expected_versions, input.expected_entity_id
            )
        )
        return UpdateMappingPayload(mapping=show_mapping(row))

    @strawberry.mutation(
        description="Delete a mapping; its overrides go with it, into the history. Needs config:write."
    )
    async def delete_mapping(self, info: GraphQLInfo, input: Input[DeleteMappingInput]) -> DeleteMappingPayload:
        """Delete a mapping."""
        id = identifier(input.id, "id")
        await info.context.write(lambda transaction: rules.delete_mapping(transaction, id))
        return DeleteMappingPayload(id=show_id(id))

    @strawberry.mutation(description="Create or update many mappings at once; all or none. Needs config:write.")
    async def upsert_mappings(self, info: GraphQLInfo, input: Input[UpsertMappingsInput]) -> UpsertMappingsPayload:
        """Create or update many mappings."""
        problems = Problems()
        integration = problems.id(input.integration_id, "integrationId")
        wanted = [
            rules.NewMapping(
                problems.id(given.organization_id, "mappings", index, "organizationId"),
                given.entity_id,
                given.entity_name,
                given.config,
            )
            for index, given in enumerate(input.mappings)
        ]
        problems.check()
        created, updated, rows = await info.context.write(
            lambda transaction: upsert_mappings(transaction, integration, wanted)
        )
        return UpsertMappingsPayload(created=created, updated=updated, mappings=[show_mapping(row) for row in rows])
