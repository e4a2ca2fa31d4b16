from pydantic import Field

from .base_model import BaseModel


class CreateToken(BaseModel):
    create_token: "CreateTokenCreateToken" = Field(alias="createToken")


class CreateTokenCreateToken(BaseModel):
    id: str
    token: str


CreateToken.model_rebuild()
