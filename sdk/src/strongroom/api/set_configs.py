from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class SetConfigs(BaseModel):
    set_configs: "SetConfigsSetConfigs" = Field(validation_alias="setConfigs", serialization_alias="setConfigs")


class SetConfigsSetConfigs(BaseModel):
    configs: list["SetConfigsSetConfigsConfigs"]


class SetConfigsSetConfigsConfigs(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    sealed: bool
    version: int


SetConfigs.model_rebuild()
SetConfigsSetConfigs.model_rebuild()
