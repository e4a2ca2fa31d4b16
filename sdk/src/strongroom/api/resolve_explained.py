from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType, ValueSource


class ResolveExplained(BaseModel):
    resolve: "ResolveExplainedResolve"


class ResolveExplainedResolve(BaseModel):
    integration: "ResolveExplainedResolveIntegration"
    organization: "ResolveExplainedResolveOrganization"
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    config: Any
    missing: list[str]
    unfit: list[str]
    entries: list["ResolveExplainedResolveEntries"]


class ResolveExplainedResolveIntegration(BaseModel):
    id: str
    name: str


class ResolveExplainedResolveOrganization(BaseModel):
    id: str
    name: str


class ResolveExplainedResolveEntries(BaseModel):
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    source: ValueSource


ResolveExplained.model_rebuild()
ResolveExplainedResolve.model_rebuild()
