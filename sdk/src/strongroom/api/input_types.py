from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import BackfillKind, ConfigScopeFilter, ConfigType


class AuditEventFilter(BaseModel):
    """What a list of events is narrowed to. A field left out or null does not narrow it."""

    action: Optional[str] = None
    "Exactly this action, such as config.reveal."
    actor: Optional[str] = None
    "By tokens of exactly this name."
    config_id: Optional[str] = Field(validation_alias="configId", serialization_alias="configId", default=None)
    "About this config."
    integration_id: Optional[str] = Field(validation_alias="integrationId", serialization_alias="integrationId", default=None)
    "About this integration."
    organization_id: Optional[str] = Field(validation_alias="organizationId", serialization_alias="organizationId", default=None)
    "Of this organization."
    since: Optional[datetime] = None
    "From this moment on; with a time zone."
    until: Optional[datetime] = None
    "Before this moment; with a time zone."


class ConfigFieldInput(BaseModel):
    """One field of a config schema."""

    default: Optional[Any] = None
    "Must fit the type; refused for a SECRET."
    description: Optional[str] = None
    "For people: 500 characters at most."
    key: str
    "The config key: 1 to 255 characters, unique in its schema."
    options: Optional[list[str]] = None
    "Binds writes; refused for a SECRET."
    required: Optional[bool] = False
    "Whether it must have a value."
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    "What its values are."


class ConfigFilter(BaseModel):
    """What a list of configs is narrowed to."""

    integration_id: Optional[str] = Field(validation_alias="integrationId", serialization_alias="integrationId", default=None)
    "Only of this integration."
    key_contains: Optional[str] = Field(validation_alias="keyContains", serialization_alias="keyContains", default=None)
    "Only keys with this text in them, in upper or lower case."
    organization_id: Optional[str] = Field(validation_alias="organizationId", serialization_alias="organizationId", default=None)
    "What `scope` is relative to."
    scope: Optional[ConfigScopeFilter] = ConfigScopeFilter.ORGANIZATION_AND_GLOBAL
    "Which scopes to show."
    standalone: Optional[bool] = None
    "Only those without an integration, or, if false, only those with one."
    type_: Optional[ConfigType] = Field(validation_alias="type", serialization_alias="type", default=None)
    "Only of this effective type."


class CreateIntegrationInput(BaseModel):
    """An integration to create."""

    config_schema: list["ConfigFieldInput"] = Field(validation_alias="configSchema", serialization_alias="configSchema")
    "Its fields, in their order."
    description: Optional[str] = None
    "For people."
    name: str
    "Its name: 1 to 255 characters."


class CreateMappingInput(BaseModel):
    """A mapping to create."""

    config: Optional[Any] = None
    "Key -> value: the first overrides."
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    "The customer's id over there."
    entity_name: Optional[str] = Field(validation_alias="entityName", serialization_alias="entityName", default=None)
    "The customer's name over there."
    integration_id: str = Field(validation_alias="integrationId", serialization_alias="integrationId")
    "The integration's UUID."
    organization_id: Optional[str] = Field(validation_alias="organizationId", serialization_alias="organizationId", default=None)
    "The organization's UUID; null makes the fallback mapping."


class CreateOrganizationInput(BaseModel):
    """An organization to create."""

    id: Optional[str] = None
    "The UUID the platform knows it by, if any."
    name: str
    "Its name: 1 to 255 characters."


class CreateTokenInput(BaseModel):
    """organizationIds / integrations null = all. expiresAt null = never."""

    expires_at: Optional[datetime] = Field(validation_alias="expiresAt", serialization_alias="expiresAt", default=None)
    "When it ends; with a time zone."
    integrations: Optional[list[str]] = None
    "The names of the integrations it is limited to; kept as ids."
    name: str
    "Its name, which the audit log and updatedBy show."
    organization_ids: Optional[list[str]] = Field(validation_alias="organizationIds", serialization_alias="organizationIds", default=None)
    "The organizations it is limited to."
    permissions: list[str]
    "What it may do, such as config:read; * is everything."


class DeleteConfigInput(BaseModel):
    """A config to delete."""

    id: str
    "Its UUID."


class DeleteIntegrationInput(BaseModel):
    """An integration to delete."""

    id: str
    "Its UUID."


class DeleteMappingInput(BaseModel):
    """A mapping to delete."""

    id: str
    "The mapping's UUID."


class DeleteOrganizationInput(BaseModel):
    """An organization to delete."""

    id: str
    "Its UUID."


class MappingInput(BaseModel):
    """One of many mappings to create or update."""

    config: Optional[Any] = None
    'Key -> value. null or "" removes an override.'
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    "The customer's id over there."
    entity_name: Optional[str] = Field(validation_alias="entityName", serialization_alias="entityName", default=None)
    "Its name; null keeps what is there."
    organization_id: str = Field(validation_alias="organizationId", serialization_alias="organizationId")
    "The organization's UUID; each only once."


