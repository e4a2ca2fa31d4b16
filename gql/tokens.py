"""Tokens: creating and revoking them."""

from datetime import datetime

import strawberry

from db import tokens as rules
from db.errors import refuse
from db.limits import identifier
from gql.arguments import Id, Input
from gql.context import GraphQLInfo


@strawberry.input(description="organizationIds / integrations null = all. expiresAt null = never.")
class CreateTokenInput:
    """A token to create."""

    name: str = strawberry.field(description="Its name, which the audit log and updatedBy show.")
    permissions: list[str] = strawberry.field(description="What it may do, such as config:read; * is everything.")
    organization_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The organizations it is limited to."
    )
    integrations: list[str] | None = strawberry.field(
        default=None, description="The names of the integrations it is limited to; kept as ids."
    )
    expires_at: datetime | None = strawberry.field(default=None, description="When it ends; with a time zone.")


@strawberry.type(description="The secret is shown once, here.")
class CreateTokenPayload:
    """What createToken made."""

    id: strawberry.ID = strawberry.field(description="The token's UUID, to revoke it.")
    token: str = strawberry.field(description="The token itself. It is stored hashed and never shown again.")


@strawberry.type(description="What revokeToken revoked.")
class RevokeTokenPayload:
    """What revokeToken revoked."""

    id: strawberry.ID = strawberry.field(description="The token's UUID.")


@strawberry.type
class TokenMutation:
    """Mutations of tokens."""

    @strawberry.mutation(
        description="A token within the caller's own permissions, limits and expiry. Needs token:manage."
    )
    async def create_token(self, info: GraphQLInfo, input: Input[CreateTokenInput]) -> CreateTokenPayload:
        """Create a token."""
        if input.expires_at is not None and input.expires_at.tzinfo is None:
            refuse("must have a time zone", "expiresAt")
        new = rules.NewToken(
            input.name, input.permissions, input.organization_ids, input.integrations, input.expires_at
        )
        id, token = await info.context.write(lambda transaction: rules.create_token(transaction, new))
        return CreateTokenPayload(id=strawberry.ID(str(id)), token=token)

    @strawberry.mutation(description="Ends a token: at once here, within a second elsewhere. Needs token:manage.")
    async def revoke_token(self, info: GraphQLInfo, id: Id) -> RevokeTokenPayload:
        """Revoke a token."""
        wanted = identifier(id, "id")
        await info.context.write(lambda transaction: rules.revoke_token(transaction, wanted))
        info.context.service.authenticator.forget()
        return RevokeTokenPayload(id=strawberry.ID(str(wanted)))
