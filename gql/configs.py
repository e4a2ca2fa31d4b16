"""Configs: their type, queries and mutations."""

import uuid
from datetime import datetime
from typing import Annotated, Final

import strawberry

from db import config_lists
from db import configs as rules
from db.history import PastValue
from db.integrations import IntegrationRow
from db.limits import Problems, identifier
from db.organizations import OrganizationRow
from db.policy import permits
from db.stored import StoredConfig
from gql.arguments import After, First, Id, page_size
from gql.connections import Connection, connect
from gql.context import GraphQLInfo
from gql.enums import ConfigOrder, ConfigScope, ConfigType, ScopeFilter
from gql.ids import show_id
from gql.integrations import Integration, show_integration
from gql.organizations import Organization, show_organization
from gql.permissions import MayReveal
from gql.plans.following import Follow, followed
from gql.scalars import JSON


@strawberry.type(description="An earlier value of a config.")
class ConfigVersion:
    """An earlier value of a config."""

    version: int = strawberry.field(description="Which version it was.")
    type: ConfigType = strawberry.field(description="What its value was.")
    value: JSON | None = strawberry.field(description="The value, or [SECRET] for what was or is a secret.")
    changed_at: datetime = strawberry.field(description="When this version was written.")
    changed_by: str = strawberry.field(description="Who wrote this version.")
    reason: str | None = strawberry.field(description="Why it is no longer the current one.")


_INTEGRATION: Final[Follow["Config", uuid.UUID, IntegrationRow | None, Integration]] = Follow(
    lambda config: config.row.integration_id,
    lambda loaders: loaders.integration,
    lambda row: None if row is None else show_integration(row),
)
_ORGANIZATION: Final[Follow["Config", uuid.UUID, OrganizationRow | None, Organization]] = Follow(
    lambda config: config.row.organization_id,
    lambda loaders: loaders.organization,
    lambda row: None if row is None else show_organization(row),
)


@strawberry.type(description="One stored value.")
class Config:
    """One stored value. Its fields are read straight from the row: a list of them costs no look-up."""

    row: strawberry.Private[StoredConfig]

    @strawberry.field(description="Its UUID.")
    def id(self) -> strawberry.ID:
        """Its UUID."""
        return show_id(self.row.id)

    @strawberry.field(description="Its key.")
    def key(self) -> str:
        """Its key."""
        return self.row.key

    @strawberry.field(description="Its effective type: that of its integration's schema, whatever the row says.")
    def type(self) -> ConfigType:
        """Its effective type."""
        return self.row.type

    @strawberry.field(
        description="The value, or [SECRET] for every value that the schema calls a secret, sealed yet or not."
    )
    def value(self) -> JSON | None:
        """The value, masked."""
        return self.row.shown

    @strawberry.field(
        description=(
            "The value itself. Needs the permission config:reveal; otherwise null with a FORBIDDEN error on this "
            "path. Every reveal of a secret is on record before it is answered."
        ),
        permission_classes=[MayReveal],
    )
    async def decrypted_value(self, info: GraphQLInfo) -> JSON | None:
        """The value in the clear."""
        return (await info.context.loaders.revealed.load(self.row.id)).value

    @strawberry.field(description="Whether the caller may read its decryptedValue.")
    def can_reveal(self, info: GraphQLInfo) -> bool:
        """Whether the caller may reveal it."""
        return permits(info.context.principal, "Config.decryptedValue", self.row.organization_id)

    @strawberry.field(description="Whether the caller may write and delete it.")
    def can_write(self, info: GraphQLInfo) -> bool:
        """Whether the caller may write it."""
        operation = "Mutation.setConfig" if self.row.integration_id is None else "Mutation.deleteConfig"
        return permits(info.context.principal, operation, self.row.organization_id)

    @strawberry.field(description="Whom it belongs to.")
    def scope(self) -> ConfigScope:
        """Whom it belongs to."""
        return ConfigScope.GLOBAL if self.row.organization_id is None else ConfigScope.ORGANIZATION

    @strawberry.field(description="Its organization; null for a global one.")
    @followed(_ORGANIZATION)
    async def organization(self, info: GraphQLInfo) -> Organization | None:
        """Its organization."""
        return await _ORGANIZATION.load(self, info)

    @strawberry.field(description="Whether it belongs to no integration, not even to a deleted one.")
    def standalone(self) -> bool:
        """Whether it belongs to no integration."""
        return self.row.integration_id is None

    @strawberry.field(description="Null for a standalone config, and for one whose integration is deleted.")
    @followed(_INTEGRATION)
    async def integration(self, info: GraphQLInfo) -> Integration | None:
        """Its integration."""
        return await _INTEGRATION.load(self, info)

    @strawberry.field(
        description=(
            "False for a secret that this service has not sealed yet: plaintext, or a token of older software. "
            "False for what is no secret."
        )
    )
    def sealed(self) -> bool:
        """Whether it is sealed."""
        return self.row.sealed is not None

    @strawberry.field(description="For people.")
    def description(self) -> str | None:
        """Its description."""
        return self.row.description

    @strawberry.field(description="Grows by one with every write.")
    def version(self) -> int:
        """Its version."""
        return self.row.version

    @strawberry.field(description="When its key was first written.")
    def created_at(self) -> datetime:
        """When it was created."""
        return self.row.created_at

    @strawberry.field(description="When its value was last written; sealing does not count.")
    def updated_at(self) -> datetime:
        """When it was last written."""
        return self.row.updated_at

    @strawberry.field(description="The name of the token that last wrote it.")
    def updated_by(self) -> str:
        """Who last wrote it."""
        return self.row.updated_by

    @strawberry.field(description="Earlier values, newest first, masked like value.")
    async def history(self, info: GraphQLInfo, first: First = 20, after: After = None) -> Connection[ConfigVersion]:
        """Earlier values."""
        page = await info.context.loaders.history.load((self.row, page_size(first, 20), after))
        return connect(page, self._show_past, self._count_history)

    async def _count_history(self, info: GraphQLInfo) -> int:
        return await info.context.loaders.history_length.load(self.row)

    def _show_past(self, past: PastValue) -> ConfigVersion:
        return ConfigVersion(
            version=past.version,
            type=past.config_type,
            value=past.shown(self.row.type),
            changed_at=past.changed_at,
            changed_by=past.changed_by,
            reason=past.reason,
        )


