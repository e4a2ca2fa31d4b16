from typing import Any

from strongroom.api.async_base import AsyncApiBase
from strongroom.api.documents.resolve import RESOLVE_EXPLAINED_GQL, RESOLVE_GQL
from strongroom.api.resolve import Resolve
from strongroom.api.resolve_explained import ResolveExplained


class AsyncResolveApi(AsyncApiBase):
    """Resolve: a part of AsyncApi."""

    async def resolve(self, integration: str, organization_id: str, **kwargs: Any) -> Resolve:
        """The merged, decrypted config of one integration for one organization. Needs config:resolve. Fails with
        UNDECRYPTABLE, naming the keys, when a secret cannot be opened.
        """
        variables: dict[str, object] = {"integration": integration, "organizationId": organization_id}
        response = await self.execute(query=RESOLVE_GQL, operation_name="Resolve", variables=variables, **kwargs)
        data = self.get_data(response)
        return Resolve.model_validate(data)

    async def resolve_explained(self, integration: str, organization_id: str, **kwargs: Any) -> ResolveExplained:
        """The merged, decrypted config of one integration for one organization. Needs config:resolve. Fails with
        UNDECRYPTABLE, naming the keys, when a secret cannot be opened.
        """
        variables: dict[str, object] = {"integration": integration, "organizationId": organization_id}
        response = await self.execute(
            query=RESOLVE_EXPLAINED_GQL, operation_name="ResolveExplained", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return ResolveExplained.model_validate(data)
