from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel


class Resolve(BaseModel):
    resolve: "ResolveResolve"


class ResolveResolve(BaseModel):
    entity_id: str = Field(validation_alias="entityId", serialization_alias="entityId")
    entity_name: str | None = Field(validation_alias="entityName", serialization_alias="entityName")
    config: Any
    missing: list[str]


Resolve.model_rebuild()
