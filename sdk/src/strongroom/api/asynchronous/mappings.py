from typing import Any

from strongroom.api.async_base import AsyncApiBase
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.create_mapping import CreateMapping
from strongroom.api.delete_mapping import DeleteMapping
from strongroom.api.documents.mappings import (
    CREATE_MAPPING_GQL,
    DELETE_MAPPING_GQL,
    MAPPING_GQL,
    MAPPINGS_GQL,
    UPDATE_MAPPING_GQL,
    UPSERT_MAPPINGS_GQL,
)
from strongroom.api.inputs.mappings import (
    CreateMappingInput,
    DeleteMappingInput,
    UpdateMappingInput,
    UpsertMappingsInput,
)
from strongroom.api.mapping import Mapping
from strongroom.api.mappings import Mappings
from strongroom.api.update_mapping import UpdateMapping
from strongroom.api.upsert_mappings import UpsertMappings


class AsyncMappingsApi(AsyncApiBase):
    """Mappings: a part of AsyncApi."""

    async def mappings(
        self,
        integration_id: str | None | UnsetType = UNSET,
        organization_id: str | None | UnsetType = UNSET,
        first: int | None | UnsetType = UNSET,
        after: str | None | UnsetType = UNSET,
        **kwargs: Any,
    ) -> Mappings:
        """Mappings, of one integration or organization if given. Needs config:read."""
        variables: dict[str, object] = {
            "integrationId": integration_id,
            "organizationId": organization_id,
            "first": first,
            "after": after,
        }
        response = await self.execute(query=MAPPINGS_GQL, operation_name="Mappings", variables=variables, **kwargs)
        data = self.get_data(response)
        return Mappings.model_validate(data)

    async def mapping(self, id: str, **kwargs: Any) -> Mapping:
        """One mapping. Needs config:read."""
        variables: dict[str, object] = {"id": id}
        response = await self.execute(query=MAPPING_GQL, operation_name="Mapping", variables=variables, **kwargs)
        data = self.get_data(response)
        return Mapping.model_validate(data)

    async def create_mapping(self, input: CreateMappingInput, **kwargs: Any) -> CreateMapping:
        """Tie an organization to an integration, with its first overrides. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=CREATE_MAPPING_GQL, operation_name="CreateMapping", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateMapping.model_validate(data)

    async def update_mapping(self, input: UpdateMappingInput, **kwargs: Any) -> UpdateMapping:
        """Change a mapping and its overrides. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=UPDATE_MAPPING_GQL, operation_name="UpdateMapping", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return UpdateMapping.model_validate(data)

    async def upsert_mappings(self, input: UpsertMappingsInput, **kwargs: Any) -> UpsertMappings:
        """Create or update many mappings at once; all or none. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=UPSERT_MAPPINGS_GQL, operation_name="UpsertMappings", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return UpsertMappings.model_validate(data)

    async def delete_mapping(self, input: DeleteMappingInput, **kwargs: Any) -> DeleteMapping:
        """Delete a mapping; its overrides go with it, into the history. Needs config:write."""
        variables: dict[str, object] = {"input": input}
        response = await self.execute(
            query=DELETE_MAPPING_GQL, operation_name="DeleteMapping", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return DeleteMapping.model_validate(data)
