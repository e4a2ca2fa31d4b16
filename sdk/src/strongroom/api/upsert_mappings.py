from pydantic import Field

from strongroom.api.base_model import BaseModel


class UpsertMappings(BaseModel):
    upsert_mappings: "UpsertMappingsUpsertMappings" = Field(
        validation_alias="upsertMappings", serialization_alias="upsertMappings"
    )


class UpsertMappingsUpsertMappings(BaseModel):
    created: int
    updated: int
    mappings: list["UpsertMappingsUpsertMappingsMappings"]


class UpsertMappingsUpsertMappingsMappings(BaseModel):
    id: str


UpsertMappings.model_rebuild()
UpsertMappingsUpsertMappings.model_rebuild()
