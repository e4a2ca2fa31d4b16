"""Bodies that are full: however much one holds, it is refused in a moment, and its refusal is short."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_required_input_field,
)

from gql.execution import open_schema
from gql.schema import schema

MANY = 60_000
SECONDS = 1.0
"""Reading a body of megabytes takes some of it; making objects of its items took seven times as much."""
SHORT = 4_000_000

OPERATIONS = open_schema(schema)


def fill(kind: Any, *, full: bool) -> Any:
    """A value of an input type; a full one has a list of many in the place of each list."""
    bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(bare, GraphQLList):
        return [fill(bare.of_type, full=False)] * (MANY if full else 1)
    if isinstance(bare, GraphQLInputObjectType):
        needed = {name: field for name, field in bare.fields.items() if is_required_input_field(field)}
        return {name: fill(field.type, full=False) for name, field in needed.items()}
    if isinstance(bare, GraphQLScalarType):
        return {"Int": 1, "Boolean": True, "JSON": {}, "ID": "x"}.get(bare.name, "x")
    return next(iter(bare.values))


def list_places() -> Iterator[tuple[str, str, str, Any]]:
    """Every list in an input: the operation, its argument and the argument's type, and a value with the list full."""
    roots: dict[str, Any] = {"query": OPERATIONS.query_type, "mutation": OPERATIONS.mutation_type}
    for word, root in roots.items():
        for name, field in root.fields.items():
            for given, argument in field.args.items():
                inner: Any = get_named_type(argument.type)
                for key, at in inner.fields.items() if isinstance(inner, GraphQLInputObjectType) else ():
                    if is_list_type(get_nullable_type(at.type)):
                        value = fill(argument.type, full=False) | {key: fill(at.type, full=True)}
                        yield f"{word} {name} {key}", given, str(argument.type), value


PLACES = {name: (given, kind, value) for name, given, kind, value in list_places()}


def test_every_list_is_here() -> None:
    """The lists that are known to be long ones are among those that are filled below."""
    operations = {place.split()[1] for place in PLACES}
    assert {"createToken", "createIntegration", "updateIntegration", "setConfigs", "upsertMappings"} <= operations


@pytest.mark.parametrize("place", PLACES)
async def test_a_full_list(client: Any, unmeasured: None, place: str) -> None:
    """Tens of thousands of items in the place of any list cost no more than to read them, and little is said."""
    given, kind, value = PLACES[place]
    word, operation, _ = place.split()
    query = f"{word} ($v: {kind}) {{ {operation}({given}: $v) {{ __typename }} }}"
    began = time.process_time()
    answer = await client.send(query, v=value)
    assert time.process_time() - began < SECONDS
    assert answer.codes == ["BAD_USER_INPUT"]
    assert len(answer.text) < SHORT


LIMITS: dict[str, list[str]] = {
    "permissions": ["x"] * 10_000,
    "organizationIds": [str(uuid.UUID(int=number)) for number in range(10_001)],
    "integrations": [str(number) for number in range(10_001)],
}


@pytest.mark.parametrize("name", LIMITS)
async def test_what_a_token_may_be_limited_to(client: Any, name: str) -> None:
    """A token names a hundred permissions and ten thousand organizations or integrations at most: one fault says so."""
    given = {"name": "x", "permissions": ["*"], name: LIMITS[name]}
    answer = await client.refused("CreateToken", input=given)
    assert [problem["path"] for problem in answer.problems] == [[name]]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("query ($t: String) { configs(filter: {keyContains: $t}) { totalCount } }", ["filter", "keyContains"]),
        ("query ($t: String) { organizations(nameContains: $t) { totalCount } }", ["nameContains"]),
    ],
)
async def test_texts_to_look_for_are_short(client: Any, query: str, path: list[str]) -> None:
    """A text that is longer than any key or name is refused: PostgreSQL would look for it in every row, for seconds."""
    assert (await client.run(query, t="%_\\" * 85)) is not None
    answer = await client.refused(query, t="%_\\" * 86)
    assert [problem["path"] for problem in answer.problems] == [path]


FULL: dict[str, Callable[[int], str]] = {
    "objects": lambda room: "{}," * (room // 3),
    "lists": lambda room: "[]," * (room // 3),
    "deep lists": lambda room: ("[" * 90 + "]" * 90 + ",") * (room // 181),
    "objects of one key": lambda room: '{"a":1},' * (room // 8),
    "strings that do not end": lambda room: '\\"[' * (room // 3),
}


@pytest.mark.parametrize("name", FULL)
async def test_a_full_body(client: Any, unmeasured: None, name: str) -> None:
    """Eight megabytes of the smallest things that JSON has are refused before they are made."""
    body = b'{"query": "{ __typename }", "variables": {"v": [' + FULL[name](8 * 2**20 - 100).encode() + b"1]}}"
    began = time.process_time()
    answer = await client.post(body)
    assert time.process_time() - began < SECONDS
    assert (answer.status, answer.codes) == (400, ["BAD_USER_INPUT"])
