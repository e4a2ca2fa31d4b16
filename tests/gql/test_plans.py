"""Plans answer exactly as graphql-core and Strawberry do: every document here is run by both and compared."""

import asyncio
import time
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult
from strawberry.permission import BasePermission

from gql.coercion import coerce_variables
from gql.documents import DocumentCache
from gql.execution import open_schema, run


@strawberry.enum
class Colour(Enum):
    RED = "r"
    BLUE = "b"


class Never(BasePermission):
    message = "never"
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012 - Strawberry's own way to say it

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


@strawberry.type
class Leaf:
    name: str
    maybe: str | None = None
    colour: Colour = Colour.RED
    colours: list[Colour | None] = strawberry.field(default_factory=lambda: [Colour.BLUE, None])

    @strawberry.field
    def shout(self) -> str:
        return self.name.upper()

    @strawberry.field
    async def slow(self, info: strawberry.Info, times: int = 2) -> str:
        await asyncio.sleep(0)
        return f"{self.name * times} {info.field_name} {info.path.key if info.path else ''} {info.context}"

    @strawberry.field
    def fails(self) -> str:
        raise ValueError("sync")

    @strawberry.field
    async def fails_later(self) -> str:
        await asyncio.sleep(0)
        raise ValueError("async")

    @strawberry.field
    def fails_at_once(self) -> str | None:
        raise ValueError("at once")

    @strawberry.field
    async def fails_quietly(self) -> str | None:
        raise ValueError("quiet")

    @strawberry.field
    def null(self) -> str:
        return None  # type: ignore[return-value]

    @strawberry.field(permission_classes=[Never])
    def guarded(self) -> str | None:
        return "never seen"

    @strawberry.field
    def parent(self) -> "Leaf":
        return Leaf(name=self.name + "'")


@strawberry.input
class Wanted:
    name: str = "input"
    colour: Colour | None = None


@strawberry.type
class Query:
    @strawberry.field
    def leaf(self, name: str = "a") -> Leaf:
        return Leaf(name=name)

    @strawberry.field
    async def maybe_leaf(self, name: str | None = None) -> Leaf | None:
        return None if name is None else Leaf(name=name)

    @strawberry.field
    async def leaves(self, count: int = 3) -> list[Leaf]:
        return [Leaf(name=str(number)) for number in range(count)]

    @strawberry.field
    def many(self) -> list[Leaf]:
        return [Leaf(name="one of many")] * 400

    @strawberry.field
    def some_leaves(self) -> list[Leaf | None] | None:
        return [Leaf(name="x"), None, Leaf(name="y")]

    @strawberry.field
    def broken_leaves(self) -> list[Leaf]:
        return [Leaf(name="x"), None]  # type: ignore[list-item]

    @strawberry.field
    def matrix(self) -> list[list[int]]:
        return [[1, 2], [], [3]]

    @strawberry.field
    def by_input(self, wanted: Wanted, colours: list[Colour] | None = None) -> str:
        return f"{wanted.name} {wanted.colour} {colours}"

    @strawberry.field
    def not_a_number(self) -> int:
        return "many"  # type: ignore[return-value]


SCHEMA = strawberry.Schema(query=Query)
CACHE = DocumentCache(open_schema(SCHEMA))

