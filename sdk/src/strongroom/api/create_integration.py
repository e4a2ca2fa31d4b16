from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class CreateIntegration(BaseModel):
    create_integration: "CreateIntegrationCreateIntegration" = Field(
        alias="createIntegration"
    )


class CreateIntegrationCreateIntegration(BaseModel):
    integration: "CreateIntegrationCreateIntegrationIntegration"


class CreateIntegrationCreateIntegrationIntegration(BaseModel):
    id: str
    name: str
    config_schema: list["CreateIntegrationCreateIntegrationIntegrationConfigSchema"] = (
        Field(alias="configSchema")
    )


class CreateIntegrationCreateIntegrationIntegrationConfigSchema(BaseModel):
    key: str
    type_: ConfigType = Field(alias="type")
    required: bool
    default: Optional[Any]
    options: Optional[list[str]]


CreateIntegration.model_rebuild()
CreateIntegrationCreateIntegration.model_rebuild()
CreateIntegrationCreateIntegrationIntegration.model_rebuild()
