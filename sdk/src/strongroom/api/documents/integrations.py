INTEGRATIONS_GQL = """\
query Integrations($first: Int = 50, $after: String) {
  integrations(first: $first, after: $after) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        name
        description
        updatedAt
      }
    }
  }
}"""

INTEGRATION_GQL = """\
query Integration($id: ID, $name: String) {
  integration(id: $id, name: $name) {
    id
    name
    description
    updatedAt
    configSchema {
      key
      type
      required
      default
      options
      description
      position
    }
  }
}"""

CREATE_INTEGRATION_GQL = """\
mutation CreateIntegration($input: CreateIntegrationInput!) {
  createIntegration(input: $input) {
    integration {
      id
      name
      configSchema {
        key
        type
        required
        default
        options
      }
    }
  }
}"""

UPDATE_INTEGRATION_GQL = """\
mutation UpdateIntegration($input: UpdateIntegrationInput!) {
  updateIntegration(input: $input) {
    integration {
      id
      name
      configSchema {
        key
        type
        required
      }
    }
    migrated
    dropped
    restored
  }
}"""

DELETE_INTEGRATION_GQL = """\
mutation DeleteIntegration($input: DeleteIntegrationInput!) {
  deleteIntegration(input: $input) {
    integration {
      id
    }
  }
}"""
