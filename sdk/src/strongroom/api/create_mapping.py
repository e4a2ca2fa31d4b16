from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class CreateMapping(BaseModel):
    create_mapping: "CreateMappingCreateMapping" = Field(
        validation_alias="createMapping", serialization_alias="createMapping"
    )


class CreateMappingCreateMapping(BaseModel):
    mapping: "CreateMappingCreateMappingMapping"


class CreateMappingCreateMappingMapping(BaseModel):
    id: str
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    missing: list[str]
    overrides: list["CreateMappingCreateMappingMappingOverrides"]


class CreateMappingCreateMappingMappingOverrides(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    sealed: bool


CreateMapping.model_rebuild()
CreateMappingCreateMapping.model_rebuild()
CreateMappingCreateMappingMapping.model_rebuild()
