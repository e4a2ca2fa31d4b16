"""`strongroom integration`: schemas from files, what they would change, and what is asked about."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.command.failures import Failure
from strongroom.command.schemas import read_schemas

SCHEMAS = Path(__file__).resolve().parents[2] / "data" / "schemas"

JSON_SCHEMA = """
name: acme
description: Acme's API
connectionSpecification:
  type: object
  required: [host, token]
  definitions:
    hidden: {type: string, airbyte_secret: true}
    loop: {type: object, properties: {again: {$ref: "#/definitions/loop"}}}
  properties:
    last: {type: string, order: 9}
    host: {type: string, title: Host, order: 0, default: example.com}
    token: {type: string, writeOnly: true, order: 1}
    password: {type: [string, "null"], format: password, order: 2, default: planted}
    key: {$ref: "#/definitions/hidden", order: 3}
    login:
      oneOf: [{properties: {secret: {type: string, airbyte_secret: true}}}, {type: object}]
      order: 4
    port: {type: integer, minimum: 1, order: 5}
    debug: {type: boolean, order: 6}
    region: {enum: [eu, us, no], order: 7}
    since: {type: string, default: 2024-01-01, order: 7.5}
    ratio: {type: number, order: 8}
    tree: {$ref: "#/definitions/loop"}
    list: {type: array, items: {type: string}}
"""

TYPES = {
    "host": "STRING",
    "token": "SECRET",
    "password": "SECRET",
    "key": "SECRET",
    "login": "SECRET",
    "port": "INT",
    "debug": "BOOL",
    "region": "STRING",
    "since": "STRING",
    "ratio": "JSON",
    "last": "STRING",
    "tree": "JSON",
    "list": "JSON",
}


def fields(*entries: str, name: str = "acme") -> str:
    """A file with these fields, each as key:type."""
    return json.dumps(
        {"name": name, "fields": [dict(zip(("key", "type"), one.split(":"), strict=True)) for one in entries]}
    )


def test_json_schema(cli: Callable[..., Any]) -> None:
    """Types, required, defaults, options and order are those of the schema; all that is marked is a secret, within
    objects, choices and references too."""
    Path("acme.yaml").write_text(JSON_SCHEMA)
    told = cli("integration", "apply", "acme.yaml")
    assert "acme is new" in told.out
    assert "password: a secret has neither default nor options" in told.err
    assert "planted" not in told.out + told.err
    shown = json.loads(cli("integration", "show", "acme", "--json").out)
    assert {one["key"]: one["type"] for one in shown["configSchema"]} == TYPES
    assert [one["key"] for one in shown["configSchema"]] == list(TYPES)
    by_key = {one["key"]: one for one in shown["configSchema"]}
    assert [key for key, one in by_key.items() if one["required"]] == ["host", "token"]
    assert (by_key["host"]["default"], by_key["since"]["default"]) == ("example.com", "2024-01-01")
    assert by_key["region"]["options"] == ["eu", "us", "no"]
    assert by_key["host"]["description"] == "Host"
    assert shown["description"] == "Acme's API"
    assert cli("integration", "apply", "acme.yaml").out == "acme is as it should be\n"


def test_connectors(cli: Callable[..., Any]) -> None:
    """Real connectors' schemas are applied as they are, and twice changes nothing."""
    for file in SCHEMAS.glob("*.json"):
        check_connector(cli, file)


def test_what_the_service_reads_into_a_default_is_no_change(cli: Callable[..., Any]) -> None:
    """A default that the service spells in another way is the same the second time; one that differs is a change."""
    spelled = [("int", "5"), ("int", 0), ("bool", "true"), ("bool", False), ("json", "[1]"), ("json", {"b": 1, "a": 2})]
    given = [{"key": f"k{number}", "type": kind, "default": value} for number, (kind, value) in enumerate(spelled)]
    given.append({"key": "text", "type": "string", "default": "5"})
    cli("integration", "apply", "-", stdin=json.dumps({"name": "acme", "fields": given}))
    assert (
        "is as it should be"
        in cli("integration", "apply", "-", stdin=json.dumps({"name": "acme", "fields": given})).out
    )
    for number, value in ((1, None), (3, None), (1, False), (0, 6)):
        changed = [one | {"default": value} if index == number else one for index, one in enumerate(given)]
        told = cli("integration", "apply", "-", "--dry-run", stdin=json.dumps({"name": "acme", "fields": changed})).out
        assert f"k{number}: default" in told


