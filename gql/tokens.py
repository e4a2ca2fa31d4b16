"""Tokens: listing, creating, rotating and revoking them."""

from datetime import datetime
from typing import Annotated

import strawberry

from db import token_list
from db import tokens as rules
from db.errors import refuse
from db.limits import identifier
from gql.arguments import After, First, Id, Input, page_size
from gql.connections import Connection, connect
from gql.context import GraphQLInfo
from gql.ids import show_id, show_ids

OverlapSeconds = Annotated[
    int, strawberry.argument(description="For how long the secret before goes on holding: a week at most.")
]


@strawberry.type(description="A bearer token, without its secret.")
class Token:
    """A bearer token, without its secret."""

    id: strawberry.ID = strawberry.field(description="Its UUID, to rotate and to revoke it.")
    name: str = strawberry.field(description="Its name, which the audit log and updatedBy show.")
    permissions: list[str] = strawberry.field(description="What it may do; * is everything.")
    organization_ids: list[strawberry.ID] | None = strawberry.field(
        description="The organizations it is limited to; null is no limit."
    )
    integrations: list[str] | None = strawberry.field(
        description="The names of the integrations it is limited to, deleted ones too; null is no limit."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    created_by: str = strawberry.field(description="The name of the token or person that created it.")
    expires_at: datetime | None = strawberry.field(description="When it ends; null is never.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null if it was not.")
    last_used_at: datetime | None = strawberry.field(
        description="When it last signed in, up to a minute late; null if it never did."
    )
    previous_secret_until: datetime | None = strawberry.field(
        description="Until when the secret before the last rotation holds; null without a rotation."
    )


def show_token(row: token_list.TokenRow) -> Token:
    """A token as callers see it."""
    return Token(
        id=show_id(row.id),
        name=row.name,
        permissions=list(row.permissions),
        organization_ids=show_ids(row.organization_ids),
        integrations=None if row.integrations is None else list(row.integrations),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        previous_secret_until=row.previous_until,
    )


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


@strawberry.type(description="The secret is shown once, here.")
class RotateTokenPayload:
    """What rotateToken made."""

    id: strawberry.ID = strawberry.field(description="The token's UUID, which stays.")
    token: str = strawberry.field(description="The new secret. It is stored hashed and never shown again.")
    previous_secret_until: datetime = strawberry.field(description="Until when the secret before it holds.")


@strawberry.type
class TokenQuery:
    """Queries of tokens."""

    @strawberry.field(description="The tokens within the caller's own rights, newest first. Needs token:manage.")
    async def tokens(self, info: GraphQLInfo, first: First = 50, after: After = None) -> Connection[Token]:
        """Tokens."""
        async with info.context.read() as session:
            page = await token_list.list_tokens(session, info.context.principal, page_size(first), after)
        return connect(page, show_token)


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
        return CreateTokenPayload(id=show_id(id), token=token)

    @strawberry.mutation(description="Ends a token: at once here, within a second elsewhere. Needs token:manage.")
    async def revoke_token(self, info: GraphQLInfo, id: Id) -> RevokeTokenPayload:
        """Revoke a token."""
        wanted = identifier(id, "id")
        await info.context.write(lambda transaction: rules.revoke_token(transaction, wanted))
        info.context.service.authenticator.forget()
        return RevokeTokenPayload(id=show_id(wanted))

    @strawberry.mutation(
        description=(
            "A new secret for a token, which stays what it is; the secret before it holds for overlapSeconds more, a "
            "week at most, and any older one ends now. Needs token:manage."
        )
    )
    async def rotate_token(
        self, info: GraphQLInfo, id: Id, overlap_seconds: OverlapSeconds = 3600
    ) -> RotateTokenPayload:
        """Rotate a token."""
        wanted = identifier(id, "id")
        token, until = await info.context.write(
            lambda transaction: rules.rotate_token(transaction, wanted, overlap_seconds)
        )
        info.context.service.authenticator.forget()
        return RotateTokenPayload(id=show_id(wanted), token=token, previous_secret_until=until)
