from pydantic import Field

from strongroom.api.base_model import BaseModel


class DeleteMapping(BaseModel):
    delete_mapping: "DeleteMappingDeleteMapping" = Field(
        validation_alias="deleteMapping", serialization_alias="deleteMapping"
    )


class DeleteMappingDeleteMapping(BaseModel):
    id: str


DeleteMapping.model_rebuild()