DOCUMENTS = [
    "{ leaf { name maybe colour colours shout __typename } __typename }",
    '{ a: leaf(name: "1") { n: name } b: leaf(name: "2") { n: name slow(times: 3) } }',
    "{ leaves { name slow parent { slow parent { name shout } } } }",
    '{ maybeLeaf { name } other: maybeLeaf(name: "z") { name maybe } }',
    "{ someLeaves { name slow } }",
    "{ leaf { fails } }",
    "{ leaf { failsLater name } }",
    "{ leaf { failsQuietly name } }",
    "{ leaf { null } }",
    "{ leaf { guarded name } }",
    '{ maybeLeaf(name: "z") { name fails } leaf { name } }',
    '{ maybeLeaf(name: "z") { name failsLater failsQuietly } leaf { name } }',
    "{ someLeaves { name failsQuietly parent { failsQuietly } } }",
    "{ someLeaves { name fails } leaf { name } }",
    "{ someLeaves { name failsLater failsQuietly } leaf { name } }",
    "{ leaves { name fails } }",
    "{ brokenLeaves { name } }",
    "{ matrix notANumber }",
    "{ matrix }",
    '{ byInput(wanted: {}) other: byInput(wanted: {name: "q", colour: BLUE}, colours: [RED]) }',
    "query ($n: String!, $w: Wanted!, $c: Int) { leaf(name: $n) { name slow(times: $c) } byInput(wanted: $w) }",
    'query ($n: String = "default") { leaf(name: $n) { name } }',
    "{ leaf { ...part ... on Leaf { maybe } parent { ...part } } } fragment part on Leaf { name shout }",
    "{ leaf { parent { name } parent { shout } name } leaf { colour } }",
    "{ leaf { name @include(if: false) shout @skip(if: false) } }",
    "query ($yes: Boolean!) { leaf { name @include(if: $yes) shout } }",
    "{ __schema { queryType { name } } leaf { name } }",
]

VARIABLES = {"n": "v", "w": {"name": "given", "colour": "RED"}, "c": 1, "yes": True}


def shown(result: ExecutionResult) -> tuple[Any, dict[str, set[str]]]:
    """The answer, and the errors by the null that each of them made."""
    errors: dict[str, set[str]] = {}
    for error in result.errors or []:
        told = str((error.message, error.path, error.locations, error.extensions))
        errors.setdefault(str(find_null(result.data, error.path or [])), set()).add(told)
    return result.data, errors


def find_null(data: Any, path: list[str | int]) -> list[str | int]:
    """The shortest beginning of a path that leads to null."""
    for length, step in enumerate(path):
        if data is None:
            return path[:length]
        data = data[step]
    return path


async def answer(text: str, *, planned: bool) -> tuple[Any, dict[str, set[str]]]:
    document = CACHE.open(text)
    assert not document.errors, document.errors
    operation = document.select(None)
    plan, operation.plan = operation.plan, operation.plan if planned else None
    names = [variable.signature.name for variable in operation.variables]
    given = {name: VARIABLES[name] for name in names}
    if "default" in text:
        given = {}
    variables = coerce_variables(operation.variables, given)
    try:
        return shown(await run(SCHEMA, document, operation, variables, "the context"))
    finally:
        operation.plan = plan


@pytest.mark.parametrize("text", DOCUMENTS)
async def test_a_plan_answers_as_the_executor_does(text: str) -> None:
    """Data, order of keys, errors, their paths, locations and extensions are those of graphql-core.

    Of several errors below one null, graphql-core tells those that came first, a plan only the one that made it.
    """
    data, errors = await answer(text, planned=True)
    their_data, their_errors = await answer(text, planned=False)
    assert str(data) == str(their_data), "the data, or the order of its keys"
    assert errors.keys() == their_errors.keys()
    assert all(told <= their_errors[null] for null, told in errors.items())


def test_what_is_planned_and_what_is_not() -> None:
    """Queries have plans; directives, introspection and mutations are left to graphql-core."""
    planned = {text: CACHE.open(text).select(None).plan is not None for text in DOCUMENTS}
    unplanned = [text for text, has_plan in planned.items() if not has_plan]
    assert unplanned == [text for text in DOCUMENTS if "@" in text or "__schema" in text]


async def test_refused_leaves_cost_what_they_are() -> None:
    """Twelve thousand leaves that each end in an error cost twelve thousand errors: not the square of it, which would
    be eight seconds."""
    many = f"{{ many {{ {' '.join(f'a{number}: failsAtOnce' for number in range(30))} }} }}"
    began = time.process_time()
    data, errors = await answer(many, planned=True)
    spent = time.process_time() - began
    assert len(data["many"]) * 30 == len(errors) == 12_000
    assert spent < 3


async def test_a_cancelled_request_ends() -> None:
    """A client that hangs up cancels what is under way: nothing goes on in the background."""
    before = asyncio.all_tasks()
    task = asyncio.create_task(answer("{ leaves { name slow } }", planned=True))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() <= before
