"""Integrations and their config schemas: types, queries and mutations."""

from datetime import datetime

import strawberry

from db import integrations as rules
from db.errors import refuse
from db.fields import Field
from db.limits import identifier
from gql.arguments import After, First, Input, Name, NameContains, OptionalId, page_size
from gql.connections import Connection, connect
from gql.context import GraphQLInfo
from gql.enums import ConfigType
from gql.ids import show_id
from gql.scalars import JSON


@strawberry.type(description="One field of an integration's config schema.")
class ConfigField:
    """One field of a config schema."""

    key: str = strawberry.field(description="The config key.")
    type: ConfigType = strawberry.field(description="What its values are.")
    required: bool = strawberry.field(description="Whether a resolved config without it names it in `missing`.")
    default: JSON | None = strawberry.field(description="The value where nobody has set one; never for a SECRET.")
    options: list[str] | None = strawberry.field(description="The values that may be written; null for any.")
    description: str | None = strawberry.field(description="For people.")
    position: int = strawberry.field(description="Its place in the schema, from 0.")


@strawberry.type(description="A product to connect to.")
class Integration:
    """A product to connect to."""

    row: strawberry.Private[rules.IntegrationRow]

    @strawberry.field(description="Its UUID.")
    def id(self) -> strawberry.ID:
        """Its UUID."""
        return show_id(self.row.id)

    @strawberry.field(description="Its name, unique among those that are not deleted.")
    def name(self) -> str:
        """Its name."""
        return self.row.name

    @strawberry.field(description="For people.")
    def description(self) -> str | None:
        """Its description."""
        return self.row.description

    @strawberry.field(description="When it was created.")
    def created_at(self) -> datetime:
        """When it was created."""
        return self.row.created_at

    @strawberry.field(description="When it or its schema last changed.")
    def updated_at(self) -> datetime:
        """When it last changed."""
        return self.row.updated_at

    @strawberry.field(description="The fields that its configs have, in their order.")
    async def config_schema(self, info: GraphQLInfo) -> list[ConfigField]:
        """Its fields."""
        fields = info.context.list_all(await info.context.loaders.fields.load(self.row.id))
        return [show_field(field) for field in fields]


def show_integration(row: rules.IntegrationRow) -> Integration:
    """An integration as callers see it."""
    return Integration(row=row)


def show_field(field: Field) -> ConfigField:
    """A field as callers see it."""
    return ConfigField(
        key=field.key,
        type=field.type,
        required=field.required,
        default=field.default,
        options=None if field.options is None else list(field.options),
        description=field.description,
        position=field.position,
    )


@strawberry.input(description="One field of a config schema.")
class ConfigFieldInput:
    """One field of a config schema."""

    key: str = strawberry.field(description="The config key: 1 to 255 characters, unique in its schema.")
    type: ConfigType = strawberry.field(description="What its values are.")
    required: bool | None = strawberry.field(default=False, description="Whether it must have a value.")
    default: JSON | None = strawberry.field(default=None, description="Must fit the type; refused for a SECRET.")
    options: list[str] | None = strawberry.field(default=None, description="Binds writes; refused for a SECRET.")
    description: str | None = strawberry.field(default=None, description="For people: 500 characters at most.")


@strawberry.input(description="An integration to create.")
class CreateIntegrationInput:
    """An integration to create."""

    name: str = strawberry.field(description="Its name: 1 to 255 characters.")
    description: str | None = strawberry.field(default=None, description="For people.")
    config_schema: list[ConfigFieldInput] = strawberry.field(description="Its fields, in their order.")


@strawberry.input(description="What to change; what is left out stays.")
class UpdateIntegrationInput:
    """What to change of an integration."""

    id: strawberry.ID = strawberry.field(description="Its UUID.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="A new name.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="For people; null clears it.")
    config_schema: list[ConfigFieldInput] | None = strawberry.field(
        default=None,
        description=(
            "The full list of fields. A changed type migrates its rows; the values of a field that is left out go to "
            "the history and come back with it. Turning a SECRET into anything else needs config:reveal."
        ),
    )
    expected_updated_at: datetime | None = strawberry.field(
        default=None, description="Its updatedAt as the caller saw it: refuses to write over a newer change."
    )
    dry_run: bool | None = strawberry.field(
        default=False, description="Change nothing, and answer or refuse as if it had been changed."
    )


@strawberry.input(description="An integration to delete.")
class DeleteIntegrationInput:
    """An integration to delete."""

    id: strawberry.ID = strawberry.field(description="Its UUID.")


