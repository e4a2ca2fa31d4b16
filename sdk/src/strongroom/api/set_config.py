from typing import Any

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class SetConfig(BaseModel):
    set_config: "SetConfigSetConfig" = Field(validation_alias="setConfig", serialization_alias="setConfig")


class SetConfigSetConfig(BaseModel):
    config: "SetConfigSetConfigConfig"


class SetConfigSetConfigConfig(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    sealed: bool
    version: int


SetConfig.model_rebuild()
SetConfigSetConfig.model_rebuild()
