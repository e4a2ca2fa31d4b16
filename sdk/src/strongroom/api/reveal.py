from typing import Any, Optional

from pydantic import Field

from strongroom.api.base_model import BaseModel
from strongroom.api.enums import ConfigType


class Reveal(BaseModel):
    config: Optional["RevealConfig"]


class RevealConfig(BaseModel):
    id: str
    key: str
    type_: ConfigType = Field(validation_alias="type", serialization_alias="type")
    value: Any | None
    decrypted_value: Any | None = Field(validation_alias="decryptedValue", serialization_alias="decryptedValue")


Reveal.model_rebuild()
