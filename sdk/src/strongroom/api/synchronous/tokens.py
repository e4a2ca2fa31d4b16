from typing import Any

from strongroom.api.base import ApiBase
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.create_token import CreateToken
from strongroom.api.documents.tokens import CREATE_TOKEN_GQL, REVOKE_TOKEN_GQL, ROTATE_TOKEN_GQL, TOKENS_GQL
from strongroom.api.inputs.tokens import CreateTokenInput
from strongroom.api.revoke_token import RevokeToken
from strongroom.api.rotate_token import RotateToken
from strongroom.api.tokens import Tokens


class TokensApi(ApiBase):
    """Tokens: a part of Api."""

    def tokens(
        self, first: int | None | UnsetType = UNSET, after: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> Tokens:
        """The tokens within the caller's own rights, newest first. Needs token:manage."""
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(query=TOKENS_GQL, operation_name="Tokens", variables=variables, **kwargs)
        data = self.get_data(response)
        return Tokens.model_validate(data)

    def create_token(self, input: CreateTokenInput, **kwargs: Any) -> CreateToken:
        """A token within the caller's own permissions, limits and expiry. Needs token:manage."""
        variables: dict[str, object] = {"input": input}
        response = self.execute(query=CREATE_TOKEN_GQL, operation_name="CreateToken", variables=variables, **kwargs)
        data = self.get_data(response)
        return CreateToken.model_validate(data)

    def rotate_token(self, id: str, overlap_seconds: int, **kwargs: Any) -> RotateToken:
        """A new secret for a token, which stays what it is; the secret before it holds for overlapSeconds more, a week
        at most, and any older one ends now. Needs token:manage.
        """
        variables: dict[str, object] = {"id": id, "overlapSeconds": overlap_seconds}
        response = self.execute(query=ROTATE_TOKEN_GQL, operation_name="RotateToken", variables=variables, **kwargs)
        data = self.get_data(response)
        return RotateToken.model_validate(data)

    def revoke_token(self, id: str, **kwargs: Any) -> RevokeToken:
        """Ends a token: at once here, within a second elsewhere. Needs token:manage."""
        variables: dict[str, object] = {"id": id}
        response = self.execute(query=REVOKE_TOKEN_GQL, operation_name="RevokeToken", variables=variables, **kwargs)
        data = self.get_data(response)
        return RevokeToken.model_validate(data)
