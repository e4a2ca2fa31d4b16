MAPPINGS_GQL = """\
query Mappings($integrationId: ID, $organizationId: ID, $first: Int = 50, $after: String) {
  mappings(
    integrationId: $integrationId
    organizationId: $organizationId
    first: $first
    after: $after
  ) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        entityId
        entityName
        missing
        integration {
          id
          name
        }
        organization {
          id
          name
        }
      }
    }
  }
}"""

MAPPING_GQL = """\
query Mapping($id: ID!) {
  mapping(id: $id) {
    id
    entityId
    entityName
    missing
    integration {
      id
      name
    }
    organization {
      id
      name
    }
    overrides {
      id
      key
      type
      value
      sealed
      version
      updatedAt
      updatedBy
    }
  }
}"""

CREATE_MAPPING_GQL = """\
mutation CreateMapping($input: CreateMappingInput!) {
  createMapping(input: $input) {
    mapping {
      id
      entityId
      missing
      overrides {
        id
        key
        type
        value
        sealed
      }
    }
  }
}"""

UPDATE_MAPPING_GQL = """\
mutation UpdateMapping($input: UpdateMappingInput!) {
  updateMapping(input: $input) {
    mapping {
      id
      entityId
      missing
      overrides {
        id
        key
        type
        value
        sealed
      }
    }
  }
}"""

UPSERT_MAPPINGS_GQL = """\
mutation UpsertMappings($input: UpsertMappingsInput!) {
  upsertMappings(input: $input) {
    created
    updated
    mappings {
      id
    }
  }
}"""

DELETE_MAPPING_GQL = """\
mutation DeleteMapping($input: DeleteMappingInput!) {
  deleteMapping(input: $input) {
    id
  }
}"""
