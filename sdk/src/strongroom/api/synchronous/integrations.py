from typing import Any

from strongroom.api.base import ApiBase
from strongroom.api.base_model import UNSET, UnsetType
from strongroom.api.create_integration import CreateIntegration
from strongroom.api.delete_integration import DeleteIntegration
from strongroom.api.documents.integrations import (
    CREATE_INTEGRATION_GQL,
    DELETE_INTEGRATION_GQL,
    INTEGRATION_GQL,
    INTEGRATIONS_GQL,
    UPDATE_INTEGRATION_GQL,
)
from strongroom.api.inputs.integrations import CreateIntegrationInput, DeleteIntegrationInput, UpdateIntegrationInput
from strongroom.api.integration import Integration
from strongroom.api.integrations import Integrations
from strongroom.api.update_integration import UpdateIntegration


class IntegrationsApi(ApiBase):
    """Integrations: a part of Api."""

    def integrations(
        self, first: int | None | UnsetType = UNSET, after: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> Integrations:
        """Integrations by name. Needs config:read."""
        variables: dict[str, object] = {"first": first, "after": after}
        response = self.execute(query=INTEGRATIONS_GQL, operation_name="Integrations", variables=variables, **kwargs)
        data = self.get_data(response)
        return Integrations.model_validate(data)

    def integration(
        self, id: str | None | UnsetType = UNSET, name: str | None | UnsetType = UNSET, **kwargs: Any
    ) -> Integration:
        """One integration, by id or by name. Needs config:read."""
        variables: dict[str, object] = {"id": id, "name": name}
        response = self.execute(query=INTEGRATION_GQL, operation_name="Integration", variables=variables, **kwargs)
        data = self.get_data(response)
        return Integration.model_validate(data)

    def create_integration(self, input: CreateIntegrationInput, **kwargs: Any) -> CreateIntegration:
        """Create an integration. Needs integration:write and a token without limits."""
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=CREATE_INTEGRATION_GQL, operation_name="CreateIntegration", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return CreateIntegration.model_validate(data)

    def update_integration(self, input: UpdateIntegrationInput, **kwargs: Any) -> UpdateIntegration:
        """Change an integration and its schema, rows included. Needs integration:write."""
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=UPDATE_INTEGRATION_GQL, operation_name="UpdateIntegration", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return UpdateIntegration.model_validate(data)

    def delete_integration(self, input: DeleteIntegrationInput, **kwargs: Any) -> DeleteIntegration:
        """Delete an integration; it resolves no more and its name is free. Needs integration:write."""
        variables: dict[str, object] = {"input": input}
        response = self.execute(
            query=DELETE_INTEGRATION_GQL, operation_name="DeleteIntegration", variables=variables, **kwargs
        )
        data = self.get_data(response)
        return DeleteIntegration.model_validate(data)
