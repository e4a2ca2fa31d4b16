"""Lists follow their rows all at once and answer as if each row had been followed by itself."""

from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult
from strawberry.dataloader import DataLoader

from gql.coercion import coerce_variables
from gql.documents import DocumentCache
from gql.execution import open_schema, run
from gql.plans.following import Follow, followed

Seen = list[list[int]]


def show_owner(number: int | None) -> "Owner | None":
    return None if number is None else Owner(number=number)


def find_loader(loaders: Any) -> Any:
    return loaders.owner


TO_OWNER: Follow[Any, int, int | None, Any] = Follow(lambda source: source.owner_id, find_loader, show_owner)
TO_BOSS: Follow[Any, int, int | None, Any] = Follow(lambda source: source.number * 10, find_loader, show_owner)


@strawberry.type
class Owner:
    number: int

    @strawberry.field
    def fails(self) -> str | None:
        raise ValueError("sync")

    @strawberry.field
    def fails_hard(self) -> str:
        raise ValueError("hard")

    @strawberry.field
    async def slow(self) -> str:
        return f"slow {self.number}"

    @strawberry.field
    @followed(TO_BOSS)
    async def boss(self, info: strawberry.Info) -> "Owner | None":
        return await TO_BOSS.load(self, info)


@strawberry.type
class Row:
    name: str
    owner_id: strawberry.Private[int | None]

    @strawberry.field
    @followed(TO_OWNER)
    async def owner(self, info: strawberry.Info) -> Owner | None:
        return await TO_OWNER.load(self, info)

    @strawberry.field
    @followed(TO_OWNER)
    async def keeper(self, info: strawberry.Info) -> Owner:
        return await TO_OWNER.load(self, info)  # type: ignore[return-value]

    @strawberry.field
    async def later(self) -> str | None:
        return None if self.owner_id is None else "later"


@strawberry.type
class Edge:
    node: Row


@strawberry.type
class Query:
    @strawberry.field
    async def rows(self, owners: list[int | None]) -> list[Row]:
        return [Row(name=str(place), owner_id=owner) for place, owner in enumerate(owners)]

    @strawberry.field
    def maybe_rows(self, owners: list[int | None]) -> list[Row | None]:
        return [None, *(Row(name=str(place), owner_id=owner) for place, owner in enumerate(owners))]

    @strawberry.field
    def edges(self, owners: list[int | None]) -> list[Edge]:
        return [Edge(node=Row(name=str(place), owner_id=owner)) for place, owner in enumerate(owners)]


SCHEMA = strawberry.Schema(query=Query)
CACHE = DocumentCache(open_schema(SCHEMA))

DOCUMENTS = [
    "{ rows(owners: [1, 2, 1, null, 2]) { name owner { number } } }",
    "{ edges(owners: [1, 2, 1]) { node { owner { number boss { number boss { number } } } keeper { number } } } }",
    "{ rows(owners: [1, 1]) { a: owner { number } b: owner { n: number } later } }",
    "{ rows(owners: [1, 2, 1]) { owner { number slow } later } }",
    "{ rows(owners: [1, 1]) { owner { number fails } } }",
    "{ rows(owners: [1, 1]) { owner { number failsHard } } }",
    "{ rows(owners: [1, 7, 1, 7]) { owner { number } name } }",
    "{ maybeRows(owners: [1, 7, null, 8]) { keeper { number } later } }",
    "{ rows(owners: [1, 7]) { keeper { number } } }",
    "{ rows(owners: [8]) { owner { number } } }",
    "{ maybeRows(owners: [1, 2]) { name keeper { boss { number fails } } } }",
    "{ rows(owners: []) { owner { number } } }",
]


def make_context(seen: Seen) -> Any:
    async def load(numbers: list[int]) -> list[Any]:
        seen.append(numbers)
        known: dict[int, Any] = {7: ValueError("seven"), 8: None}
        return [known.get(number, number) for number in numbers]

    return SimpleNamespace(loaders=SimpleNamespace(owner=DataLoader(load)))


def shown(result: ExecutionResult) -> tuple[str, set[str]]:
    errors = {str((error.message, error.path, error.locations)) for error in result.errors or []}
    return str(result.data), errors


async def answer(text: str, seen: Seen, *, planned: bool) -> tuple[str, set[str]]:
    document = CACHE.open(text)
    assert not document.errors, document.errors
    operation = document.select(None)
    plan, operation.plan = operation.plan, operation.plan if planned else None
    assert plan is not None
    try:
        variables = coerce_variables(operation.variables, {})
        return shown(await run(SCHEMA, document, operation, variables, make_context(seen)))
    finally:
        operation.plan = plan


@pytest.mark.parametrize("text", DOCUMENTS)
async def test_following_answers_as_the_executor_does(text: str) -> None:
    """Data, order of keys and errors with their paths are graphql-core's, whatever a loader gives or raises; of
    several errors that null the same thing, the one that made it null is told."""
    data, errors = await answer(text, [], planned=True)
    their_data, their_errors = await answer(text, [], planned=False)
    assert data == their_data
    assert errors <= their_errors
    assert bool(errors) == bool(their_errors)


async def test_each_thing_is_loaded_once_for_all_rows() -> None:
    """A list asks a loader once for each level of what it follows, and once for each key."""
    seen: Seen = []
    text = "{ rows(owners: [1, 2, 1, 2]) { owner { boss { number } } keeper { number } } }"
    _, errors = await answer(text, seen, planned=True)
    assert not errors
    assert seen == [[1, 2], [10, 20]]
