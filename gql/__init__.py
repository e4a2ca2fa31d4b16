"""HTTP and GraphQL only: it translates between callers and the rules in `db`."""
