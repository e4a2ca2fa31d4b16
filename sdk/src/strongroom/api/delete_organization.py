from pydantic import Field

from strongroom.api.base_model import BaseModel


class DeleteOrganization(BaseModel):
    delete_organization: "DeleteOrganizationDeleteOrganization" = Field(
        validation_alias="deleteOrganization", serialization_alias="deleteOrganization"
    )


class DeleteOrganizationDeleteOrganization(BaseModel):
    id: str


DeleteOrganization.model_rebuild()
