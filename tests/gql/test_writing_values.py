"""What a write makes of values: coercion, options, unknown keys, the mask."""

import json
from typing import Any

import pytest

BIG = 2**63 - 1

KEPT = {
    "text": ("url", " x ", " x "),
    "text that looks like a number": ("url", "443", "443"),
    "an int": ("port", 5, 5),
    "an int as text": ("port", "5", 5),
    "a negative int as text": ("port", "-5", -5),
    "zero": ("port", 0, 0),
    "a whole float": ("port", 5.0, 5),
    "64 bits": ("port", BIG, BIG),
    "64 bits as text": ("port", str(-BIG - 1), -BIG - 1),
    "true": ("verify", True, True),
    "false": ("verify", False, False),
    "true as text": ("verify", "true", True),
    "False as text": ("verify", "False", False),
    "an object": ("extra", {"a": [1, None, True]}, {"a": [1, None, True]}),
    "the text of an object": ("extra", ' {"a": 1}', {"a": 1}),
    "the text of an array": ("extra", "[1, 2]", [1, 2]),
    "the text of a number stays text": ("extra", "5", "5"),
    "the text of a truth value stays text": ("extra", "true", "true"),
    "the text of a JSON string stays text": ("extra", '"a"', '"a"'),
    "broken JSON stays text": ("extra", "{a", "{a"),
    "JSON with a NUL stays text": ("extra", '{"a": "\\u0000"}', '{"a": "\\u0000"}'),
    "JSON with NaN stays text": ("extra", "[NaN]", "[NaN]"),
    "an empty object": ("extra", {}, {}),
    "a number in json": ("extra", 1.5, 1.5),
    "an option": ("region", "eu", "eu"),
}


KINDS = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}


async def test_a_value_is_stored_as_its_type(client: Any, world: Any, sql: Any) -> None:
    """Values fit their type as stored: text becomes a number, a truth value or a structure where that loses nothing."""
    for name, (key, given, kept) in KEPT.items():
        write = {"integrationId": world.integration, "config": {key: given}}
        data = await client.run("SetIntegrationConfig", input=write)
        (config,) = data["setIntegrationConfig"]["configs"]
        assert json.dumps(config["value"]) == json.dumps(kept), name
        held = "SELECT jsonb_typeof(value -> 'value') FROM configs WHERE key = $1 AND organization_id IS NULL"
        assert await sql.fetchval(held, key) == KINDS[type(kept)], name


REFUSED = {
    "true is no int": ("port", True),
    "a fraction is no int": ("port", 5.5),
    "text with a fraction is no int": ("port", "5.0"),
    "text with a zero before is no int": ("port", "05"),
    "text with a plus is no int": ("port", "+5"),
    "text with a space is no int": ("port", " 5"),
    "other digits are no int": ("port", "٥"),
    "an exponent is no int": ("port", "1e3"),
    "65 bits are no int": ("port", 2**63),
    "65 bits as text are no int": ("port", str(2**63)),
    "a list is no int": ("port", [5]),
    "1 is no bool": ("verify", 1),
    "yes is no bool": ("verify", "yes"),
    "TRUE is no bool": ("verify", "TRUE"),
    "an int is no string": ("url", 5),
    "true is no string": ("url", True),
    "an object is no string": ("url", {}),
    "no option": ("region", "EU"),
    "an unknown key": ("passwrd", "x"),
    "a key in another case": ("URL", "x"),
    "an unknown key, to remove": ("passwrd", None),
    "the mask": ("api_key", "[SECRET]"),
    "64 KiB and more": ("api_key", "x" * 64 * 1024),
}


