from pydantic import Field

from strongroom.api.base_model import BaseModel


class CreateOrganization(BaseModel):
    create_organization: "CreateOrganizationCreateOrganization" = Field(
        validation_alias="createOrganization", serialization_alias="createOrganization"
    )


class CreateOrganizationCreateOrganization(BaseModel):
    organization: "CreateOrganizationCreateOrganizationOrganization"


class CreateOrganizationCreateOrganizationOrganization(BaseModel):
    id: str
    name: str


CreateOrganization.model_rebuild()
CreateOrganizationCreateOrganization.model_rebuild()
