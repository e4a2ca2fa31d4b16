"""The viewer: who is calling, and what they may do. A front end shows what this allows."""

import uuid
from datetime import datetime

import strawberry

from db.access import Limit, Principal
from db.viewer import find_viewer
from gql.context import GraphQLInfo
from gql.ids import show_ids


@strawberry.type(description="Who is calling, and what they may do.")
class Viewer:
    """Who is calling, and what they may do."""

    name: str = strawberry.field(description="The token's or the person's name, as the audit log shows it.")
    permissions: list[str] = strawberry.field(description="What the caller may do, such as config:read; never *.")
    organization_ids: list[strawberry.ID] | None = strawberry.field(
        description="The organizations that the caller is limited to; null is no limit."
    )
    integration_ids: list[strawberry.ID] | None = strawberry.field(
        description="The integrations that the caller is limited to; null is no limit."
    )
    expires_at: datetime | None = strawberry.field(description="When the token or the sign-in ends; null is never.")
    is_person: bool = strawberry.field(description="Whether a person signed in, and not a token.")
    reveal_needs_reason: bool = strawberry.field(
        description="Whether decryptedValue needs the header Strongroom-Reason."
    )


def show_viewer(principal: Principal, *, reveal_needs_reason: bool) -> Viewer:
    """A caller as it sees itself."""
    return Viewer(
        name=principal.name,
        permissions=sorted(principal.permissions),
        organization_ids=show_ids(_sorted(principal.organization_ids)),
        integration_ids=show_ids(_sorted(principal.integration_ids)),
        expires_at=principal.expires_at,
        is_person=principal.is_person,
        reveal_needs_reason=reveal_needs_reason,
    )


def _sorted(limit: Limit) -> list[uuid.UUID] | None:
    return None if limit is None else sorted(limit)


@strawberry.type
class ViewerQuery:
    """The query of who is calling."""

    @strawberry.field(description="Who is calling, and what they may do. Needs any permission.")
    async def viewer(self, info: GraphQLInfo) -> Viewer:
        """Who is calling."""
        viewer = find_viewer(info.context.principal)
        return show_viewer(viewer, reveal_needs_reason=info.context.service.reveal_needs_reason)
