from typing import Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel


class Mappings(BaseModel):
    mappings: "MappingsMappings"


class MappingsMappings(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    page_info: "MappingsMappingsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["MappingsMappingsEdges"]


class MappingsMappingsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class MappingsMappingsEdges(BaseModel):
    node: "MappingsMappingsEdgesNode"


class MappingsMappingsEdgesNode(BaseModel):
    id: str
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    entity_name: str | None = Field(validation_alias="entityName", serialization_alias="entityName")
    missing: list[str]
    integration: "MappingsMappingsEdgesNodeIntegration"
    organization: Optional["MappingsMappingsEdgesNodeOrganization"]


class MappingsMappingsEdgesNodeIntegration(BaseModel):
    id: str
    name: str


class MappingsMappingsEdgesNodeOrganization(BaseModel):
    id: str
    name: str


Mappings.model_rebuild()
MappingsMappings.model_rebuild()
MappingsMappingsEdges.model_rebuild()
MappingsMappingsEdgesNode.model_rebuild()
