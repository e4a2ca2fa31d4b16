from pydantic import Field

from .base_model import BaseModel


class DeleteMapping(BaseModel):
    delete_mapping: "DeleteMappingDeleteMapping" = Field(alias="deleteMapping")


class DeleteMappingDeleteMapping(BaseModel):
    id: str


DeleteMapping.model_rebuild()
