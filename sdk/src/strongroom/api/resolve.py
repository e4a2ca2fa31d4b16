from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel


class Resolve(BaseModel):
    resolve: "ResolveResolve"


class ResolveResolve(BaseModel):
    entity_id: str = Field(alias="entityId")
    entity_name: Optional[str] = Field(alias="entityName")
    config: Any
    missing: list[str]


Resolve.model_rebuild()
