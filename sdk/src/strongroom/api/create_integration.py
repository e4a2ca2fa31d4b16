from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class CreateIntegration(BaseModel):
    create_integration: "CreateIntegrationCreateIntegration" = Field(
        validation_alias="createIntegration", serialization_alias="createIntegration"
    )


class CreateIntegrationCreateIntegration(BaseModel):
    integration: "CreateIntegrationCreateIntegrationIntegration"


class CreateIntegrationCreateIntegrationIntegration(BaseModel):
    id: str
    name: str
    config_schema: list["CreateIntegrationCreateIntegrationIntegrationConfigSchema"] = Field(
        validation_alias="configSchema", serialization_alias="configSchema"
    )


class CreateIntegrationCreateIntegrationIntegrationConfigSchema(BaseModel):
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    required: bool
    default: Any | None
    options: list[str] | None


CreateIntegration.model_rebuild()
CreateIntegrationCreateIntegration.model_rebuild()
CreateIntegrationCreateIntegrationIntegration.model_rebuild()