@pytest.mark.parametrize("mutation", ["SetIntegrationConfig", "CreateMapping", "UpdateMapping", "UpsertMappings"])
async def test_what_does_not_fit_is_refused(mutation: str, client: Any, world: Any, sql: Any) -> None:
    """`true` is no int; "5.0" is refused, never kept as text; unknown keys and the text [SECRET] are refused."""
    before = await sql.fetch("SELECT id, version, xmin::text FROM configs ORDER BY id")
    for name, (key, value) in REFUSED.items():
        one = {"entityId": "1", "config": {key: value}}
        many = [{"organizationId": world.other, **one}]
        inputs = {
            "SetIntegrationConfig": {"integrationId": world.integration, "config": {key: value}},
            "CreateMapping": {"integrationId": world.integration, "organizationId": world.other, **one},
            "UpdateMapping": {"id": world.mapping, **one},
            "UpsertMappings": {"integrationId": world.integration, "mappings": many},
        }
        answer = await client.refused(mutation, input=inputs[mutation])
        assert answer.codes == ["BAD_USER_INPUT"], name
        assert [problem["path"][-2:] for problem in answer.problems] == [["config", key]], name
        assert "x" * 100 not in answer.text
    assert await sql.fetch("SELECT id, version, xmin::text FROM configs ORDER BY id") == before
    assert await sql.fetchval("SELECT count(*) FROM integration_mappings") == 1


async def test_every_problem_is_listed_and_nothing_is_written(client: Any, world: Any, sql: Any) -> None:
    """BAD_USER_INPUT lists all problems, not the first, and a write with one of them changes nothing."""
    config = {"url": 5, "port": True, "verify": False, "region": "mars", "passwrd": "x", "api_key": "[SECRET]"}
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    answer = await client.refused(
        "SetIntegrationConfig",
        input={
            "integrationId": world.integration,
            "config": config,
            "expectedVersions": {"url": -1, "port": "1"},
        },
    )
    found = {tuple(problem["path"]) for problem in answer.problems}
    assert found == {
        *(("config", key) for key in config if key != "verify"),
        ("expectedVersions", "url"),
        ("expectedVersions", "port"),
    }
    assert await sql.fetch("SELECT * FROM configs ORDER BY id") == before


async def test_problems_of_many_mappings_are_all_listed(client: Any, world: Any) -> None:
    """UpsertMappings lists every problem of every mapping, each with its place."""
    mappings = [
        {"organizationId": world.organization, "entityId": "", "config": {"port": "x"}},
        {"organizationId": world.other, "entityId": "1", "config": {"nope": 1}},
        {"organizationId": world.other, "entityId": "2"},
    ]
    answer = await client.refused("UpsertMappings", input={"integrationId": world.integration, "mappings": mappings})
    assert {tuple(problem["path"]) for problem in answer.problems} == {
        ("mappings", 0, "entityId"),
        ("mappings", 0, "config", "port"),
        ("mappings", 1, "config", "nope"),
        ("mappings", 2, "organizationId"),
    }


async def test_options_bind_writes_only(client: Any, world: Any, write_legacy: Any) -> None:
    """Options bind writes only: what is stored outside of them is shown and resolved as it is."""
    await write_legacy("region", "mars", integration=world.integration)
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["config"]["region"] == "mars"


ENDS = [0, False, 1.0, -(2**70), 1e300, {"a": {"b": [1, "ü\n"]}}, [], {}, "0", " ", "[SECRET] ", "ünï"]


async def test_a_secret_comes_back_as_it_went_in(client: Any, world: Any) -> None:
    """An int, an object, any JSON under a secret key comes back as it went in, and is masked everywhere else."""
    for value in ENDS:
        write = {"integrationId": world.integration, "config": {"api_key": value}}
        (config,) = (await client.run("SetIntegrationConfig", input=write))["setIntegrationConfig"]["configs"]
        assert (config["value"], config["sealed"], config["type"]) == ("[SECRET]", True, "SECRET")
        data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
        assert json.dumps(data["resolve"]["config"]["api_key"]) == json.dumps(value)
        data = await client.run("Reveal", id=config["id"])
        assert json.dumps(data["config"]["decryptedValue"]) == json.dumps(value)