class RestoreConfigInput(BaseModel):
    """An earlier version to make the current one."""

    id: str
    "The config's UUID."
    version: int
    "Which of its history's versions."


class SetConfigInput(BaseModel):
    """A standalone config to write."""

    description: Optional[str] = None
    "For people; null clears it."
    expected_version: Optional[int] = Field(validation_alias="expectedVersion", serialization_alias="expectedVersion", default=None)
    "Refuses to write over a newer version. 0 is: not there yet."
    key: str
    "Its key: 1 to 255 characters."
    organization_id: Optional[str] = Field(validation_alias="organizationId", serialization_alias="organizationId", default=None)
    "Null for a global config."
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    "What its value is."
    value: Optional[Any] = None
    "The value; empty is refused, use deleteConfig."


class SetConfigsInput(BaseModel):
    """Standalone configs to write, all of one owner; all or none."""

    configs: list["StandaloneConfigInput"]
    "The configs: 500 at most."
    organization_id: Optional[str] = Field(validation_alias="organizationId", serialization_alias="organizationId", default=None)
    "Null for global configs."


class SetIntegrationConfigInput(BaseModel):
    """Integration defaults to write."""

    config: Any
    'Key -> value. null or "" removes a key; one left out stays.'
    expected_versions: Optional[Any] = Field(validation_alias="expectedVersions", serialization_alias="expectedVersions", default=None)
    "Key -> version: refuses to write over a newer one. 0 is: not there yet."
    integration_id: str = Field(validation_alias="integrationId", serialization_alias="integrationId")
    "The integration's UUID."


class StandaloneConfigInput(BaseModel):
    """One of many standalone configs to write."""

    description: Optional[str] = None
    "For people; null clears it."
    expected_version: Optional[int] = Field(validation_alias="expectedVersion", serialization_alias="expectedVersion", default=None)
    "Refuses to write over a newer version. 0 is: not there yet."
    key: str
    "Its key: 1 to 255 characters; each only once."
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    "What its value is."
    value: Optional[Any] = None
    "The value; empty is refused, use deleteConfig."


class StartBackfillInput(BaseModel):
    """A run to start."""

    batch_size: Optional[int] = Field(validation_alias="batchSize", serialization_alias="batchSize", default=None)
    "Rows of one transaction; null adapts."
    dry_run: Optional[bool] = Field(validation_alias="dryRun", serialization_alias="dryRun", default=False)
    "Change nothing, and count the same."
    include_global: Optional[bool] = Field(validation_alias="includeGlobal", serialization_alias="includeGlobal", default=False)
    "ROTATE only, beside organizationIds: what is global, too."
    kind: Optional[BackfillKind] = BackfillKind.SEAL
    "What it does."
    max_rows_per_second: Optional[int] = Field(validation_alias="maxRowsPerSecond", serialization_alias="maxRowsPerSecond", default=None)
    "Of all workers together; null is no limit."
    organization_ids: Optional[list[str]] = Field(validation_alias="organizationIds", serialization_alias="organizationIds", default=None)
    "ROTATE only: seal the secrets of these organizations alone under new data keys; null is all."


class UpdateIntegrationInput(BaseModel):
    """What to change; what is left out stays."""

    config_schema: Optional[list["ConfigFieldInput"]] = Field(
        validation_alias="configSchema", serialization_alias="configSchema", default=None
    )
    "The full list of fields. A changed type migrates its rows; the values of a field that is left out go to the history and come back with it. Turning a SECRET into anything else needs config:reveal."
    description: Optional[str] = None
    "For people; null clears it."
    dry_run: Optional[bool] = Field(validation_alias="dryRun", serialization_alias="dryRun", default=False)
    "Change nothing, and answer or refuse as if it had been changed."
    id: str
    "Its UUID."
    name: Optional[str] = None
    "A new name."


class UpdateMappingInput(BaseModel):
    """What to change of a mapping; what is left out stays."""

    config: Optional[Any] = None
    'Key -> value. null or "" removes an override; one left out stays.'
    entity_id: Optional[str] = Field(validation_alias="entityId", serialization_alias="entityId", default=None)
    "The customer's id over there."
    entity_name: Optional[str] = Field(validation_alias="entityName", serialization_alias="entityName", default=None)
    "Its name; null clears it."
    expected_versions: Optional[Any] = Field(validation_alias="expectedVersions", serialization_alias="expectedVersions", default=None)
    "Key -> version: refuses to write over a newer one. 0 is: not there yet."
    id: str
    "The mapping's UUID."


class UpsertMappingsInput(BaseModel):
    """Many mappings of one integration; all or none."""

    integration_id: str = Field(validation_alias="integrationId", serialization_alias="integrationId")
    "The integration's UUID."
    mappings: list["MappingInput"]
    "The mappings."


CreateIntegrationInput.model_rebuild()
SetConfigsInput.model_rebuild()
UpdateIntegrationInput.model_rebuild()
UpsertMappingsInput.model_rebuild()
