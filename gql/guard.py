"""The door of every operation: the policy is asked before a resolver runs, and denies what it does not know.

It wraps the schema's own resolvers, so that nothing that is added to the schema can forget to be guarded.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, cast

import strawberry
from graphql import GraphQLField, GraphQLObjectType

from db.policy import FOLLOWING, POLICY, admit
from gql.execution import open_schema

ROOTS = ("Query", "Mutation", "Subscription")

Resolver = Callable[..., Any]


def guard(schema: strawberry.Schema) -> strawberry.Schema:
    """The schema, with every operation, and every field that looks something up, behind the policy."""
    looks_up = set(list_look_ups(schema))
    for name, field in list_fields(schema):
        if name in POLICY or name.partition(".")[0] in ROOTS or (name in looks_up and name not in FOLLOWING):
            _close(name, field)
    return schema


def list_fields(schema: strawberry.Schema) -> Iterator[tuple[str, GraphQLField]]:
    """Every field of every type that callers can reach, as `Type.field`."""
    for type_name, found in open_schema(schema).type_map.items():
        if isinstance(found, GraphQLObjectType) and not type_name.startswith("__"):
            for field_name, field in found.fields.items():
                yield f"{type_name}.{field_name}", field


def list_look_ups(schema: strawberry.Schema) -> Iterator[str]:
    """The fields whose resolvers wait for something: they read more than the row that they hang on."""
    for name, field in list_fields(schema):
        resolver = getattr(cast("Any", field.extensions.get("strawberry-definition")), "base_resolver", None)
        function: Any = getattr(resolver, "wrapped_func", None)
        if iscoroutinefunction(function) or isasyncgenfunction(function):
            yield name


def _close(name: str, field: GraphQLField) -> None:
    # A subscription is asked about when it begins, and for each of its events again.
    if field.subscribe is not None:
        field.subscribe = _ask_first(name, field.subscribe)
    field.resolve = _ask_first(name, cast("Resolver", field.resolve))


def _ask_first(name: str, resolve: Resolver) -> Resolver:
    def ask(info: Any) -> None:
        admit(info.context.principal, name)

    @wraps(resolve)
    def resolve_admitted(source: Any, info: Any, **arguments: Any) -> Any:
        ask(info)
        return resolve(source, info, **arguments)

    # A plan calls the field's function itself, and asks first all the same (gql/plans/planning.py).
    cast("Any", resolve_admitted).ask = ask
    return resolve_admitted
