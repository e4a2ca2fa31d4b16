ORGANIZATIONS_GQL = """\
query Organizations($first: Int = 50, $after: String) {
  organizations(first: $first, after: $after) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        name
      }
    }
  }
}"""

ORGANIZATION_GQL = """\
query Organization($id: ID!) {
  organization(id: $id) {
    id
    name
  }
}"""

CREATE_ORGANIZATION_GQL = """\
mutation CreateOrganization($input: CreateOrganizationInput!) {
  createOrganization(input: $input) {
    organization {
      id
      name
    }
  }
}"""

DELETE_ORGANIZATION_GQL = """\
mutation DeleteOrganization($input: DeleteOrganizationInput!) {
  deleteOrganization(input: $input) {
    id
  }
}"""
