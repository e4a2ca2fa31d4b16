"""Dropping a field and adding it again: its values go to the history and return with it."""

from typing import Any

import pytest

URL = {"key": "url", "type": "STRING"}
PORT = {"key": "port", "type": "INT"}
KEY = {"key": "api_key", "type": "SECRET"}


async def change(client: Any, world: Any, *fields: dict[str, Any]) -> tuple[int, int, int]:
    """Make these the whole schema; how many rows it migrated, dropped and restored."""
    given = {"id": world.integration, "configSchema": list(fields)}
    done = (await client.run("UpdateIntegration", input=given))["updateIntegration"]
    return done["migrated"], done["dropped"], done["restored"]


async def resolved(client: Any, world: Any, organization: str | None = None) -> dict[str, Any]:
    data = await client.run("Resolve", integration="halo-psa", organizationId=organization or world.organization)
    return data["resolve"]["config"]


async def rows(sql: Any) -> dict[str, tuple[Any, ...]]:
    found = await sql.fetch(
        "SELECT key, organization_id IS NULL AS g, version, legacy, field_id IS NOT NULL AS f FROM configs"
    )
    return {f"{r['key']}/{'default' if r['g'] else 'override'}": (r["version"], r["legacy"], r["f"]) for r in found}


async def test_dropping_a_field_moves_its_values_to_the_history(client: Any, world: Any, sql: Any) -> None:
    """Dropping a field moves its values to history, counted as `dropped`; nothing is lost, secrets stay sealed."""
    assert await change(client, world, URL) == (0, 2, 0)
    assert set(await rows(sql)) == {"url/default"}
    kept = await sql.fetch("SELECT key, config_type, reason, sealed IS NULL AS plain FROM config_history ORDER BY key")
    assert [tuple(row) for row in kept] == [
        ("api_key", "secret", "field dropped from the schema", False),
        ("port", "int", "field dropped from the schema", True),
    ]
    assert await resolved(client, world) == {"url": "https://halo.example.com"}


async def test_values_return_with_their_field(client: Any, world: Any, sql: Any) -> None:
    """They return with it, as a new version, to the same place; the payload counts `restored`."""
    before = await resolved(client, world)
    assert await change(client, world, URL) == (0, 2, 0)
    assert await change(client, world, URL, PORT, KEY) == (0, 0, 2)
    assert await resolved(client, world) == before
    assert await rows(sql) == {
        "url/default": (1, False, True),
        "api_key/default": (2, False, True),
        "port/override": (2, False, True),
    }


async def test_they_return_once(client: Any, world: Any) -> None:
    """What came back and was deleted since does not come back a second time; what was changed since does."""
    await change(client, world, URL)
    assert await change(client, world, URL, PORT) == (0, 0, 1)
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": None}})
    assert await change(client, world, URL) == (0, 0, 0)
    assert await change(client, world, URL, PORT) == (0, 0, 0)
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": 7}})
    assert await change(client, world, URL) == (0, 1, 0)
    assert await change(client, world, URL, PORT) == (0, 0, 1)
    assert (await resolved(client, world))["port"] == 7


async def test_a_deleted_value_does_not_return(client: Any, world: Any) -> None:
    """Only what was dropped with the field returns with it, not what somebody had deleted before."""
    given = {"integrationId": world.integration, "config": {"api_key": None}}
    await client.run("SetIntegrationConfig", input=given)
    assert await change(client, world, URL) == (0, 1, 0)
    assert await change(client, world, URL, KEY, PORT) == (0, 0, 1)
    assert "api_key" not in await resolved(client, world)


@pytest.mark.parametrize("type", ["STRING", "JSON", "SECRET"])
async def test_values_return_under_another_type(type: str, client: Any, world: Any) -> None:
    """A field that comes back with another type brings its values back converted."""
    await change(client, world, URL)
    assert await change(client, world, URL, {"key": "port", "type": type}) == (0, 0, 1)
    assert (await resolved(client, world))["port"] == ("8443" if type == "STRING" else 8443)


