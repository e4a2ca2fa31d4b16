from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class SetConfigs(BaseModel):
    set_configs: "SetConfigsSetConfigs" = Field(alias="setConfigs")


class SetConfigsSetConfigs(BaseModel):
    configs: list["SetConfigsSetConfigsConfigs"]


class SetConfigsSetConfigsConfigs(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(alias="type")
    sealed: bool
    version: int


SetConfigs.model_rebuild()
SetConfigsSetConfigs.model_rebuild()
