from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class History(BaseModel):
    config: Optional["HistoryConfig"]


class HistoryConfig(BaseModel):
    id: str
    version: int
    history: "HistoryConfigHistory"


class HistoryConfigHistory(BaseModel):
    total_count: int = Field(alias="totalCount")
    edges: list["HistoryConfigHistoryEdges"]


class HistoryConfigHistoryEdges(BaseModel):
    node: "HistoryConfigHistoryEdgesNode"


class HistoryConfigHistoryEdgesNode(BaseModel):
    version: int
    type_: ConfigType = Field(alias="type")
    value: Optional[Any]
    changed_at: datetime = Field(alias="changedAt")
    changed_by: str = Field(alias="changedBy")


History.model_rebuild()
HistoryConfig.model_rebuild()
HistoryConfigHistory.model_rebuild()
HistoryConfigHistoryEdges.model_rebuild()
