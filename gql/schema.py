"""The schema, put together, and its generated text."""

from pathlib import Path
from typing import Final

import strawberry
from graphql import build_schema, lexicographic_sort_schema, print_schema

from gql.audit import AuditQuery
from gql.backfill import BackfillMutation, BackfillQuery, BackfillSubscription
from gql.changes import ChangeSubscription
from gql.config_writes import ConfigMutation
from gql.configs import ConfigQuery
from gql.guard import guard
from gql.integrations import IntegrationMutation, IntegrationQuery
from gql.mappings import MappingMutation, MappingQuery
from gql.organizations import OrganizationMutation, OrganizationQuery
from gql.overview import OverviewQuery
from gql.resolving import ResolveQuery
from gql.root_keys import RootKeyQuery
from gql.tokens import TokenMutation, TokenQuery
from gql.viewer import ViewerQuery
from gql.volume import measure_values

SCHEMA_FILE: Final = Path(__file__).parent.parent / "schema.graphql"


@strawberry.type(description="What callers can read.")
class Query(
    AuditQuery,
    BackfillQuery,
    ConfigQuery,
    IntegrationQuery,
    MappingQuery,
    OrganizationQuery,
    OverviewQuery,
    RootKeyQuery,
    ResolveQuery,
    TokenQuery,
    ViewerQuery,
):
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


@strawberry.type(description="What callers can watch, over a WebSocket or as server-sent events.")
class Subscription(BackfillSubscription, ChangeSubscription):
    """What callers can watch."""


schema: Final = guard(measure_values(strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)))


def print_sorted() -> str:
    """The schema's text, sorted; Strawberry's own `sort_schema` cannot print defaults that are enums."""
    return print_schema(lexicographic_sort_schema(build_schema(schema.as_str()))) + "\n"
