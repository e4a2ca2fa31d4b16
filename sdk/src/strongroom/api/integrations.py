from datetime import datetime

from pydantic import Field

from strongroom.api.base_model import BaseModel


class Integrations(BaseModel):
    integrations: "IntegrationsIntegrations"


class IntegrationsIntegrations(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    page_info: "IntegrationsIntegrationsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["IntegrationsIntegrationsEdges"]


class IntegrationsIntegrationsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class IntegrationsIntegrationsEdges(BaseModel):
    node: "IntegrationsIntegrationsEdgesNode"


class IntegrationsIntegrationsEdgesNode(BaseModel):
    id: str
    name: str
    description: str | None
    updated_at: datetime = Field(validation_alias="updatedAt", serialization_alias="updatedAt")


Integrations.model_rebuild()
IntegrationsIntegrations.model_rebuild()
IntegrationsIntegrationsEdges.model_rebuild()