async def test_a_returning_value_that_does_not_fit_refuses_the_change(client: Any, world: Any, sql: Any) -> None:
    """A returning value that does not fit refuses the change by name; it still returns with a type that it fits."""
    await change(client, world, URL)
    schema = [URL, {"key": "port", "type": "BOOL"}]
    answer = await client.refused("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert world.organization in answer.problems[0]["message"]
    assert "8443" not in answer.text
    assert await sql.fetchval("SELECT count(*) FROM integration_config_schema") == 1
    assert await change(client, world, URL, PORT) == (0, 0, 1)


async def test_values_of_a_deleted_mapping_never_return(client: Any, world: Any) -> None:
    """Values of a deleted mapping never return: not with the field, not with the next mapping, nor with both."""
    await change(client, world, URL)
    await client.run("DeleteMapping", input={"id": world.mapping})
    assert await change(client, world, URL, PORT) == (0, 0, 0)
    given = {"integrationId": world.integration, "organizationId": world.organization, "entityId": "43"}
    await client.run("CreateMapping", input=given)
    assert await resolved(client, world) == {"url": "https://halo.example.com"}


async def test_values_of_a_mapping_deleted_before_never_return(client: Any, world: Any) -> None:
    """Overrides that went with their mapping are no values of the field any more."""
    await client.run("DeleteMapping", input={"id": world.mapping})
    assert await change(client, world, URL) == (0, 1, 0)
    assert await change(client, world, URL, PORT) == (0, 0, 0)


@pytest.mark.parametrize("mutation", ["CreateMapping", "UpsertMappings"])
async def test_a_new_mapping_ends_what_would_return(mutation: str, client: Any, world: Any) -> None:
    """A mapping made after the drop is a new one: what an earlier one had does not return to it."""
    await change(client, world, URL)
    await client.run("DeleteMapping", input={"id": world.mapping})
    one = {"organizationId": world.organization, "entityId": "43"}
    many = {"integrationId": world.integration, "mappings": [one]}
    await client.run(
        mutation, input=many if mutation == "UpsertMappings" else {"integrationId": world.integration, **one}
    )
    assert await change(client, world, URL, PORT) == (0, 0, 0)


async def test_what_took_the_place_wins(client: Any, world: Any, write_legacy: Any) -> None:
    """A row that older software wrote meanwhile keeps its place: the value from the history does not overwrite it."""
    await change(client, world, URL)
    await write_legacy("port", "1", integration=world.integration, organization=world.organization)
    assert await change(client, world, URL, PORT) == (1, 0, 0)
    assert (await resolved(client, world))["port"] == 1


async def test_thousands_of_values_are_dropped(client: Any, world: Any, sql: Any) -> None:
    """Fields with more rows than a statement takes parameters are dropped whole."""
    await sql.execute(
        "INSERT INTO organizations (id, name, created_by)"
        " SELECT gen_random_uuid(), 'o', 'x' FROM generate_series(1, 66)"
    )
    await sql.execute(
        "INSERT INTO integration_config_schema (id, integration_id, key, type)"
        " SELECT gen_random_uuid(), $1, 'm' || n, 'string' FROM generate_series(1, 490) n",
        world.integration,
    )
    await sql.execute(
        "INSERT INTO configs (id, integration_id, organization_id, key, value, updated_by, legacy, field_id)"
        " SELECT gen_random_uuid(), f.integration_id, o.id, f.key, '{\"value\": \"x\"}', 'x', false, f.id"
        " FROM organizations o, integration_config_schema f WHERE f.key LIKE 'm%'"
    )
    count = await sql.fetchval("SELECT count(*) FROM configs WHERE key LIKE 'm%'")
    assert count > 32_767
    assert await change(client, world, URL, PORT, KEY) == (0, count, 0)
    assert await sql.fetchval("SELECT count(*) FROM config_history WHERE returns") == count
