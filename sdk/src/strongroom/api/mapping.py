from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class Mapping(BaseModel):
    mapping: Optional["MappingMapping"]


class MappingMapping(BaseModel):
    id: str
    entity_id: str = Field(alias="entityId")
    entity_name: Optional[str] = Field(alias="entityName")
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
    type_: ConfigType = Field(alias="type")
    value: Optional[Any]
    sealed: bool
    version: int
    updated_at: datetime = Field(alias="updatedAt")
    updated_by: str = Field(alias="updatedBy")


Mapping.model_rebuild()
MappingMapping.model_rebuild()
