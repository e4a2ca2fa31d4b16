"""The direct way: a `resolve` that was asked for before, answered before Starlette and GraphQL."""
