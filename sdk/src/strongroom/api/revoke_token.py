from pydantic import Field

from strongroom.api.base_model import BaseModel


class RevokeToken(BaseModel):
    revoke_token: "RevokeTokenRevokeToken" = Field(validation_alias="revokeToken", serialization_alias="revokeToken")


class RevokeTokenRevokeToken(BaseModel):
    id: str


RevokeToken.model_rebuild()
