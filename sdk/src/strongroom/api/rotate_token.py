from datetime import datetime

from pydantic import Field

from strongroom.api.base_model import BaseModel


class RotateToken(BaseModel):
    rotate_token: "RotateTokenRotateToken" = Field(validation_alias="rotateToken", serialization_alias="rotateToken")


class RotateTokenRotateToken(BaseModel):
    id: str
    token: str
    previous_secret_until: datetime = Field(
        validation_alias="previousSecretUntil", serialization_alias="previousSecretUntil"
    )


RotateToken.model_rebuild()
