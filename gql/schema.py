"""The schema, put together, and its generated text."""

from pathlib import Path
from typing import Final

import strawberry
from graphql import build_schema, lexicographic_sort_schema, print_schema

from gql.audit import AuditQuery
from gql.backfill import BackfillMutation, BackfillQuery
from gql.configs import ConfigMutation, ConfigQuery
from gql.integrations import IntegrationMutation, IntegrationQuery
from gql.mappings import MappingMutation, MappingQuery
from gql.organizations import OrganizationMutation, OrganizationQuery
from gql.resolving import ResolveQuery
from gql.tokens import TokenMutation

SCHEMA_FILE: Final = Path(__file__).parent.parent / "schema.graphql"


@strawberry.type(description="What callers can read.")
class Query(AuditQuery, BackfillQuery, ConfigQuery, IntegrationQuery, MappingQuery, OrganizationQuery, ResolveQuery):
    """What callers can read."""


@strawberry.type(description="What callers can change. Each mutation is one transaction.")
class Mutation(
    BackfillMutation,
    ConfigMutation,
    IntegrationMutation,
    MappingMutation,
    OrganizationMutation,
    TokenMutation,
):
    """What callers can change."""


schema: Final = strawberry.Schema(query=Query, mutation=Mutation)


def print_sorted() -> str:
    """The schema's text, sorted; Strawberry's own `sort_schema` cannot print defaults that are enums."""
    return print_schema(lexicographic_sort_schema(build_schema(schema.as_str()))) + "\n"
