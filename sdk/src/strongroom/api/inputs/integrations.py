from datetime import datetime
from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class ConfigFieldInput(BaseModel):
    """One field of a config schema."""

    default: Any | None = None
    "Must fit the type; refused for a SECRET."
    description: str | None = None
    "For people: 500 characters at most."
    key: str
    "The config key: 1 to 255 characters, unique in its schema."
    options: list[str] | None = None
    "Binds writes; refused for a SECRET."
    required: bool | None = False
    "Whether it must have a value."
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    "What its values are."


class CreateIntegrationInput(BaseModel):
    """An integration to create."""

    config_schema: list["ConfigFieldInput"] = Field(validation_alias="configSchema", serialization_alias="configSchema")
    "Its fields, in their order."
    description: str | None = None
    "For people."
    name: str
    "Its name: 1 to 255 characters."


class DeleteIntegrationInput(BaseModel):
    """An integration to delete."""

    id: str
    "Its UUID."


class UpdateIntegrationInput(BaseModel):
    """What to change; what is left out stays."""

    config_schema: list["ConfigFieldInput"] | None = Field(
        validation_alias="configSchema", serialization_alias="configSchema", default=None
    )
    "The full list of fields. A changed type migrates its rows; the values of a field that is left out go to the history and come back with it. Turning a SECRET into anything else needs config:reveal."
    description: str | None = None
    "For people; null clears it."
    dry_run: bool | None = Field(validation_alias="dryRun", serialization_alias="dryRun", default=False)
    "Change nothing, and answer or refuse as if it had been changed."
    expected_updated_at: datetime | None = Field(
        validation_alias="expectedUpdatedAt", serialization_alias="expectedUpdatedAt", default=None
    )
    "Its updatedAt as the caller saw it: refuses to write over a newer change."
    id: str
    "Its UUID."
    name: str | None = None
    "A new name."


CreateIntegrationInput.model_rebuild()

UpdateIntegrationInput.model_rebuild()
