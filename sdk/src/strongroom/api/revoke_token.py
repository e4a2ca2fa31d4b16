from pydantic import Field

from .base_model import BaseModel


class RevokeToken(BaseModel):
    revoke_token: "RevokeTokenRevokeToken" = Field(alias="revokeToken")


class RevokeTokenRevokeToken(BaseModel):
    id: str


RevokeToken.model_rebuild()
