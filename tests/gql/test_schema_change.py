"""Changing a config schema: its rows are migrated, dropped or brought back in the same transaction."""

import json
import uuid
from typing import Any

import pytest

from db.crypto.sealing import Place, Purpose

READ = (
    "query ($f: ConfigFilter) { configs(filter: $f, first: 200) { edges { node { id key type value sealed scope } } } }"
)


async def change(client: Any, world: Any, *fields: dict[str, Any]) -> dict[str, Any]:
    """Make these the whole schema; the payload."""
    given = {"id": world.integration, "configSchema": list(fields)}
    return (await client.run("UpdateIntegration", input=given))["updateIntegration"]


async def values(client: Any, world: Any) -> dict[str, Any]:
    """Every config of the integration: type, value and sealed by key and scope."""
    data = await client.run(READ, f={"integrationId": world.integration})
    nodes = [edge["node"] for edge in data["configs"]["edges"]]
    return {f"{n['key']}/{n['scope'][0]}": (n["type"], n["value"], n["sealed"]) for n in nodes}


async def resolved(client: Any, world: Any) -> dict[str, Any]:
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    return data["resolve"]["config"]


def counts(payload: dict[str, Any]) -> tuple[int, int, int]:
    return payload["migrated"], payload["dropped"], payload["restored"]


async def test_the_list_is_the_full_list(client: Any, world: Any) -> None:
    """`configSchema` is the full list, in its order; without it the schema stays."""
    await client.run("UpdateIntegration", input={"id": world.integration, "description": "d"})
    assert len(await values(client, world)) == 3
    payload = await change(
        client, world, {"key": "url", "type": "STRING"}, {"key": "new", "type": "INT", "required": True}
    )
    assert payload["integration"]["configSchema"] == [
        {"key": "url", "type": "STRING", "required": False},
        {"key": "new", "type": "INT", "required": True},
    ]
    assert counts(payload) == (0, 2, 0)
    assert counts(await change(client, world)) == (0, 1, 0)
    assert await values(client, world) == {}


async def test_an_unchanged_schema_touches_no_row(client: Any, world: Any, sql: Any) -> None:
    """The same list again, or one that changes no type and no key, migrates nothing."""
    before = await sql.fetch("SELECT id, xmin::text FROM configs ORDER BY id")
    fields = [
        {"key": "region", "type": "STRING", "options": ["eu"], "description": "where"},
        {"key": "url", "type": "STRING", "required": False, "default": "https://x"},
        {"key": "api_key", "type": "SECRET"},
        {"key": "port", "type": "INT", "required": True, "default": 1},
        {"key": "verify", "type": "BOOL"},
        {"key": "extra", "type": "JSON"},
    ]
    for _ in range(2):
        assert counts(await change(client, world, *fields)) == (0, 0, 0)
    assert await sql.fetch("SELECT id, xmin::text FROM configs ORDER BY id") == before
    stored = await sql.fetch("SELECT key, position FROM integration_config_schema ORDER BY position")
    assert [row["key"] for row in stored] == [field["key"] for field in fields]


@pytest.mark.parametrize(("wanted", "legacy"), [("SECRET", False), ("STRING", True), ("STRING", False)])
async def test_a_number_that_would_lose_digits_refuses_the_change(
    client: Any, world: Any, sql: Any, wanted: str, legacy: bool
) -> None:
    """A value of older software with more digits than can be sealed, or spelled, refuses the change by name."""
    await change(client, world, {"key": "extra", "type": "JSON"})
    await sql.execute(
        "INSERT INTO configs (id, integration_id, key, value, config_type, legacy, updated_by) "
        """VALUES (gen_random_uuid(), $1, 'extra', '{"value": [0.12345678901234567890123]}', 'json', $2, 'older')""",
        uuid.UUID(world.integration),
        legacy,
    )
    fields = [{"key": "extra", "type": wanted}]
    answer = await client.refused("UpdateIntegration", input={"id": world.integration, "configSchema": fields})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert "digits" in str(answer.problems)
    kept = await sql.fetchval("SELECT value::text FROM configs WHERE key = 'extra'")
    assert kept == '{"value": [0.12345678901234567890123]}'


CONVERSIONS = {
    "int to string": ("INT", 443, "STRING", "443"),
    "bool to string": ("BOOL", True, "STRING", "true"),
    "an object to string": ("JSON", {"a": 1}, "STRING", '{"a":1}'),
    "a JSON text to string": ("JSON", "a", "STRING", "a"),
    "string to int": ("STRING", "443", "INT", 443),
    "string to bool": ("STRING", "true", "BOOL", True),
    "string to an object": ("STRING", '{"a": 1}', "JSON", {"a": 1}),
    "string to a JSON text": ("STRING", "443", "JSON", "443"),
    "int to json": ("INT", 443, "JSON", 443),
    "json to int": ("JSON", 5, "INT", 5),
    "json to bool": ("JSON", False, "BOOL", False),
    "string to secret": ("STRING", "s3cret", "SECRET", "s3cret"),
    "int to secret": ("INT", 443, "SECRET", 443),
    "an object to secret": ("JSON", {"a": [1]}, "SECRET", {"a": [1]}),
    "secret to string": ("SECRET", "s3cret", "STRING", "s3cret"),
    "a secret int to string": ("SECRET", 443, "STRING", "443"),
    "secret to int": ("SECRET", "443", "INT", 443),
    "a secret object to json": ("SECRET", {"a": [1]}, "JSON", {"a": [1]}),
    "secret to bool": ("SECRET", "true", "BOOL", True),
}


