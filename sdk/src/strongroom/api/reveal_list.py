from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class RevealList(BaseModel):
    configs: "RevealListConfigs"


class RevealListConfigs(BaseModel):
    page_info: "RevealListConfigsPageInfo" = Field(alias="pageInfo")
    edges: list["RevealListConfigsEdges"]


class RevealListConfigsPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


class RevealListConfigsEdges(BaseModel):
    node: "RevealListConfigsEdgesNode"


class RevealListConfigsEdgesNode(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(alias="type")
    decrypted_value: Optional[Any] = Field(alias="decryptedValue")
    description: Optional[str]
    integration: Optional["RevealListConfigsEdgesNodeIntegration"]
    organization: Optional["RevealListConfigsEdgesNodeOrganization"]


class RevealListConfigsEdgesNodeIntegration(BaseModel):
    id: str
    name: str


class RevealListConfigsEdgesNodeOrganization(BaseModel):
    id: str
    name: str


RevealList.model_rebuild()
RevealListConfigs.model_rebuild()
RevealListConfigsEdges.model_rebuild()
RevealListConfigsEdgesNode.model_rebuild()
