TOKENS_GQL = """\
query Tokens($first: Int = 50, $after: String) {
  tokens(first: $first, after: $after) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        name
        permissions
        organizationIds
        integrations
        expiresAt
        createdAt
        createdBy
        lastUsedAt
        revokedAt
        previousSecretUntil
      }
    }
  }
}"""

CREATE_TOKEN_GQL = """\
mutation CreateToken($input: CreateTokenInput!) {
  createToken(input: $input) {
    id
    token
  }
}"""

ROTATE_TOKEN_GQL = """\
mutation RotateToken($id: ID!, $overlapSeconds: Int! = 3600) {
  rotateToken(id: $id, overlapSeconds: $overlapSeconds) {
    id
    token
    previousSecretUntil
  }
}"""

REVOKE_TOKEN_GQL = """\
mutation RevokeToken($id: ID!) {
  revokeToken(id: $id) {
    id
  }
}"""
