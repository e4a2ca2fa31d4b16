from datetime import datetime
from typing import Optional

from pydantic import Field

from .base_model import BaseModel


class Integrations(BaseModel):
    integrations: "IntegrationsIntegrations"


class IntegrationsIntegrations(BaseModel):
    total_count: int = Field(alias="totalCount")
    page_info: "IntegrationsIntegrationsPageInfo" = Field(alias="pageInfo")
    edges: list["IntegrationsIntegrationsEdges"]


class IntegrationsIntegrationsPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


class IntegrationsIntegrationsEdges(BaseModel):
    node: "IntegrationsIntegrationsEdgesNode"


class IntegrationsIntegrationsEdgesNode(BaseModel):
    id: str
    name: str
    description: Optional[str]
    updated_at: datetime = Field(alias="updatedAt")


Integrations.model_rebuild()
IntegrationsIntegrations.model_rebuild()
IntegrationsIntegrationsEdges.model_rebuild()
