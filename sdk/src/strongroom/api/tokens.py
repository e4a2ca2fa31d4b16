from datetime import datetime
from typing import Optional

from pydantic import Field

from .base_model import BaseModel


class Tokens(BaseModel):
    tokens: "TokensTokens"


class TokensTokens(BaseModel):
    total_count: int = Field(alias="totalCount")
    page_info: "TokensTokensPageInfo" = Field(alias="pageInfo")
    edges: list["TokensTokensEdges"]


class TokensTokensPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


class TokensTokensEdges(BaseModel):
    node: "TokensTokensEdgesNode"


class TokensTokensEdgesNode(BaseModel):
    id: str
    name: str
    permissions: list[str]
    organization_ids: Optional[list[str]] = Field(alias="organizationIds")
    integrations: Optional[list[str]]
    expires_at: Optional[datetime] = Field(alias="expiresAt")
    created_at: datetime = Field(alias="createdAt")
    created_by: str = Field(alias="createdBy")
    last_used_at: Optional[datetime] = Field(alias="lastUsedAt")
    revoked_at: Optional[datetime] = Field(alias="revokedAt")
    previous_secret_until: Optional[datetime] = Field(alias="previousSecretUntil")


Tokens.model_rebuild()
TokensTokens.model_rebuild()
TokensTokensEdges.model_rebuild()
