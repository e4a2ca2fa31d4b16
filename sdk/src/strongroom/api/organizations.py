from pydantic import Field

from strongroom.api.base_model import BaseModel


class Organizations(BaseModel):
    organizations: "OrganizationsOrganizations"


class OrganizationsOrganizations(BaseModel):
    total_count: int = Field(validation_alias="totalCount", serialization_alias="totalCount")
    page_info: "OrganizationsOrganizationsPageInfo" = Field(validation_alias="pageInfo", serialization_alias="pageInfo")
    edges: list["OrganizationsOrganizationsEdges"]


class OrganizationsOrganizationsPageInfo(BaseModel):
    has_next_page: bool = Field(validation_alias="hasNextPage", serialization_alias="hasNextPage")
    end_cursor: str | None = Field(validation_alias="endCursor", serialization_alias="endCursor")


class OrganizationsOrganizationsEdges(BaseModel):
    node: "OrganizationsOrganizationsEdgesNode"


class OrganizationsOrganizationsEdgesNode(BaseModel):
    id: str
    name: str


Organizations.model_rebuild()
OrganizationsOrganizations.model_rebuild()
OrganizationsOrganizationsEdges.model_rebuild()
