from typing import Any

from strongroom.api.base import ApiBase
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.create_organization import CreateOrganization
from strongroom.api.delete_organization import DeleteOrganization
from strongroom.api.documents.organizations import (
    CREATE_ORGANIZATION_GQL,
    DELETE_ORGANIZATION_GQL,
    ORGANIZATION_GQL,
    ORGANIZATIONS_GQL,
)
from strongroom.api.inputs.organizations import CreateOrganizationInput, DeleteOrganizationInput
from strongroom.api.organization import Organization
from strongroom.api.organizations import Organizations


class OrganizationsApi(ApiBase):
    """Organizations: a part of Api."""

    def organizations(
        self, first: int | None | UnsetType = UNSET, after: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> Organizations:
        """Organizations by name. Needs config:read."""
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(query=ORGANIZATIONS_GQL, operation_name="Organizations", variables=variables, **kwargs)
        data = self.get_data(response)
        return Organizations.model_validate(data)

    def organization(self, id: str, **kwargs: Any) -> Organization:
        """One organization. Needs config:read."""
        variables: dict[str, object] = {"id": id}
        response = self.execute(query=ORGANIZATION_GQL, operation_name="Organization", variables=variables, **kwargs)
        data = self.get_data(response)
        return Organization.model_validate(data)

    def create_organization(self, input: CreateOrganizationInput, **kwargs: Any) -> CreateOrganization:
        """Create an organization. Needs organization:write and a token without limits."""
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=CREATE_ORGANIZATION_GQL, operation_name="CreateOrganization", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateOrganization.model_validate(data)

    def delete_organization(self, input: DeleteOrganizationInput, **kwargs: Any) -> DeleteOrganization:
        """Deletes its mappings, overrides, configs and history, and destroys its data keys. Needs organization:write."""
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=DELETE_ORGANIZATION_GQL, operation_name="DeleteOrganization", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return DeleteOrganization.model_validate(data)
