"""The schema: generated and committed, described, sorted, and a superset of the contract."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    build_schema,
    lexicographic_sort_schema,
    parse,
    print_schema,
    specified_rules,
    validate,
)

from gql.__main__ import main
from gql.schema import SCHEMA_FILE

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def ours() -> GraphQLSchema:
    return build_schema(SCHEMA_FILE.read_text())


@pytest.fixture(scope="module")
def sketch() -> GraphQLSchema:
    return build_schema((DATA / "contract.graphql").read_text())


def own_types(schema: GraphQLSchema) -> dict[str, Any]:
    builtin = {"String", "Int", "Float", "Boolean", "ID"}
    return {name: type for name, type in schema.type_map.items() if not name.startswith("__") and name not in builtin}


def test_schema_graphql_is_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """schema.graphql is what the code generates; `python -m gql schema --check` says so."""
    assert main(["schema", "--check"]) == 0
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == SCHEMA_FILE.read_text()


def test_drift_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any difference between code and file fails the check in one line; `--write` ends the drift."""
    file = tmp_path / "schema.graphql"
    monkeypatch.setattr("gql.__main__.SCHEMA_FILE", file)
    for text in (None, "", SCHEMA_FILE.read_text().replace("Its key.", "A key.", 1), SCHEMA_FILE.read_text() + "\n"):
        if text is not None:
            file.write_text(text)
        assert main(["schema", "--check"]) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["schema", "--write"]) == 0
    assert main(["schema", "--check"]) == 0


def test_it_is_sorted(ours: GraphQLSchema) -> None:
    """Types, fields, arguments and enum values are in the order of the alphabet: a diff shows what changed."""
    assert SCHEMA_FILE.read_text() == print_schema(lexicographic_sort_schema(ours)) + "\n"


def test_everything_is_described(ours: GraphQLSchema) -> None:
    """Every type, field, argument and input field tells what it is, in a sentence."""
    bare: list[str] = []
    for name, type in own_types(ours).items():
        described = {name: type.description}
        if isinstance(type, GraphQLObjectType | GraphQLInputObjectType):
            for field_name, field in type.fields.items():
                described[f"{name}.{field_name}"] = field.description
                arguments = getattr(field, "args", {})
                described.update(
                    (f"{name}.{field_name}({argument})", arguments[argument].description) for argument in arguments
                )
        bare.extend(where for where, text in described.items() if not (text or "").strip())
    assert bare == []


def test_mutations_tell_which_permission_they_need(ours: GraphQLSchema) -> None:
    """The description of every operation names the permission that it needs."""
    for root in (ours.query_type, ours.mutation_type):
        assert root is not None
        for name, field in root.fields.items():
            assert re.search(r"[Nn]eeds ([a-z]+:[a-z]+|any permission)", field.description or ""), name


@pytest.mark.parametrize("number", range(len(parse((DATA / "operations.graphql").read_text()).definitions)))
def test_the_contracts_operations_are_valid(ours: GraphQLSchema, number: int) -> None:
    """Every operation that real callers send is valid, verbatim."""
    document = parse((DATA / "operations.graphql").read_text())
    rules = [rule for rule in specified_rules if rule.__name__ != "LoneAnonymousOperationRule"]
    one = DocumentNode(definitions=(document.definitions[number],))
    assert validate(ours, one, rules) == []


def lacks(ours: Any, sketch: Any, where: str) -> list[str]:
    """What `ours` lacks of a type of the sketch."""
    if type(ours) is not type(sketch):
        return [f"{where} is a {type(ours).__name__}"]
    if isinstance(sketch, GraphQLEnumType):
        return [f"{where}.{value}" for value in sketch.values if value not in ours.values]
    if not isinstance(sketch, GraphQLObjectType | GraphQLInputObjectType):
        return []
    found: list[str] = []
    for name, field in sketch.fields.items():
        here = f"{where}.{name}"
        mine = ours.fields.get(name)
        if mine is None:
            found.append(here)
            continue
        if str(mine.type) != str(field.type):
            found.append(f"{here}: {mine.type}, not {field.type}")
        if isinstance(sketch, GraphQLInputObjectType):
            found.extend(default_differs(mine, field, here))
        else:
            found.extend(argument_differs(mine.args, field.args, here))
    return found


