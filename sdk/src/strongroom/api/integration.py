from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class Integration(BaseModel):
    integration: Optional["IntegrationIntegration"]


class IntegrationIntegration(BaseModel):
    id: str
    name: str
    description: Optional[str]
    updated_at: datetime = Field(validation_alias="updatedAt", serialization_alias="updatedAt")
    config_schema: list["IntegrationIntegrationConfigSchema"] = Field(
        validation_alias="configSchema", serialization_alias="configSchema"
    )


class IntegrationIntegrationConfigSchema(BaseModel):
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    required: bool
    default: Optional[Any]
    options: Optional[list[str]]
    description: Optional[str]
    position: int


Integration.model_rebuild()
IntegrationIntegration.model_rebuild()
