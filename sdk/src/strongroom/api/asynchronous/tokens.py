from typing import Any

from strongroom.api.async_base import AsyncApiBase
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.create_token import CreateToken
from strongroom.api.documents.tokens import CREATE_TOKEN_GQL, REVOKE_TOKEN_GQL, ROTATE_TOKEN_GQL, TOKENS_GQL
from strongroom.api.inputs.tokens import CreateTokenInput
from strongroom.api.revoke_token import RevokeToken
from strongroom.api.rotate_token import RotateToken
from strongroom.api.tokens import Tokens


class AsyncTokensApi(AsyncApiBase):
    """Tokens: a part of AsyncApi."""

    async def tokens(
        self, first: int | None | UnsetType = UNSET, after: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> Tokens:
        """The tokens within the caller's own rights, newest first. Needs token:manage."""
        variables: dict[str, object] = {"first": first, "after": after}
        response = await self.execute(query=TOKENS_GQL, operation_name="Tokens", variables=variables, **kwargs)
        data = self.get_data(response)
        return Tokens.model_validate(data)

    async def create_token(self, input: CreateTokenInput, **kwargs: Any) -> CreateToken:
        """A token within the caller's own permissions, limits and expiry. Needs token:manage."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=CREATE_TOKEN_GQL, operation_name="CreateToken", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateToken.model_validate(data)

    async def rotate_token(self, id: str, overlap_seconds: int, **kwargs: Any) -> RotateToken:
        """A new secret for a token, which stays what it is; the secret before it holds for overlapSeconds more, a week
        at most, and any older one ends now. Needs token:manage.
        """
        variables: dict[str, object] = {"id": id, "overlapSeconds": overlap_seconds}
        response = await self.execute(
            query=ROTATE_TOKEN_GQL, operation_name="RotateToken", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return RotateToken.model_validate(data)

    async def revoke_token(self, id: str, **kwargs: Any) -> RevokeToken:
        """Ends a token: at once here, within a second elsewhere. Needs token:manage."""
        variables: dict[str, object] = {"id": id}
        response = await self.execute(
            query=REVOKE_TOKEN_GQL, operation_name="RevokeToken", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return RevokeToken.model_validate(data)