def default_differs(ours: Any, sketch: Any, where: str) -> list[str]:
    mine, wanted = default_of(ours), default_of(sketch)
    # A default of null where the sketch has none is the same to a caller: leaving it out is null.
    same = mine == wanted or (mine is None and wanted is Undefined)
    return [] if same else [f"{where} = {mine!r}, not {wanted!r}"]


def default_of(argument: Any) -> Any:
    default = getattr(argument, "default", None)
    if default is None:
        return getattr(argument, "default_value", Undefined)
    value = getattr(default, "value", Undefined)
    literal = getattr(default, "literal", None)
    if literal is None:
        return value
    return None if literal.kind == "null_value" else getattr(literal, "value", Undefined)


def argument_differs(ours: Any, sketch: Any, where: str) -> list[str]:
    found: list[str] = []
    for name, argument in sketch.items():
        here = f"{where}({name})"
        if name not in ours:
            found.append(here)
        elif str(ours[name].type) != str(argument.type):
            found.append(f"{here}: {ours[name].type}, not {argument.type}")
        else:
            found.extend(default_differs(ours[name], argument, here))
    extra = [name for name in ours if name not in sketch]
    required = [name for name in extra if str(ours[name].type).endswith("!") and default_of(ours[name]) is Undefined]
    return found + [f"{where}({name}) is required" for name in required]


def test_the_contract_is_part_of_the_schema(ours: GraphQLSchema, sketch: GraphQLSchema) -> None:
    """Every type, field, argument, nullability, default and enum value of the contract is in the schema."""
    found: list[str] = []
    for name, wanted in own_types(sketch).items():
        mine = ours.type_map.get(name)
        found.extend([name] if mine is None else lacks(mine, wanted, name))
    assert found == []


def test_no_input_needs_more_than_the_contract_says(ours: GraphQLSchema, sketch: GraphQLSchema) -> None:
    """A caller that sends what the contract asks for is never told that something is missing."""
    for name, wanted in own_types(sketch).items():
        if isinstance(wanted, GraphQLInputObjectType):
            mine = ours.type_map[name]
            assert isinstance(mine, GraphQLInputObjectType)
            extra = [field for field in mine.fields if field not in wanted.fields]
            assert not [field for field in extra if str(mine.fields[field].type).endswith("!")]


def test_the_comparison_sees_differences(sketch: GraphQLSchema) -> None:
    """The comparison above is not blind: each kind of difference is found."""
    text = (DATA / "contract.graphql").read_text()
    for before, after, expected in (
        ("sealed: Boolean!", "sealed: Boolean", ["Config.sealed: Boolean, not Boolean!"]),
        (
            "first: Int = 20, after: String)",
            "first: Int = 21, after: String)",
            ["Config.history(first) = '21', not '20'"],
        ),
        ("type MappingEdge { cursor: String! ", "type MappingEdge { ", ["MappingEdge.cursor"]),
        ("{ GLOBAL ORGANIZATION }", "{ GLOBAL }", ["ConfigScope.ORGANIZATION"]),
        ("kind: BackfillKind = SEAL", "kind: BackfillKind", ["StartBackfillInput.kind = Undefined, not 'SEAL'"]),
        ("  config(id: ID!): Config", "  config(id: ID!, at: Int!): Config", ["Query.config(at) is required"]),
    ):
        assert before in text
        changed = build_schema(text.replace(before, after, 1))
        found: list[str] = []
        for name, wanted in own_types(sketch).items():
            found.extend(lacks(changed.type_map[name], wanted, name))
        assert found == expected
