from datetime import datetime
from typing import Any, Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class Integration(BaseModel):
    integration: Optional["IntegrationIntegration"]


class IntegrationIntegration(BaseModel):
    id: str
    name: str
    description: str | None
    updated_at: datetime = Field(validation_alias="updatedAt", serialization_alias="updatedAt")
    config_schema: list["IntegrationIntegrationConfigSchema"] = Field(
        validation_alias="configSchema", serialization_alias="configSchema"
    )


class IntegrationIntegrationConfigSchema(BaseModel):
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    required: bool
    default: Any | None
    options: list[str] | None
    description: str | None
    position: int


Integration.model_rebuild()
IntegrationIntegration.model_rebuild()
