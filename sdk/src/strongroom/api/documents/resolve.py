RESOLVE_GQL = """\
query Resolve($integration: String!, $organizationId: ID!) {
  resolve(integration: $integration, organizationId: $organizationId) {
    entityId
    entityName
    config
    missing
  }
}"""

RESOLVE_EXPLAINED_GQL = """\
query ResolveExplained($integration: String!, $organizationId: ID!) {
  resolve(integration: $integration, organizationId: $organizationId) {
    integration {
      id
      name
    }
    organization {
      id
      name
    }
    entityId
    config
    missing
    unfit
    entries {
      key
      type
      value
      source
    }
  }
}"""
