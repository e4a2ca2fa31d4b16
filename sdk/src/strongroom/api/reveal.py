from typing import Any, Optional

from pydantic import Field

from .base_model import BaseModel
from .enums import ConfigType


class Reveal(BaseModel):
    config: Optional["RevealConfig"]


class RevealConfig(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(alias="type")
    value: Optional[Any]
    decrypted_value: Optional[Any] = Field(alias="decryptedValue")


Reveal.model_rebuild()
