from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class CreateMapping(BaseModel):
    create_mapping: "CreateMappingCreateMapping" = Field(alias="createMapping")


class CreateMappingCreateMapping(BaseModel):
    mapping: "CreateMappingCreateMappingMapping"


class CreateMappingCreateMappingMapping(BaseModel):
    id: str
    entity_id: str = Field(alias="entityId")
    missing: list[str]
    overrides: list["CreateMappingCreateMappingMappingOverrides"]


class CreateMappingCreateMappingMappingOverrides(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(alias="type")
    value: Optional[Any]
    sealed: bool


CreateMapping.model_rebuild()
CreateMappingCreateMapping.model_rebuild()
CreateMappingCreateMappingMapping.model_rebuild()
