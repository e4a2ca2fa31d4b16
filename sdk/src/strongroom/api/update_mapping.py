from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class UpdateMapping(BaseModel):
    update_mapping: "UpdateMappingUpdateMapping" = Field(
        validation_alias="updateMapping", serialization_alias="updateMapping"
    )


class UpdateMappingUpdateMapping(BaseModel):
    mapping: "UpdateMappingUpdateMappingMapping"


class UpdateMappingUpdateMappingMapping(BaseModel):
    id: str
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    missing: list[str]
    overrides: list["UpdateMappingUpdateMappingMappingOverrides"]


class UpdateMappingUpdateMappingMappingOverrides(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    sealed: bool


UpdateMapping.model_rebuild()
UpdateMappingUpdateMapping.model_rebuild()
UpdateMappingUpdateMappingMapping.model_rebuild()
