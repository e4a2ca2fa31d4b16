from pydantic import Field

from .base_model import BaseModel


class RevokeToken(BaseModel):
    revoke_token: "RevokeTokenRevokeToken" = Field(validation_alias="revokeToken", serialization_alias="revokeToken")


class RevokeTokenRevokeToken(BaseModel):
    id: str


RevokeToken.model_rebuild()
