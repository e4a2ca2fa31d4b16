from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel


class CreateMappingInput(BaseModel):
    """A mapping to create."""

    config: Any | None = None
    "Key -> value: the first overrides."
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    "The customer's id over there."
    entity_name: str | None = Field(validation_alias="entityName", serialization_alias="entityName", default=None)
    "The customer's name over there."
    integration_id: str = Field(validation_alias="integrationId", serialization_alias="integrationId")
    "The integration's UUID."
    organization_id: str | None = Field(
        validation_alias="organizationId", serialization_alias="organizationId", default=None
    )
    "The organization's UUID; null makes the fallback mapping."


class DeleteMappingInput(BaseModel):
    """A mapping to delete."""

    id: str
    "The mapping's UUID."


class MappingInput(BaseModel):
    """One of many mappings to create or update."""

    config: Any | None = None
    'Key -> value. null or "" removes an override.'
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    "The customer's id over there."
    entity_name: str | None = Field(validation_alias="entityName", serialization_alias="entityName", default=None)
    "Its name; null keeps what is there."
    organization_id: str = Field(validation_alias="organizationId", serialization_alias="organizationId")
    "The organization's UUID; each only once."


class UpdateMappingInput(BaseModel):
    """What to change of a mapping; what is left out stays."""

    config: Any | None = None
    'Key -> value. null or "" removes an override; one left out stays.'
    entity_id: str | None = Field(validation_alias="entityId", serialization_alias="entityId", default=None)
    "The customer's id over there."
    entity_name: str | None = Field(validation_alias="entityName", serialization_alias="entityName", default=None)
    "Its name; null clears it."
    expected_entity_id: str | None = Field(
        validation_alias="expectedEntityId", serialization_alias="expectedEntityId", default=None
    )
    "Its entityId as the caller saw it: refuses to write over another."
    expected_versions: Any | None = Field(
        validation_alias="expectedVersions", serialization_alias="expectedVersions", default=None
    )
    "Key -> version: refuses to write over a newer one. 0 is: not there yet."
    id: str
    "The mapping's UUID."


class UpsertMappingsInput(BaseModel):
    """Many mappings of one integration; all or none."""

    integration_id: str = Field(validation_alias="integrationId", serialization_alias="integrationId")
    "The integration's UUID."
    mappings: list["MappingInput"]
    "The mappings."


UpsertMappingsInput.model_rebuild()
