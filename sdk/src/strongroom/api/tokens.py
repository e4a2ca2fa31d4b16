from datetime import datetime

from pydantic import Field

from strongroom.api.base_model import BaseModel


class Tokens(BaseModel):
    tokens: "TokensTokens"


class TokensTokens(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    page_info: "TokensTokensPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["TokensTokensEdges"]


class TokensTokensPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class TokensTokensEdges(BaseModel):
    node: "TokensTokensEdgesNode"


class TokensTokensEdgesNode(BaseModel):
    id: str
    name: str
    permissions: list[str]
    organization_ids: list[str] | None = Field(
        validation_alias="organizationIds", serialization_alias="organizationIds"
    )
    integrations: list[str] | None
    expires_at: datetime | None = Field(validation_alias="expiresAt", serialization_alias="expiresAt")
    created_at: datetime = Field(validation_alias="createdAt", serialization_alias="createdAt")
    created_by: str = Field(validation_alias="createdBy", serialization_alias="createdBy")
    last_used_at: datetime | None = Field(validation_alias="lastUsedAt", serialization_alias="lastUsedAt")
    revoked_at: datetime | None = Field(validation_alias="revokedAt", serialization_alias="revokedAt")
    previous_secret_until: datetime | None = Field(
        validation_alias="previousSecretUntil", serialization_alias="previousSecretUntil"
    )


Tokens.model_rebuild()
TokensTokens.model_rebuild()
TokensTokensEdges.model_rebuild()
