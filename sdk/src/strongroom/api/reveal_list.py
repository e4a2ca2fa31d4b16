from typing import Any, Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class RevealList(BaseModel):
    configs: "RevealListConfigs"


class RevealListConfigs(BaseModel):
    page_info: "RevealListConfigsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["RevealListConfigsEdges"]


class RevealListConfigsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class RevealListConfigsEdges(BaseModel):
    node: "RevealListConfigsEdgesNode"


class RevealListConfigsEdgesNode(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    decrypted_value: Any | None = Field(validation_alias="decryptedValue", serialization_alias="decryptedValue")
    description: str | None
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
