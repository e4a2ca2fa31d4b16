from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class Reveal(BaseModel):
    config: Optional["RevealConfig"]


class RevealConfig(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Optional[Any]
    decrypted_value: Optional[Any] = Field(validation_alias="decryptedValue", serialization_alias="decryptedValue")


Reveal.model_rebuild()
