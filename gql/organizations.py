"""Organizations: their type, queries and mutations."""

import strawberry

from db import organizations as rules
from db.limits import identifier
from gql.arguments import After, First, Id, Input, NameContains, page_size
from gql.connections import Connection, connect
from gql.context import GraphQLInfo
from gql.ids import show_id


@strawberry.type(description="A customer of the platform.")
class Organization:
    """A customer of the platform."""

    id: strawberry.ID = strawberry.field(description="Its UUID.")
    name: str = strawberry.field(description="Its name.")


def show_organization(row: rules.OrganizationRow) -> Organization:
    """An organization as callers see it."""
    return Organization(id=show_id(row.id), name=row.name)


@strawberry.input(description="An organization to create.")
class CreateOrganizationInput:
    """An organization to create."""

    id: strawberry.ID | None = strawberry.field(default=None, description="The UUID the platform knows it by, if any.")
    name: str = strawberry.field(description="Its name: 1 to 255 characters.")


@strawberry.input(description="An organization to delete.")
class DeleteOrganizationInput:
    """An organization to delete."""

    id: strawberry.ID = strawberry.field(description="Its UUID.")


@strawberry.type(description="What createOrganization made.")
class CreateOrganizationPayload:
    """What createOrganization made."""

    organization: Organization = strawberry.field(description="The new organization.")


@strawberry.type(description="What deleteOrganization deleted.")
class DeleteOrganizationPayload:
    """What deleteOrganization deleted."""

    id: strawberry.ID = strawberry.field(description="The UUID it had.")


@strawberry.type
class OrganizationQuery:
    """Queries of organizations."""

    @strawberry.field(description="One organization. Needs config:read.")
    async def organization(self, info: GraphQLInfo, id: Id) -> Organization | None:
        """One organization."""
        async with info.context.read() as session:
            found = await rules.find_organization(session, info.context.principal, identifier(id, "id"))
        return show_organization(found)

    @strawberry.field(description="Organizations by name. Needs config:read.")
    async def organizations(
        self, info: GraphQLInfo, first: First = 50, after: After = None, name_contains: NameContains = None
    ) -> Connection[Organization]:
        """Organizations by name."""
        async with info.context.read() as session:
            page = await rules.list_organizations(
                session, info.context.principal, page_size(first), after, name_contains
            )
        return connect(page, show_organization)


@strawberry.type
class OrganizationMutation:
    """Mutations of organizations."""

    @strawberry.mutation(description="Create an organization. Needs organization:write and a token without limits.")
    async def create_organization(
        self, info: GraphQLInfo, input: Input[CreateOrganizationInput]
    ) -> CreateOrganizationPayload:
        """Create an organization."""
        id = None if input.id is None else identifier(input.id, "id")
        row = await info.context.write(lambda transaction: rules.create_organization(transaction, id, input.name))
        return CreateOrganizationPayload(organization=show_organization(row))

    @strawberry.mutation(
        description=(
            "Deletes its mappings, overrides, configs and history, and destroys its data keys. "
            "Needs organization:write."
        )
    )
    async def delete_organization(
        self, info: GraphQLInfo, input: Input[DeleteOrganizationInput]
    ) -> DeleteOrganizationPayload:
        """Delete an organization."""
        id = identifier(input.id, "id")
        await info.context.write(lambda transaction: rules.delete_organization(transaction, id))
        info.context.service.authenticator.forget()
        return DeleteOrganizationPayload(id=show_id(id))
