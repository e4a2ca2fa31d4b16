from typing import Optional

from strongroom.api.base_model import BaseModel


class Organization(BaseModel):
    organization: Optional["OrganizationOrganization"]


class OrganizationOrganization(BaseModel):
    id: str
    name: str


Organization.model_rebuild()
