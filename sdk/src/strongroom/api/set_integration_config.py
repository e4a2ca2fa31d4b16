from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class SetIntegrationConfig(BaseModel):
    set_integration_config: "SetIntegrationConfigSetIntegrationConfig" = Field(
        validation_alias="setIntegrationConfig", serialization_alias="setIntegrationConfig"
    )


class SetIntegrationConfigSetIntegrationConfig(BaseModel):
    integration: "SetIntegrationConfigSetIntegrationConfigIntegration"
    configs: list["SetIntegrationConfigSetIntegrationConfigConfigs"]


class SetIntegrationConfigSetIntegrationConfigIntegration(BaseModel):
    id: str


class SetIntegrationConfigSetIntegrationConfigConfigs(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    sealed: bool


SetIntegrationConfig.model_rebuild()
SetIntegrationConfigSetIntegrationConfig.model_rebuild()
