CONFIG_LIST_GQL = """\
query ConfigList($filter: ConfigFilter, $first: Int = 50, $after: String) {
  configs(filter: $filter, first: $first, after: $after) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        key
        type
        value
        scope
        sealed
        version
        description
        updatedAt
        updatedBy
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

REVEAL_LIST_GQL = """\
query RevealList($filter: ConfigFilter, $first: Int = 50, $after: String) {
  configs(filter: $filter, first: $first, after: $after) {
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        key
        type
        decryptedValue
        description
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

REVEAL_GQL = """\
query Reveal($id: ID!) {
  config(id: $id) {
    id
    key
    type
    value
    decryptedValue
  }
}"""

SET_CONFIG_GQL = """\
mutation SetConfig($input: SetConfigInput!) {
  setConfig(input: $input) {
    config {
      id
      key
      type
      value
      sealed
      version
    }
  }
}"""

SET_CONFIGS_GQL = """\
mutation SetConfigs($input: SetConfigsInput!) {
  setConfigs(input: $input) {
    configs {
      id
      key
      type
      sealed
      version
    }
  }
}"""

SET_INTEGRATION_CONFIG_GQL = """\
mutation SetIntegrationConfig($input: SetIntegrationConfigInput!) {
  setIntegrationConfig(input: $input) {
    integration {
      id
    }
    configs {
      id
      key
      type
      value
      sealed
    }
  }
}"""

DELETE_CONFIG_GQL = """\
mutation DeleteConfig($input: DeleteConfigInput!) {
  deleteConfig(input: $input) {
    id
  }
}"""

HISTORY_GQL = """\
query History($id: ID!, $first: Int = 20, $after: String) {
  config(id: $id) {
    id
    version
    history(first: $first, after: $after) {
      totalCount
      edges {
        node {
          version
          type
          value
          changedAt
          changedBy
        }
      }
    }
  }
}"""

RESTORE_CONFIG_GQL = """\
mutation RestoreConfig($input: RestoreConfigInput!) {
  restoreConfig(input: $input) {
    config {
      id
      key
      version
      value
    }
  }
}"""
