"""The audit log: who did what, for those who may know."""

import uuid
from datetime import datetime
from typing import Annotated

import strawberry

from db.audit import events as rules
from db.limits import identifier
from gql.arguments import After, First, page_size
from gql.connections import Connection, connect
from gql.context import GraphQLInfo
from gql.ids import show_id
from gql.integrations import Integration, show_integration
from gql.organizations import Organization, show_organization
from gql.scalars import JSON


@strawberry.type(description="One thing that was done. It outlives what it is about, so that it has ids only.")
class AuditEvent:
    """One thing that was done."""

    id: strawberry.ID = strawberry.field(description="Its UUID.")
    at: datetime = strawberry.field(description="When it was done.")
    actor: str = strawberry.field(description="The name of the token that did it.")
    token_id: strawberry.ID | None = strawberry.field(description="That token; null for the service itself.")
    action: str = strawberry.field(description="What was done, such as config.write or config.reveal.")
    organization_id: strawberry.ID | None = strawberry.field(
        description="Whose it is, and so its chain; null is what concerns all organizations."
    )
    integration_id: strawberry.ID | None = strawberry.field(description="The integration that it is about.")
    config_id: strawberry.ID | None = strawberry.field(description="The config that it is about.")
    keys: list[str] | None = strawberry.field(description="The keys that it is about; never their values.")
    detail: JSON | None = strawberry.field(description="More of it: counts, ids, names.")
    address: str | None = strawberry.field(description="The client's address; null for the service itself.")
    reason: str | None = strawberry.field(description="What the caller gave in the header Strongroom-Reason.")
    times: int = strawberry.field(description="How often it was done from `at` to `lastAt`; resolves are counted.")
    last_at: datetime = strawberry.field(description="When it was done for the last time: `at`, if that was once.")
    sequence: str = strawberry.field(description="Its number in its chain, by which verifying the log names it.")
    organization_key: strawberry.Private[uuid.UUID | None] = None
    integration_key: strawberry.Private[uuid.UUID | None] = None

    @strawberry.field(description="Whose it is, as far as it is still there.")
    async def organization(self, info: GraphQLInfo) -> Organization | None:
        """Whose it is."""
        if self.organization_key is None:
            return None
        found = await info.context.loaders.organization.load(self.organization_key)
        return None if found is None else show_organization(found)

    @strawberry.field(description="The integration that it is about, as far as it is still there.")
    async def integration(self, info: GraphQLInfo) -> Integration | None:
        """The integration that it is about."""
        if self.integration_key is None:
            return None
        found = await info.context.loaders.integration.load(self.integration_key)
        return None if found is None else show_integration(found)


@strawberry.input(description="What a list of events is narrowed to. A field left out or null does not narrow it.")
class AuditEventFilter:
    """What a list of events is narrowed to."""

    organization_id: strawberry.ID | None = strawberry.field(default=None, description="Of this organization.")
    integration_id: strawberry.ID | None = strawberry.field(default=None, description="About this integration.")
    config_id: strawberry.ID | None = strawberry.field(default=None, description="About this config.")
    actor: str | None = strawberry.field(default=None, description="By tokens of exactly this name.")
    action: str | None = strawberry.field(default=None, description="Exactly this action, such as config.reveal.")
    since: datetime | None = strawberry.field(default=None, description="From this moment on; with a time zone.")
    until: datetime | None = strawberry.field(default=None, description="Before this moment; with a time zone.")


def show_event(recorded: rules.RecordedEvent) -> AuditEvent:
    """An event as callers see it."""
    event = recorded.event
    return AuditEvent(
        id=show_id(event.id),
        at=event.at,
        actor=event.actor,
        token_id=show_id(event.token_id),
        action=event.action,
        organization_id=show_id(event.organization_id),
        integration_id=show_id(event.integration_id),
        config_id=show_id(event.config_id),
        keys=event.keys,
        detail=event.detail,
        address=event.address,
        reason=event.reason,
        times=event.times,
        last_at=event.last_at or event.at,
        sequence=str(recorded.sequence),
        organization_key=event.organization_id,
        integration_key=event.integration_id,
    )


def read_filter(given: AuditEventFilter | None) -> rules.EventFilter:
    """A filter as the rules have it."""
    if given is None:
        return rules.EventFilter()
    return rules.EventFilter(
        organization_id=_read_id(given.organization_id, "organizationId"),
        integration_id=_read_id(given.integration_id, "integrationId"),
        config_id=_read_id(given.config_id, "configId"),
        actor=given.actor,
        action=given.action,
        since=given.since,
        until=given.until,
    )


Filter = Annotated[AuditEventFilter | None, strawberry.argument(description="What the list is narrowed to.")]


@strawberry.type
class AuditQuery:
    """Queries of the audit log."""

    @strawberry.field(
        description=(
            "What was done, newest first. Needs audit:read. A token limited to organizations sees theirs and nothing "
            "global; one limited to integrations sees what is about these."
        )
    )
    async def audit_events(
        self, info: GraphQLInfo, first: First = 50, after: After = None, filter: Filter = None
    ) -> Connection[AuditEvent]:
        """What was done, newest first."""
        wanted = read_filter(filter)
        async with info.context.read() as session:
            page = await rules.list_events(session, info.context.principal, wanted, page_size(first), after)
        return connect(page, show_event)


def _read_id(given: strawberry.ID | None, name: str) -> uuid.UUID | None:
    return None if given is None else identifier(given, "filter", name)
