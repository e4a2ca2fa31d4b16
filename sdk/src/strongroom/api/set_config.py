from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class SetConfig(BaseModel):
    set_config: "SetConfigSetConfig" = Field(alias="setConfig")


class SetConfigSetConfig(BaseModel):
    config: "SetConfigSetConfigConfig"


class SetConfigSetConfigConfig(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(alias="type")
    value: Optional[Any]
    sealed: bool
    version: int


SetConfig.model_rebuild()
SetConfigSetConfig.model_rebuild()
