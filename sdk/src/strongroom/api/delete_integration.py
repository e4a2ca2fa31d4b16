from pydantic import Field

from strongroom.api.base_model import BaseModel


class DeleteIntegration(BaseModel):
    delete_integration: "DeleteIntegrationDeleteIntegration" = Field(
        validation_alias="deleteIntegration", serialization_alias="deleteIntegration"
    )


class DeleteIntegrationDeleteIntegration(BaseModel):
    integration: "DeleteIntegrationDeleteIntegrationIntegration"


class DeleteIntegrationDeleteIntegrationIntegration(BaseModel):
    id: str


DeleteIntegration.model_rebuild()
DeleteIntegrationDeleteIntegration.model_rebuild()
