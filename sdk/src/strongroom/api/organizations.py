from typing import Optional

from pydantic import Field

from .base_model import BaseModel


class Organizations(BaseModel):
    organizations: "OrganizationsOrganizations"


class OrganizationsOrganizations(BaseModel):
    total_count: int = Field(alias="totalCount")
    page_info: "OrganizationsOrganizationsPageInfo" = Field(alias="pageInfo")
    edges: list["OrganizationsOrganizationsEdges"]


class OrganizationsOrganizationsPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


class OrganizationsOrganizationsEdges(BaseModel):
    node: "OrganizationsOrganizationsEdgesNode"


class OrganizationsOrganizationsEdgesNode(BaseModel):
    id: str
    name: str


Organizations.model_rebuild()
OrganizationsOrganizations.model_rebuild()
OrganizationsOrganizationsEdges.model_rebuild()
