"""The guard of the schema: nothing in it is open that the policy does not open."""

import uuid
from collections.abc import AsyncGenerator
from types import SimpleNamespace

import pytest
import strawberry

from db.access import Permission, Principal
from db.errors import Forbidden
from db.policy import FOLLOWING, POLICY
from gql.guard import ROOTS, guard, list_fields, list_look_ups
from gql.schema import schema

FIELDS = dict(list_fields(schema))
NOBODY = Principal(uuid.uuid4(), "nobody", frozenset())
INFO = SimpleNamespace(context=SimpleNamespace(principal=NOBODY))


def test_every_operation_has_a_policy() -> None:
    """Every field of Query, Mutation and Subscription is in the policy: a new one without a line there fails here."""
    roots = {name for name in FIELDS if name.partition(".")[0] in ROOTS}
    assert roots - set(POLICY) == set()


def test_every_look_up_is_declared() -> None:
    """Every field below an operation that reads more than its own row either has a policy or is known to follow its
    operation's."""
    assert set(list_look_ups(schema)) - set(POLICY) - FOLLOWING == set()


def test_the_policy_names_nothing_else() -> None:
    """The policy has no line for what the schema does not have."""
    assert (set(POLICY) | FOLLOWING) - set(FIELDS) == set()
    assert set(POLICY) & FOLLOWING == set()


@pytest.mark.parametrize("name", POLICY)
def test_denied_before_its_resolver_runs(name: str) -> None:
    """A caller without permissions is refused before an operation sees its arguments."""
    field = FIELDS[name]
    with pytest.raises(Forbidden):
        (field.subscribe or field.resolve)(None, INFO)  # pyright: ignore[reportOptionalCall]


@pytest.mark.parametrize("name", POLICY)
def test_descriptions_name_the_permissions(name: str) -> None:
    """The schema's own text tells which permission an operation needs, and no other one."""
    rule = POLICY[name]
    told = FIELDS[name].description or ""
    needed = "any permission" if set(rule.permissions) == set(Permission) else " or ".join(rule.permissions)
    assert f"{needed}" in told
    assert "Needs" in told


def test_what_nobody_listed_is_denied() -> None:
    """A query, mutation, subscription or look-up that is added without a policy is open to nobody."""
    ran: list[str] = []

    @strawberry.type
    class Thing:
        @strawberry.field
        async def more(self) -> str:
            ran.append("more")
            return ""

        @strawberry.field
        def own(self) -> str:
            return "own"

    @strawberry.type
    class Query:
        @strawberry.field
        def thing(self) -> Thing:
            ran.append("thing")
            return Thing()

        @strawberry.field
        async def config(self) -> str:
            return ""

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def ticks(self) -> AsyncGenerator[int, None]:
            ran.append("ticks")
            yield 1

    made = dict(list_fields(guard(strawberry.Schema(Query, subscription=Subscription))))
    for name in ("Query.thing", "Query.config", "Thing.more"):
        with pytest.raises(Forbidden):
            made[name].resolve(None, INFO)  # pyright: ignore[reportOptionalCall]
    with pytest.raises(Forbidden):
        made["Subscription.ticks"].subscribe(None, INFO)  # pyright: ignore[reportOptionalCall]
    assert ran == []
    assert made["Thing.own"].resolve(Thing(), INFO) == "own"  # pyright: ignore[reportOptionalCall]
