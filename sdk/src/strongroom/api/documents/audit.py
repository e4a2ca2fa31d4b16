AUDIT_EVENTS_GQL = """\
query AuditEvents($filter: AuditEventFilter, $first: Int = 50, $after: String) {
  auditEvents(filter: $filter, first: $first, after: $after) {
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        at
        actor
        tokenId
        action
        organizationId
        integrationId
        configId
        keys
        detail
        address
        reason
        sequence
      }
    }
  }
}"""