async def test_a_changed_type_migrates_its_rows(client: Any, world: Any, sql: Any) -> None:
    """Changing a field's type is a migration of its rows, defaults and overrides: the payload counts `migrated`."""
    for number, (name, (before, value, after, wanted)) in enumerate(CONVERSIONS.items()):
        key = f"k{number}"
        await change(client, world, {"key": key, "type": before})
        config = {key: value}
        await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
        await client.run("UpdateMapping", input={"id": world.mapping, "config": config})
        payload = await change(client, world, {"key": key, "type": after})
        assert counts(payload) == (2, 0, 0), name
        assert json.dumps((await resolved(client, world))[key]) == json.dumps(wanted), name
        shown = ("SECRET", "[SECRET]", True) if after == "SECRET" else (after, wanted, False)
        assert set(map(repr, (await values(client, world)).values())) == {repr(shown)}, name
        wrong = "SELECT 1 FROM configs WHERE field_id IS NULL OR legacy OR config_type::text <> $1"
        assert await sql.fetch(wrong, after.lower()) == [], name


MISFITS = {
    "string to int": ("STRING", "not-a-number", "INT"),
    "string to bool": ("STRING", "yes", "BOOL"),
    "int to bool": ("INT", 1, "BOOL"),
    "bool to int": ("BOOL", True, "INT"),
    "json to int": ("JSON", {"a": 1}, "INT"),
    "secret to int": ("SECRET", "planted-secret", "INT"),
    "secret to bool": ("SECRET", {"planted": "secret"}, "BOOL"),
}


async def test_a_value_that_does_not_fit_refuses_the_change_by_name(client: Any, world: Any, sql: Any) -> None:
    """A value that does not fit refuses the change by name, all of them, without the value; nothing changes."""
    schema = [{"key": f"k{n}", "type": before} for n, (before, _, _) in enumerate(MISFITS.values())]
    config = {f"k{n}": value for n, (_, value, _) in enumerate(MISFITS.values())}
    await change(client, world, *schema)
    await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    await client.run("UpdateMapping", input={"id": world.mapping, "config": config})
    tables = "SELECT (SELECT json_agg(c ORDER BY id) FROM configs c)::text, (SELECT json_agg(f ORDER BY id)"
    tables += " FROM integration_config_schema f)::text, (SELECT count(*) FROM audit_log)"
    before = await sql.fetchrow(tables)
    wanted = [{"key": f"k{n}", "type": after} for n, (_, _, after) in enumerate(MISFITS.values())]
    answer = await client.refused("UpdateIntegration", input={"id": world.integration, "configSchema": wanted})
    assert answer.codes == ["BAD_USER_INPUT"]
    named = {(problem["path"][1], id) for problem in answer.problems for id in problem["message"].split()}
    ids = {(int(row["key"][1:]), str(row["id"])) for row in await sql.fetch("SELECT id, key FROM configs")}
    assert ids <= named
    assert len(answer.problems) == 2 * len(MISFITS)
    assert "planted" not in answer.text
    assert "not-a-number" not in answer.text
    assert await sql.fetchrow(tables) == before


async def test_a_secret_with_a_nul_does_not_fit_a_string(client: Any, world: Any, transact: Any, sql: Any) -> None:
    """A secret that PostgreSQL cannot hold as text refuses the change by name, like any other misfit."""
    row = await sql.fetchrow("SELECT id, integration_id FROM configs WHERE key = 'api_key'")
    place = Place(Purpose.CONFIG, None, row["integration_id"], "api_key")
    sealed = await transact(lambda t: seal(t, place, "a\0b"))
    await sql.execute("UPDATE configs SET sealed = $1 WHERE id = $2", sealed, row["id"])
    answer = await client.refused(
        "UpdateIntegration",
        input={"id": world.integration, "configSchema": [{"key": "api_key", "type": "STRING"}]},
    )
    assert answer.codes == ["BAD_USER_INPUT"]
    assert str(row["id"]) in answer.problems[0]["message"]


async def seal(transaction: Any, place: Any, value: str) -> bytes:
    return (await transaction.sealers([None]))[None].seal(place, value)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"key": "k", "type": "SECRET", "default": "x"}, ["default"]),
        ({"key": "k", "type": "SECRET", "options": ["x"]}, ["options"]),
        ({"key": "k", "type": "INT", "default": "x"}, ["default"]),
        ({"key": "k", "type": "INT", "default": True}, ["default"]),
        ({"key": "k", "type": "STRING", "options": ["a"], "default": "b"}, ["default"]),
        ({"key": "k", "type": "STRING", "options": []}, ["options"]),
        ({"key": "k", "type": "STRING", "options": ["a", "a"]}, ["options"]),
        ({"key": "", "type": "STRING"}, ["key"]),
        ({"key": "k" * 256, "type": "STRING"}, ["key"]),
        ({"key": "url", "type": "STRING"}, ["key"]),
        ({"key": "k", "type": "STRING", "description": "d" * 501}, ["description"]),
    ],
)
async def test_a_field_that_cannot_be(field: dict[str, Any], path: list[str], client: Any) -> None:
    """A SECRET field has neither default nor options; defaults fit their type and options; keys are unique names."""
    schema = [{"key": "url", "type": "STRING"}, field]
    answer = await client.refused("CreateIntegration", input={"name": "x", "configSchema": schema})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert [problem["path"] for problem in answer.problems] == [["configSchema", 1, *path]]


async def test_a_secret_may_be_given_empty_options_of_nothing(client: Any) -> None:
    """Null is no default and no options, for a SECRET too."""
    field = {"key": "k", "type": "SECRET", "default": None, "options": None}
    await client.run("CreateIntegration", input={"name": "x", "configSchema": [field]})
