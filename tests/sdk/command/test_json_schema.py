"""JSON Schema as a config schema: what is a secret, wherever it is marked, and what type everything else has."""

import json
import time
from typing import Any

import pytest

from strongroom.api import ConfigFieldInput
from strongroom.command.failures import Failure
from strongroom.command.schemas import read_schemas

TEXT = {"type": "string"}
MARKED = {"type": "string", "airbyte_secret": True}


def read(**schema: Any) -> dict[str, ConfigFieldInput]:
    """The fields of a schema by key."""
    [found] = read_schemas(json.dumps({"title": "acme", **schema}))
    return {one.key: one for one in found.fields}


def read_one(property: Any, **schema: Any) -> ConfigFieldInput:
    """The field of one property."""
    return read(properties={"one": property}, **schema)["one"]


@pytest.mark.parametrize(
    "property",
    [
        MARKED,
        {"type": "string", "writeOnly": "yes"},
        {"type": "string", "format": "Password"},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"properties": {"b": MARKED}}}}},
        {"type": "array", "items": [TEXT, MARKED]},
        {"anyOf": [TEXT, {"allOf": [{"oneOf": [MARKED]}]}]},
        {"additionalProperties": MARKED},
        {"additionalItems": MARKED},
        {"unevaluatedProperties": MARKED},
        {"patternProperties": {"^x-": MARKED}},
        {"dependentSchemas": {"a": {"properties": {"b": MARKED}}}},
        {"dependencies": {"a": {"properties": {"b": MARKED}}}},
        {"if": {}, "then": {"properties": {"b": MARKED}}},
        {"not": MARKED},
        {"x-of-some-generator": {"variants": [MARKED]}},
        {"properties": {"default": MARKED}},
        {"properties": {"a": {"$ref": "#/$defs/loop"}, "b": {"$ref": "#/$defs/group/1"}}},
        {"$ref": "#/$defs/marked", "writeOnly": False},
        {"$ref": "#/$defs/holder", "properties": {"other": TEXT}},
        {"$ref": "#/$defs/with%20space~1slash"},
    ],
)
def test_a_mark_anywhere_makes_a_secret(property: Any) -> None:
    """However deep a mark is, beside or behind a reference, in a keyword of any draft or none: it is a secret."""
    definitions = {
        "marked": {"type": "string", "writeOnly": True},
        "holder": {"properties": {"secret": MARKED}},
        "loop": {"properties": {"again": {"$ref": "#/$defs/loop"}}},
        "group": [TEXT, MARKED],
        "with space/slash": MARKED,
    }
    assert read_one(property, **{"$defs": definitions}).type_.value == "SECRET"


@pytest.mark.parametrize(
    ("property", "kind"),
    [
        (True, "JSON"),
        ({}, "JSON"),
        ({"type": "number"}, "JSON"),
        ({"type": ["string", "integer"]}, "JSON"),
        ({"type": ["null", "integer"]}, "INT"),
        ({"type": "null"}, "JSON"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None}, "BOOL"),
        ({"allOf": [{"$ref": "#/$defs/text"}], "description": "d"}, "STRING"),
        ({"anyOf": [TEXT, {"type": "integer"}]}, "JSON"),
        ({"oneOf": [{"const": "a"}, {"enum": ["b", None]}]}, "STRING"),
        ({"enum": [1, 2]}, "INT"),
        ({"enum": [1, True]}, "JSON"),
        ({"const": True}, "BOOL"),
        # A key or a value of these names is no mark.
        ({"type": "object", "default": {"writeOnly": True}, "examples": [MARKED]}, "JSON"),
        ({"$ref": "#/$defs/loop"}, "JSON"),
        ({"type": "object", "properties": {"writeOnly": TEXT, "format": {"const": "password"}}}, "JSON"),
        ({"type": "string", "writeOnly": False, "airbyte_secret": False}, "STRING"),
    ],
)
def test_types(property: Any, kind: str) -> None:
    """A type is what it says, null aside, and so is a choice of one type; everything else is JSON."""
    definitions = {"text": TEXT, "loop": {"anyOf": [{"$ref": "#/$defs/loop"}, {"items": {"$ref": "#/$defs/loop"}}]}}
    assert read_one(property, **{"$defs": definitions}).type_.value == kind


def test_options() -> None:
    """What lists all its values has options, in a choice too; what lists some has none."""
    assert read_one({"oneOf": [{"const": "a"}, {"enum": ["b", "a", None]}, {"type": "null"}]}).options == ["a", "b"]
    assert read_one({"enum": [1, 2]}).options == ["1", "2"]
    assert read_one({"anyOf": [{"const": "a"}, TEXT]}).options is None
    assert read_one({"enum": [{"a": 1}]}).options is None


def test_an_object_in_several_parts() -> None:
    """What a reference, `allOf` and choices of the whole object add are fields too; what only may be the case is
    neither required nor a default, and all alternatives are options."""
    found = read(
        **{"$ref": "#/definitions/Config"},
        definitions={"Config": {"type": "object", "properties": {"host": TEXT, "pin": TEXT}, "required": ["host"]}},
        allOf=[{"properties": {"port": {"type": "integer", "default": 1}}, "required": ["port"]}],
        oneOf=[
            {"properties": {"by": {"const": "key", "default": "key"}, "key": MARKED}, "required": ["key"]},
            {"properties": {"by": {"const": "login"}, "pin": {"format": "password"}}, "required": ["pin"]},
        ],
    )
    told = {key: (one.type_.value, one.required, one.default, one.options) for key, one in found.items()}
    assert told == {
        "host": ("STRING", True, None, None),
        "pin": ("SECRET", False, None, None),
        "port": ("INT", True, 1, None),
        "by": ("STRING", False, None, ["key", "login"]),
        "key": ("SECRET", False, None, None),
    }


@pytest.mark.parametrize("reference", ["https://example.com/schema", "#anchor", "#/$defs/none", "#/$defs/text/type", 5])
def test_a_reference_that_leads_nowhere_is_refused(reference: Any) -> None:
    """What is not known may be a secret: it is refused by its key, as deep as it is."""
    property = {"type": "object", "properties": {"a": {"items": {"$ref": reference}}}}
    with pytest.raises(Failure) as refused:
        read_one(property, **{"$defs": {"text": TEXT}})
    assert any("acme.one: " in line and "leads nowhere" in line for line in refused.value.lines)
    with pytest.raises(Failure, match="the file is refused"):
        read(allOf=[{"$ref": reference}])


def test_what_refers_again_and_again_takes_no_time() -> None:
    """Each reference is followed once, however often it is there."""
    definitions: dict[str, Any] = {
        f"d{number}": {
            "allOf": [{"$ref": f"#/$defs/d{number + 1}"}],
            "properties": {key: {"$ref": f"#/$defs/d{number + 1}"} for key in "ab"},
        }
        for number in range(60)
    }
    began = time.monotonic()
    found = read(
        properties={"tree": {"$ref": "#/$defs/d0"}, "deep": {"$ref": "#/$defs/d0"}},
        **{"$defs": {**definitions, "d60": MARKED}},
    )
    assert {one.type_.value for one in found.values()} == {"SECRET"}
    assert time.monotonic() - began < 5