def check_connector(cli: Callable[..., Any], file: Path) -> None:
    """Applies a schema twice."""
    name = file.stem
    assert json.loads(cli("integration", "apply", str(file), "--json").out)[0]["result"] == "created"
    assert json.loads(cli("integration", "apply", str(file), "--json").out)[0]["result"] == "unchanged"
    shown = json.loads(cli("integration", "show", name, "--json").out)
    wanted = json.loads(file.read_text())["config_schema"]
    assert [(one["key"], one["type"].lower()) for one in shown["configSchema"]] == [
        (one["key"], one["type"]) for one in wanted
    ]


def test_what_takes_values_away_is_asked_about(cli: Callable[..., Any]) -> None:
    """A field that goes, or changes its type, needs --yes; --dry-run changes nothing; the rest goes on by itself."""
    cli("integration", "apply", "-", stdin=fields("a:string", "b:string", "c:secret"))
    cli("config", "set", "a", "-i", "acme", stdin="value")
    cli("integration", "apply", "-", stdin=fields("a:string", "b:string", "c:secret", "d:int"))
    changed = fields("a:secret", "c:string", "d:int")
    planned = cli("integration", "apply", "-", "--dry-run", stdin=changed)
    assert planned.out.splitlines() == [
        "acme changes",
        "  - b (string): its values go to the history",
        "  ~ a: string becomes secret; its values are converted",
        "  ~ c: secret becomes string; its values are converted and are in the clear from then on",
    ]
    assert "--yes" in cli("integration", "apply", "-", stdin=changed, code=12).err
    for one in (("a:string", "c:secret", "d:int"), ("a:secret", "b:string", "c:secret", "d:int")):
        cli("integration", "apply", "-", stdin=fields(*one), code=12)
    before = json.loads(cli("integration", "show", "acme", "--json").out)
    assert [one["type"] for one in before["configSchema"]] == ["STRING", "STRING", "SECRET", "INT"]
    done = json.loads(cli("integration", "apply", "-", "--yes", "--json", stdin=changed).out)
    assert (done[0]["result"], done[0]["migrated"]) == ("updated", 1)
    assert cli("config", "get", "a", "-i", "acme").out == "[SECRET]\n"
    ordered = cli("integration", "apply", "-", stdin=fields("d:int", "c:string", "a:secret"))
    assert "the order of the fields" in ordered.out


def test_several_at_once(cli: Callable[..., Any]) -> None:
    """A file may hold several; one that the service refuses is named with the field, and what was applied stays."""
    good = json.loads(fields("a:string", name="one"))
    bad = {"name": "two", "fields": [{"key": "n", "type": "int", "default": "x"}]}
    refused = cli("integration", "apply", "-", stdin=json.dumps([good, bad]), code=6)
    assert "two was refused" in refused.err
    assert "configSchema.0.default" in refused.err
    assert [one["name"] for one in json.loads(cli("integration", "list", "--json").out)] == ["one"]
    cli("integration", "delete", "one", code=12)
    cli("integration", "delete", "one", "--yes")
    cli("integration", "show", "one", code=5)


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "no file of either kind": ("{a: [", "line 1"),
        "no name": ('{"fields": []}', "has no name"),
        "a list of texts": ('["x"]', "entry 1: is no integration"),
        "nothing in it": ("name: x", "neither fields nor properties"),
        "a type that is none": (fields("a:text"), "field 1 (a): its type"),
        "a field without a key": ('{"name": "x", "fields": [{}]}', "field 1: has no key"),
        "options that are none": ('{"name": "x", "fields": [{"key": "a", "type": "int", "options": 5}]}', "options"),
        "two of one name": (f"[{fields('a:int')}, {fields('a:int')}]", "acme: is there twice"),
        "a reference to nowhere": (
            '{"title": "x", "properties": {"a": {"$ref": "#/nope"}}}',
            "x.a: its schema is none",
        ),
        "required, but not there": ('{"title": "x", "properties": {}, "required": ["a"]}', "x.a: is required"),
        "a key twice": ("name: x\nname: y\n", "a key is there twice"),
        "a page of aliases": (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)),
            "too large",
        ),
        "a tag": ("name: !!python/object/apply:os.system [id]", "line 1"),
        "deep": ("[" * 5000, "nested"),
    }.values(),
)
def test_what_is_refused(text: str, why: str) -> None:
    """Files that are no schema are refused with the place and the reason, without asking the service."""
    with pytest.raises(Failure) as refused:
        read_schemas(text)
    assert why in "\n".join([refused.value.message, *refused.value.lines])
