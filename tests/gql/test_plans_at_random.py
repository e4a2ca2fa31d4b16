"""Plans on the real schema: documents that chance makes, by every kind of caller, run by a plan and by graphql-core."""

import gc
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
)

from db.errors import StrongroomError
from gql.coercion import coerce_variables
from gql.context import Context
from gql.documents import DocumentCache, Operation
from gql.execution import open_schema, run
from gql.schema import schema
from tests.gql.test_plans import shown

CORE = open_schema(schema)
CALLERS = ("admin", "A", "B", "J", "reader", "resolver")
ROUNDS = 40


class Author:
    """Writes documents that are mostly valid, and the variables that go with them."""

    def __init__(self, chance: random.Random, estate: dict[str, str]) -> None:
        self._chance = chance
        self._ids = [value for name, value in estate.items() if not name.endswith("token")]
        self._estate = estate
        self._declared: list[str] = []
        self._fragments: list[str] = []
        self.variables: dict[str, Any] = {}

    def write(self) -> str:
        assert CORE.query_type is not None
        selection = self._select(CORE.query_type, 5)
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        return "\n".join([f"query Q{declared} {selection}", *self._fragments])

    def _select(self, parent: GraphQLObjectType, depth: int) -> str:
        fields = [*parent.fields.items()]
        chosen = self._chance.sample(fields, min(len(fields), self._chance.choice((1, 2, 2, 3, 4))))
        parts = [part for name, field in chosen if (part := self._ask(name, field, depth))]
        parts.extend(self._chance.sample(parts, min(len(parts), self._chance.choice((0, 0, 0, 1)))))
        if self._chance.random() < 0.3:
            parts.append("__typename")
        text = " ".join(parts or ["__typename"])
        kind = self._chance.random()
        if kind < 0.1:
            return f"{{ ... {{ {text} }} }}"
        if kind < 0.2:
            return f"{{ ... on {parent.name} {{ {text} }} {parts[0] if parts else ''} }}"
        if kind < 0.35:
            name = f"F{len(self._fragments)}"
            self._fragments.append("")
            self._fragments[int(name[1:])] = f"fragment {name} on {parent.name} {{ {text} }}"
            return f"{{ ...{name} }}"
        return f"{{ {text} }}"

    def _ask(self, name: str, field: GraphQLField, depth: int) -> str | None:
        kind: Any = get_named_type(field.type)
        if isinstance(kind, GraphQLObjectType) and depth == 0:
            return None
        given = [
            f"{arg}: {value}" for arg, at in field.args.items() if (value := self._argue(arg, at.type)) is not None
        ]
        arguments = f"({', '.join(given)})" if given else ""
        alias = f"a{self._chance.randrange(50)}: " if self._chance.random() < 0.15 else ""
        below = f" {self._select(kind, depth - 1)}" if isinstance(kind, GraphQLObjectType) else ""
        return f"{alias}{name}{arguments}{below}"

    def _argue(self, name: str, kind: Any) -> str | None:
        needed = isinstance(kind, GraphQLNonNull)
        if not needed and self._chance.random() < 0.5:
            return "null" if self._chance.random() < 0.2 else None
        value = self._make(name, kind)
        if self._chance.random() < 0.6:
            return _write(value)
        variable = f"v{len(self._declared)}"
        default = f" = {_write(self._make(name, kind))}" if not needed and self._chance.random() < 0.4 else ""
        self._declared.append(f"${variable}: {kind}{default}")
        if needed or self._chance.random() < 0.7:
            self.variables[variable] = _plain(value)
        elif self._chance.random() < 0.3:
            self.variables[variable] = None
        return f"${variable}"

    def _make(self, name: str, kind: Any) -> Any:
        bare = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(bare, GraphQLList):
            return [self._make(name, bare.of_type)]
        if isinstance(bare, GraphQLInputObjectType):
            keys = self._chance.sample([*bare.fields], min(2, len(bare.fields)))
            return {key: self._make(key, bare.fields[key].type) for key in keys}
        if isinstance(bare, GraphQLEnumType):
            return Name(self._chance.choice([*bare.values]))
        return self._make_leaf(name, bare.name)

    def _make_leaf(self, name: str, kind: str) -> Any:
        known = self._estate["A" if "rganization" in name else "I"] if name != "id" else None
        return self._chance.choice(
            {
                "Int": (1, 2, 3, 50, 0, 201),
                "Boolean": (True, False),
                "DateTime": ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00+02:00", "no time"),
                "ID": [known, known, *self._ids] if known else self._ids,
            }.get(kind, ("halo", "ninja", "config.write", "a", ""))
        )