@strawberry.type(description="What createIntegration made.")
class CreateIntegrationPayload:
    """What createIntegration made."""

    integration: Integration = strawberry.field(description="The new integration.")


@strawberry.type(description="What a change of the schema does to the rows of one key.")
class KeyChange:
    """What a change of the schema does to the rows of one key."""

    key: str = strawberry.field(description="The config key.")
    migrated: int = strawberry.field(description="Rows whose type the change migrates.")
    dropped: int = strawberry.field(description="Values that go to the history with their field.")
    restored: int = strawberry.field(description="Values that come back from the history with their field.")


@strawberry.type(description="What updateIntegration changed.")
class UpdateIntegrationPayload:
    """What updateIntegration changed, or would."""

    integration: Integration = strawberry.field(description="The integration as it is now.")
    migrated: int = strawberry.field(description="Rows whose type the change migrated.")
    dropped: int = strawberry.field(description="Values that went to the history with their field.")
    restored: int = strawberry.field(description="Values that came back from the history with their field.")
    changes: list[KeyChange] = strawberry.field(description="The same of each key that has any such row, by key.")


@strawberry.type(description="What deleteIntegration deleted.")
class DeleteIntegrationPayload:
    """What deleteIntegration deleted."""

    integration: Integration = strawberry.field(description="The integration as it was.")


def read_fields(given: list[ConfigFieldInput]) -> list[Field]:
    """The fields of an input; `db.fields` checks them."""
    return [
        Field(field.key, field.type, bool(field.required), field.default, field.options, field.description)
        for field in given
    ]


@strawberry.type
class IntegrationQuery:
    """Queries of integrations."""

    @strawberry.field(description="One integration, by id or by name. Needs config:read.")
    async def integration(self, info: GraphQLInfo, id: OptionalId = None, name: Name = None) -> Integration | None:
        """One integration."""
        if (id is None) == (name is None):
            refuse("give either id or name")
        wanted = None if id is None else identifier(id, "id")
        async with info.context.read() as session:
            row = await rules.find_integration(session, info.context.principal, id=wanted, name=name)
        return show_integration(row)

    @strawberry.field(description="Integrations by name. Needs config:read.")
    async def integrations(
        self, info: GraphQLInfo, first: First = 50, after: After = None, name_contains: NameContains = None
    ) -> Connection[Integration]:
        """Integrations by name."""
        async with info.context.read() as session:
            page = await rules.list_integrations(
                session, info.context.principal, page_size(first), after, name_contains
            )
        return connect(page, show_integration)


@strawberry.type
class IntegrationMutation:
    """Mutations of integrations."""

    @strawberry.mutation(description="Create an integration. Needs integration:write and a token without limits.")
    async def create_integration(
        self, info: GraphQLInfo, input: Input[CreateIntegrationInput]
    ) -> CreateIntegrationPayload:
        """Create an integration."""
        fields = read_fields(input.config_schema)
        row = await info.context.write(
            lambda transaction: rules.create_integration(transaction, input.name, input.description, fields)
        )
        return CreateIntegrationPayload(integration=show_integration(row))

    @strawberry.mutation(description="Change an integration and its schema, rows included. Needs integration:write.")
    async def update_integration(
        self, info: GraphQLInfo, input: Input[UpdateIntegrationInput]
    ) -> UpdateIntegrationPayload:
        """Change an integration."""
        id = identifier(input.id, "id")
        given = {"name": input.name, "description": input.description}
        changes = {key: value for key, value in given.items() if value is not strawberry.UNSET}
        fields = None if input.config_schema is None else read_fields(input.config_schema)
        try:
            row, done = await info.context.write(
                lambda transaction: rules.update_integration(
                    transaction, id, changes, fields, seen=input.expected_updated_at, dry_run=bool(input.dry_run)
                )
            )
        except rules.Previewed as preview:
            row, done = preview.row, preview.done
        return UpdateIntegrationPayload(
            integration=show_integration(row),
            migrated=done.migrated,
            dropped=done.dropped,
            restored=done.restored,
            changes=[
                KeyChange(key=key, migrated=of.migrated, dropped=of.dropped, restored=of.restored)
                for key, of in sorted(done.by_key.items())
            ],
        )

    @strawberry.mutation(
        description="Delete an integration; it resolves no more and its name is free. Needs integration:write."
    )
    async def delete_integration(
        self, info: GraphQLInfo, input: Input[DeleteIntegrationInput]
    ) -> DeleteIntegrationPayload:
        """Delete an integration."""
        id = identifier(input.id, "id")
        row = await info.context.write(lambda transaction: rules.delete_integration(transaction, id))
        return DeleteIntegrationPayload(integration=show_integration(row))
