"""Writing configs: inputs, payloads and mutations."""

import uuid

import strawberry

from db import configs as rules
from db import integrations as integration_rules
from db.errors import NotFound
from db.limits import identifier
from db.standalone import set_configs
from gql.arguments import Input
from gql.configs import Config, show_config
from gql.context import Context, GraphQLInfo
from gql.enums import ConfigType
from gql.ids import show_id
from gql.integrations import Integration, show_integration
from gql.scalars import JSON


async def load_configs(context: Context, ids: list[uuid.UUID]) -> list[Config]:
    """Configs that were just written, in this order."""
    rows = await context.loaders.config.load_many(ids)
    return [show_config(row) for row in rows if row is not None]


async def load_config(context: Context, id: uuid.UUID) -> Config:
    """A config that was just written."""
    row = await context.loaders.config.load(id)
    if row is None:
        raise NotFound("config")
    return show_config(row)


@strawberry.input(description="Integration defaults to write.")
class SetIntegrationConfigInput:
    """Integration defaults to write."""

    integration_id: strawberry.ID = strawberry.field(description="The integration's UUID.")
    config: JSON = strawberry.field(description='Key -> value. null or "" removes a key; one left out stays.')
    expected_versions: JSON | None = strawberry.field(
        default=None, description="Key -> version: refuses to write over a newer one. 0 is: not there yet."
    )


@strawberry.input(description="A standalone config to write.")
class SetConfigInput:
    """A standalone config to write."""

    organization_id: strawberry.ID | None = strawberry.field(default=None, description="Null for a global config.")
    key: str = strawberry.field(description="Its key: 1 to 255 characters.")
    type: ConfigType = strawberry.field(description="What its value is.")
    value: JSON | None = strawberry.field(default=None, description="The value; empty is refused, use deleteConfig.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="For people; null clears it.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refuses to write over a newer version. 0 is: not there yet."
    )


@strawberry.input(description="One of many standalone configs to write.")
class StandaloneConfigInput:
    """One of many standalone configs to write."""

    key: str = strawberry.field(description="Its key: 1 to 255 characters; each only once.")
    type: ConfigType = strawberry.field(description="What its value is.")
    value: JSON | None = strawberry.field(default=None, description="The value; empty is refused, use deleteConfig.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="For people; null clears it.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refuses to write over a newer version. 0 is: not there yet."
    )


@strawberry.input(description="Standalone configs to write, all of one owner; all or none.")
class SetConfigsInput:
    """Standalone configs to write."""

    organization_id: strawberry.ID | None = strawberry.field(default=None, description="Null for global configs.")
    configs: list[StandaloneConfigInput] = strawberry.field(description="The configs: 500 at most.")


@strawberry.input(description="A config to delete.")
class DeleteConfigInput:
    """A config to delete."""

    id: strawberry.ID = strawberry.field(description="Its UUID.")


@strawberry.input(description="An earlier version to make the current one.")
class RestoreConfigInput:
    """An earlier version to make the current one."""

    id: strawberry.ID = strawberry.field(description="The config's UUID.")
    version: int = strawberry.field(description="Which of its history's versions.")


@strawberry.type(description="What setIntegrationConfig wrote.")
class SetIntegrationConfigPayload:
    """What setIntegrationConfig wrote."""

    integration: Integration = strawberry.field(description="The integration.")
    configs: list[Config] = strawberry.field(description="The configs written, in the order of their keys in `config`.")


@strawberry.type(description="What setConfig wrote.")
class SetConfigPayload:
    """What setConfig wrote."""

    config: Config = strawberry.field(description="The config as it is now.")


@strawberry.type(description="What setConfigs wrote.")
class SetConfigsPayload:
    """What setConfigs wrote."""

    configs: list[Config] = strawberry.field(description="The configs as they are now, in the order they were given.")


@strawberry.type(description="What deleteConfig deleted.")
class DeleteConfigPayload:
    """What deleteConfig deleted."""

    id: strawberry.ID = strawberry.field(description="The UUID it had.")


@strawberry.type(description="What restoreConfig wrote.")
class RestoreConfigPayload:
    """What restoreConfig wrote."""

    config: Config = strawberry.field(description="The config as it is now.")


def _read_write(owner: uuid.UUID | None, given: SetConfigInput | StandaloneConfigInput) -> rules.StandaloneWrite:
    return rules.StandaloneWrite(
        owner,
        given.key,
        given.type,
        given.value,
        None if given.description is strawberry.UNSET else given.description,
        given.description is not strawberry.UNSET,
        given.expected_version,
    )


@strawberry.type
class ConfigMutation:
    """Mutations of configs."""

    @strawberry.mutation(
        description='Integration defaults. null or "" removes a key; a key left out stays as it is. Needs config:write.'
    )
    async def set_integration_config(
        self, info: GraphQLInfo, input: Input[SetIntegrationConfigInput]
    ) -> SetIntegrationConfigPayload:
        """Write integration defaults."""
        id = identifier(input.integration_id, "integrationId")
        row, ids = await info.context.write(
            lambda transaction: integration_rules.set_integration_config(
                transaction, id, input.config, input.expected_versions
            )
        )
        configs = await load_configs(info.context, ids)
        return SetIntegrationConfigPayload(integration=show_integration(row), configs=configs)

    @strawberry.mutation(description="A standalone config: global, or of one organization. Needs config:write.")
    async def set_config(self, info: GraphQLInfo, input: Input[SetConfigInput]) -> SetConfigPayload:
        """Write a standalone config."""
        owner = None if input.organization_id is None else identifier(input.organization_id, "organizationId")
        write = _read_write(owner, input)
        id = await info.context.write(lambda transaction: rules.set_config(transaction, write))
        return SetConfigPayload(config=await load_config(info.context, id))

    @strawberry.mutation(
        description="Many standalone configs at once: global, or of one organization; all or none. Needs config:write."
    )
    async def set_configs(self, info: GraphQLInfo, input: Input[SetConfigsInput]) -> SetConfigsPayload:
        """Write standalone configs."""
        owner = None if input.organization_id is None else identifier(input.organization_id, "organizationId")
        writes = [_read_write(owner, given) for given in input.configs]
        ids = await info.context.write(lambda transaction: set_configs(transaction, owner, writes))
        return SetConfigsPayload(configs=await load_configs(info.context, ids))

    @strawberry.mutation(
        description=(
            "Any config by its id, one managed by an integration or in quarantine too; its value goes to the history. "
            "Needs config:write."
        )
    )
    async def delete_config(self, info: GraphQLInfo, input: Input[DeleteConfigInput]) -> DeleteConfigPayload:
        """Delete a config."""
        id = identifier(input.id, "id")
        await info.context.write(lambda transaction: rules.delete_config(transaction, id))
        return DeleteConfigPayload(id=show_id(id))

    @strawberry.mutation(description="Make an earlier version the current one, as a new version. Needs config:write.")
    async def restore_config(self, info: GraphQLInfo, input: Input[RestoreConfigInput]) -> RestoreConfigPayload:
        """Restore an earlier version."""
        id = identifier(input.id, "id")
        await info.context.write(lambda transaction: rules.restore_config(transaction, id, input.version))
        return RestoreConfigPayload(config=await load_config(info.context, id))