class Name(str):
    """A member of an enum: in a document without quotes."""

    __slots__ = ()


def _write(value: Any) -> str:
    if isinstance(value, Name):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_write, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_write(inner)}' for key, inner in value.items())}}}"
    return json.dumps(value)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


async def answer(context: Context, document: Any, operation: Operation, variables: Any, *, planned: bool) -> Any:
    plan, operation.plan = operation.plan, operation.plan if planned else None
    try:
        data, errors = shown(await run(schema, document, operation, variables, context))
    finally:
        operation.plan = plan
    return data, errors


def _count_paths(told: set[str]) -> int:
    """How many places of the answer these errors are about."""
    return len({re.sub(r"^.*?(\[.*?\]).*$", r"\1", text.partition("', ")[2] or text) for text in told})


@pytest.fixture
def no_garbage_meanwhile() -> Iterator[None]:
    """What graphql-core has forgotten is told of where the test collects it, and in the middle of nothing else."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


# Where a field fails at once, graphql-core, which answers for comparison, forgets those beside it that it has begun.
@pytest.mark.usefixtures("no_garbage_meanwhile")
@pytest.mark.filterwarnings("ignore:coroutine '(Executor|GraphQLCoreConverter)[.]:RuntimeWarning")
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 9))])
async def test_a_plan_answers_as_the_executor_does(
    api: Any, estate: dict[str, str], seed: int, monkeypatch: Any
) -> None:
    """Whatever chance asks of the real schema, each kind of caller is answered by a plan as by graphql-core: the same
    data in the same order, and errors in the same places."""
    chance, seen = random.Random(seed), Counter[str]()
    cache = DocumentCache(CORE)
    monkeypatch.setattr(api.service.audit, "add", lambda *_: None)  # Else there would be more to read the second time.
    for _ in range(ROUNDS):
        author = Author(chance, estate)
        text = author.write()
        document = cache.open(text)
        if document.errors or ("decryptedValue" in text and "auditEvents" in text):
            seen["not valid"] += 1
            continue
        operation = document.select(None)
        assert operation.plan is not None
        try:
            variables = coerce_variables(operation.variables, author.variables)
            operation.check_weight(variables.coerced)
        except StrongroomError:
            seen["not valid"] += 1
            continue
        for caller in CALLERS:
            token = estate[f"{caller} token"]
            principal = await api.service.authenticator.sign_in(api.service.database, token, "test")
            both = [
                await answer(Context(api.service, principal), document, operation, variables, planned=planned)
                for planned in (True, False)
            ]
            gc.collect(1)
            (data, errors), (their_data, their_errors) = both
            assert str(data) == str(their_data), text
            assert errors.keys() == their_errors.keys(), text
            # Of several errors below one null each tells the one that was first: by its place, or by the clock.
            other = [null for null, told in errors.items() if not told <= their_errors[null]]
            assert all(_count_paths(errors[null] | their_errors[null]) > 1 for null in other), text
            seen["told by another of its errors"] += len(other)
            seen["answered" if data else "refused"] += 1
            seen["with errors"] += bool(errors)
    assert seen["answered"] > ROUNDS
    assert seen["with errors"] > ROUNDS
    assert seen["told by another of its errors"] < seen["with errors"] / 4
