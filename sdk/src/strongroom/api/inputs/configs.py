from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigScopeFilter, ConfigType


class ConfigFilter(BaseModel):
    """What a list of configs is narrowed to."""

    integration_id: str | None = Field(
        validation_alias="integrationId", serialization_alias="integrationId", default=None
    )
    "Only of this integration."
    key_contains: str | None = Field(validation_alias="keyContains", serialization_alias="keyContains", default=None)
    "Only keys with this text in them, in upper or lower case."
    organization_id: str | None = Field(
        validation_alias="organizationId", serialization_alias="organizationId", default=None
    )
    "What `scope` is relative to."
    scope: ConfigScopeFilter | None = ConfigScopeFilter.ORGANIZATION_AND_GLOBAL
    "Which scopes to show."
    standalone: bool | None = None
    "Only those without an integration, or, if false, only those with one."
    type_: ConfigType | None = Field(validation_alias="type", serialization_alias="type", default=None)
    "Only of this effective type."


class DeleteConfigInput(BaseModel):
    """A config to delete."""

    id: str
    "Its UUID."


class RestoreConfigInput(BaseModel):
    """An earlier version to make the current one."""

    id: str
    "The config's UUID."
    version: int
    "Which of its history's versions."


class SetConfigInput(BaseModel):
    """A standalone config to write."""

    description: str | None = None
    "For people; null clears it."
    expected_version: int | None = Field(
        validation_alias="expectedVersion", serialization_alias="expectedVersion", default=None
    )
    "Refuses to write over a newer version. 0 is: not there yet."
    key: str
    "Its key: 1 to 255 characters."
    organization_id: str | None = Field(
        validation_alias="organizationId", serialization_alias="organizationId", default=None
    )
    "Null for a global config."
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    "What its value is."
    value: Any | None = None
    "The value; empty is refused, use deleteConfig."


class SetConfigsInput(BaseModel):
    """Standalone configs to write, all of one owner; all or none."""

    configs: list["StandaloneConfigInput"]
    "The configs: 500 at most."
    organization_id: str | None = Field(
        validation_alias="organizationId", serialization_alias="organizationId", default=None
    )
    "Null for global configs."


class SetIntegrationConfigInput(BaseModel):
    """Integration defaults to write."""

    config: Any
    'Key -> value. null or "" removes a key; one left out stays.'
    expected_versions: Any | None = Field(
        validation_alias="expectedVersions", serialization_alias="expectedVersions", default=None
    )
    "Key -> version: refuses to write over a newer one. 0 is: not there yet."
    integration_id: str = Field(validation_alias="integrationId", serialization_alias="integrationId")
    "The integration's UUID."


class StandaloneConfigInput(BaseModel):
    """One of many standalone configs to write."""

    description: str | None = None
    "For people; null clears it."
    expected_version: int | None = Field(
        validation_alias="expectedVersion", serialization_alias="expectedVersion", default=None
    )
    "Refuses to write over a newer version. 0 is: not there yet."
    key: str
    "Its key: 1 to 255 characters; each only once."
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    "What its value is."
    value: Any | None = None
    "The value; empty is refused, use deleteConfig."


SetConfigsInput.model_rebuild()
