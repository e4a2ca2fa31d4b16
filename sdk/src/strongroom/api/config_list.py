from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigScope, ConfigType


class ConfigList(BaseModel):
    configs: "ConfigListConfigs"


class ConfigListConfigs(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    page_info: "ConfigListConfigsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["ConfigListConfigsEdges"]


class ConfigListConfigsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class ConfigListConfigsEdges(BaseModel):
    node: "ConfigListConfigsEdgesNode"


class ConfigListConfigsEdgesNode(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    scope: ConfigScope
    sealed: bool
    version: int
    description: str | None
    updated_at: datetime = Field(validation_alias="updatedAt", serialization_alias="updatedAt")
    updated_by: str = Field(validation_alias="updatedBy", serialization_alias="updatedBy")
    integration: Optional["ConfigListConfigsEdgesNodeIntegration"]
    organization: Optional["ConfigListConfigsEdgesNodeOrganization"]


class ConfigListConfigsEdgesNodeIntegration(BaseModel):
    id: str
    name: str


class ConfigListConfigsEdgesNodeOrganization(BaseModel):
    id: str
    name: str


ConfigList.model_rebuild()
ConfigListConfigs.model_rebuild()
ConfigListConfigsEdges.model_rebuild()
ConfigListConfigsEdgesNode.model_rebuild()
