from pydantic import Field

from strongroom.api.base_model import BaseModel


class CreateToken(BaseModel):
    create_token: "CreateTokenCreateToken" = Field(validation_alias="createToken", serialization_alias="createToken")


class CreateTokenCreateToken(BaseModel):
    id: str
    token: str


CreateToken.model_rebuild()
