from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class History(BaseModel):
    config: Optional["HistoryConfig"]


class HistoryConfig(BaseModel):
    id: str
    version: int
    history: "HistoryConfigHistory"


class HistoryConfigHistory(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    edges: list["HistoryConfigHistoryEdges"]


class HistoryConfigHistoryEdges(BaseModel):
    node: "HistoryConfigHistoryEdgesNode"


class HistoryConfigHistoryEdgesNode(BaseModel):
    version: int
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    changed_at: datetime = Field(validation_alias="changedAt", serialization_alias="changedAt")
    changed_by: str = Field(validation_alias="changedBy", serialization_alias="changedBy")


History.model_rebuild()
HistoryConfig.model_rebuild()
HistoryConfigHistory.model_rebuild()
HistoryConfigHistoryEdges.model_rebuild()
