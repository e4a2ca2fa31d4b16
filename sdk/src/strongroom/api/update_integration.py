from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class UpdateIntegration(BaseModel):
    update_integration: "UpdateIntegrationUpdateIntegration" = Field(
        validation_alias="updateIntegration", serialization_alias="updateIntegration"
    )


class UpdateIntegrationUpdateIntegration(BaseModel):
    integration: "UpdateIntegrationUpdateIntegrationIntegration"
    migrated: int
    dropped: int
    restored: int


class UpdateIntegrationUpdateIntegrationIntegration(BaseModel):
    id: str
    name: str
    config_schema: list["UpdateIntegrationUpdateIntegrationIntegrationConfigSchema"] = Field(
        validation_alias="configSchema", serialization_alias="configSchema"
    )


class UpdateIntegrationUpdateIntegrationIntegrationConfigSchema(BaseModel):
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    required: bool


UpdateIntegration.model_rebuild()
UpdateIntegrationUpdateIntegration.model_rebuild()
UpdateIntegrationUpdateIntegrationIntegration.model_rebuild()
