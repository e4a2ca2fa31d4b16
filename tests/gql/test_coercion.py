from enum import Enum
from typing import Any, NewType

import pytest
import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from db.errors import BadInput, refuse
from gql.coercion import coerce_variables
from gql.documents import Document, read_document
from gql.execution import open_schema

SECRET = "hunter2-hunter2"


@strawberry.enum
class Kind(Enum):
    INT = "int"
    SECRET = "secret"


def parse_even(value: Any) -> int:
    if value % 2:
        refuse("an even number is expected", "inner")
    return value


Even = NewType("Even", int)


@strawberry.input
class FieldInput:
    key: str
    type: Kind
    required: bool = False
    default: JSON | None = strawberry.UNSET


@strawberry.input
class Input:
    name: str
    size: int | None = 3
    fields: list[FieldInput] | None = None
    even: Even | None = None


@strawberry.input(one_of=True)
class Choice:
    id: strawberry.Maybe[strawberry.ID]
    name: strawberry.Maybe[str]


@strawberry.type
class Query:
    @strawberry.field
    def take(
        self,
        input: Input | None = None,
        id: strawberry.ID | None = None,
        choice: Choice | None = None,
        even: JSON | None = None,
    ) -> int:
        return 1


CONFIG = StrawberryConfig(scalar_map={Even: strawberry.scalar(name="Even", parse_value=parse_even, serialize=int)})
SCHEMA = open_schema(strawberry.Schema(Query, config=CONFIG))


def read(text: str) -> Document:
    return read_document(SCHEMA, text)


def coerce(declared: str, **variables: Any) -> dict[str, Any]:
    uses = " ".join(f"{name}: ${name}" for name in ("input", "id", "choice") if f"${name}" in declared)
    document = read(f"query ({declared}) {{ take({uses}) }}")
    assert not document.errors
    return coerce_variables(document.select(None).variables, variables).coerced


def find_problems(declared: str, **variables: Any) -> list[dict[str, Any]]:
    with pytest.raises(BadInput) as caught:
        coerce(declared, **variables)
    assert SECRET not in str(caught.value) + repr(caught.value.extensions)
    return caught.value.extensions["problems"]


def test_coerces_and_leaves_out() -> None:
    """Values become what the resolvers take; fields left out stay left out, defaults fill in."""
    fields = [{"key": "a", "type": "INT"}]
    coerced = coerce("$input: Input, $id: ID = 7", input={"name": "n", "fields": fields})
    assert coerced["id"] == "7"
    assert coerced["input"]["size"] == 3
    assert coerced["input"]["fields"] == [{"key": "a", "type": Kind.INT, "required": False}]
    assert coerce("$input: Input, $id: ID") == {}
    assert coerce("$input: Input, $id: ID", id=None, input=None) == {"id": None, "input": None}


def test_a_single_value_is_a_list_of_one() -> None:
    """A list may be given as its only item, as GraphQL asks."""
    coerced = coerce("$input: Input", input={"name": "n", "fields": {"key": "a", "type": "INT"}})
    assert len(coerced["input"]["fields"]) == 1


def test_names_every_fault_by_its_path() -> None:
    """All problems are told, each beginning with the variable's name; no value is."""
    fields: list[Any] = [
        {"key": SECRET, "type": SECRET, "requird": True},
        {"type": "INT", "key": None},
        SECRET,
        {},
    ]
    assert find_problems("$input: Input!, $id: ID!", input={"size": "5", "fields": fields}) == [
        {"path": ["input", "name"], "message": "required"},
        {"path": ["input", "size"], "message": "expected Int"},
        {"path": ["input", "fields", 0, "type"], "message": "expected Kind!"},
        {"path": ["input", "fields", 0, "requird"], "message": "unknown field"},
        {"path": ["input", "fields", 1, "key"], "message": "expected String!"},
        {"path": ["input", "fields", 2], "message": "expected FieldInput!"},
        {"path": ["input", "fields", 3, "key"], "message": "required"},
        {"path": ["input", "fields", 3, "type"], "message": "required"},
        {"path": ["id"], "message": "required"},
    ]


@pytest.mark.parametrize("value", [None, [], {}, 1.5, True, {"a": SECRET}, [[SECRET]]])
def test_a_wrong_type_is_named(value: Any) -> None:
    """A value of a wrong type is answered with the type that is expected."""
    assert find_problems("$id: ID!", id=value) == [{"path": ["id"], "message": "expected ID!"}]


def test_one_field_of_a_choice() -> None:
    """A one-of input takes exactly one field."""
    assert coerce("$choice: Choice", choice={"name": "n"})["choice"] == {"name": "n"}
    for choice in ({}, {"id": "1", "name": "n"}, {"name": None}):
        assert find_problems("$choice: Choice", choice=choice)


def test_stops_at_a_hundred_problems() -> None:
    """However much is wrong, a hundred problems are told and no more looked for."""
    assert len(find_problems("$input: Input", input={"name": "n", "fields": [SECRET] * 1_000})) == 100


def test_lists_are_bounded() -> None:
    """Of a list that is longer than any rule allows no item is looked at."""
    found = find_problems("$input: Input", input={"name": "n", "fields": [SECRET] * 1_001})
    assert found == [{"path": ["input", "fields"], "message": "must have 1,000 items at most"}]


@pytest.mark.parametrize(
    ("literal", "problems"),
    [
        (
            '{name: 5, size: "%s"}',
            [(["input", "name"], "expected String!"), (["input", "size"], "expected Int")],
        ),
        ("{nam: 1}", [(["input", "name"], "required"), (["input", "nam"], "unknown field")]),
        ('"%s"', [(["input"], "expected Input")]),
        ('{name: "a", fields: [{key: "k", type: %s}]}', [(["input", "fields", 0, "type"], "expected Kind!")]),
        (
            '{name: null, fields: {key: "k"}}',
            [(["input", "name"], "expected String!"), (["input", "fields", "type"], "required")],
        ),
    ],
)
def test_literals_are_not_repeated(literal: str, problems: list[tuple[list[Any], str]]) -> None:
    """Wrong literals in the query text are told by their place, like variables."""
    literal = literal.replace("%s", SECRET.replace("-", "_"))
    [error] = read(f"{{ take(input: {literal}) }}").errors
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert [(p["path"], p["message"]) for p in error["extensions"]["problems"]] == problems
    assert "hunter2" not in repr(error)


def test_literals_that_fit() -> None:
    """Right literals pass, variables inside them too."""
    literal = '{name: $n, fields: [{key: "k", type: INT, default: {a: [1]}}]}'
    assert not read(f"query ($n: String!) {{ take(input: {literal}, id: 5) }}").errors
    assert not read("{ take(even: {a: 1}, input: null) }").errors


def test_a_scalar_of_ours_tells_its_own_problem() -> None:
    """What a scalar refuses in its own words is told under the scalar's path."""
    problems = find_problems("$input: Input", input={"name": "n", "even": 3})
    assert problems == [{"path": ["input", "even", "inner"], "message": "an even number is expected"}]
