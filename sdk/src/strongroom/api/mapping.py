from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class Mapping(BaseModel):
    mapping: Optional["MappingMapping"]


class MappingMapping(BaseModel):
    id: str
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    entity_name: str | None = Field(validation_alias="entityName", serialization_alias="entityName")
    missing: list[str]
    integration: "MappingMappingIntegration"
    organization: Optional["MappingMappingOrganization"]
    overrides: list["MappingMappingOverrides"]


class MappingMappingIntegration(BaseModel):
    id: str
    name: str


class MappingMappingOrganization(BaseModel):
    id: str
    name: str


class MappingMappingOverrides(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    sealed: bool
    version: int
    updated_at: datetime = Field(validation_alias="updatedAt", serialization_alias="updatedAt")
    updated_by: str = Field(validation_alias="updatedBy", serialization_alias="updatedBy")


Mapping.model_rebuild()
MappingMapping.model_rebuild()