def show_config(row: StoredConfig) -> Config:
    """A config as callers see it."""
    return Config(row=row)


@strawberry.input(description="What a list of configs is narrowed to.")
class ConfigFilter:
    """What a list of configs is narrowed to."""

    scope: ScopeFilter | None = strawberry.field(
        default=ScopeFilter.ORGANIZATION_AND_GLOBAL, description="Which scopes to show."
    )
    organization_id: strawberry.ID | None = strawberry.field(default=None, description="What `scope` is relative to.")
    integration_id: strawberry.ID | None = strawberry.field(default=None, description="Only of this integration.")
    type: ConfigType | None = strawberry.field(default=None, description="Only of this effective type.")
    key_contains: str | None = strawberry.field(
        default=None, description="Only keys with this text in them, in upper or lower case."
    )
    standalone: bool | None = strawberry.field(
        default=None, description="Only those without an integration, or, if false, only those with one."
    )

    def read(self) -> config_lists.Filter:
        """The filter of the rules."""
        problems = Problems()
        organization = problems.optional_id(self.organization_id, "filter", "organizationId")
        integration = problems.optional_id(self.integration_id, "filter", "integrationId")
        problems.check()
        return config_lists.Filter(
            scope=self.scope or ScopeFilter.ORGANIZATION_AND_GLOBAL,
            organization_id=organization,
            integration_id=integration,
            type=self.type,
            key_contains=self.key_contains,
            standalone=self.standalone,
        )


OrderBy = Annotated[ConfigOrder | None, strawberry.argument(description="How to sort it; null is by key.")]
OptionalFilter = Annotated[ConfigFilter | None, strawberry.argument(description="What to narrow the list to.")]


@strawberry.type
class ConfigQuery:
    """Queries of configs."""

    @strawberry.field(description="Configs, by key unless told otherwise; secrets masked. Needs config:read.")
    async def configs(
        self,
        info: GraphQLInfo,
        filter: OptionalFilter = None,
        first: First = 50,
        after: After = None,
        order_by: OrderBy = ConfigOrder.KEY,
    ) -> Connection[Config]:
        """Configs."""
        wanted = config_lists.Filter() if filter is None else filter.read()
        async with info.context.read() as session:
            page = await config_lists.list_configs(
                session, info.context.principal, wanted, page_size(first), after, order_by or ConfigOrder.KEY
            )
        return connect(page, show_config)

    @strawberry.field(description="One config. Needs config:read.")
    async def config(self, info: GraphQLInfo, id: Id) -> Config | None:
        """One config."""
        async with info.context.read() as session:
            return show_config(await rules.find_config(session, info.context.principal, identifier(id, "id")))
