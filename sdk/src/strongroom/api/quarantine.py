from datetime import datetime
from typing import Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel


class Quarantine(BaseModel):
    quarantine: "QuarantineQuarantine"


class QuarantineQuarantine(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    edges: list["QuarantineQuarantineEdges"]


class QuarantineQuarantineEdges(BaseModel):
    node: "QuarantineQuarantineEdgesNode"


class QuarantineQuarantineEdgesNode(BaseModel):
    reason: str
    since: datetime
    config: "QuarantineQuarantineEdgesNodeConfig"


class QuarantineQuarantineEdgesNodeConfig(BaseModel):
    id: str
    key: str
    integration: Optional["QuarantineQuarantineEdgesNodeConfigIntegration"]


class QuarantineQuarantineEdgesNodeConfigIntegration(BaseModel):
    name: str


Quarantine.model_rebuild()
QuarantineQuarantine.model_rebuild()
QuarantineQuarantineEdges.model_rebuild()
QuarantineQuarantineEdgesNode.model_rebuild()
QuarantineQuarantineEdgesNodeConfig.model_rebuild()
