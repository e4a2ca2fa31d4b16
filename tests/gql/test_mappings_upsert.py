"""upsertMappings: many at once, all or none."""

import uuid
from typing import Any

import pytest


async def upsert(client: Any, world: Any, *mappings: dict[str, Any]) -> dict[str, Any]:
    given = {"integrationId": world.integration, "mappings": list(mappings)}
    return (await client.run("UpsertMappings", input=given))["upsertMappings"]


def one(organization: str, **more: Any) -> dict[str, Any]:
    return {"organizationId": organization, "entityId": "1", **more}


async def resolved(client: Any, organization: str) -> dict[str, Any]:
    return (await client.run("Resolve", integration="halo-psa", organizationId=organization))["resolve"]


async def test_it_creates_and_updates(client: Any, world: Any) -> None:
    """Create or update many mappings at once: counted, and answered in the order they were given."""
    done = await upsert(
        client,
        world,
        one(world.other, entityName="B", config={"port": 1}),
        one(world.organization, config={"verify": True}),
    )
    assert (done["created"], done["updated"]) == (1, 1)
    assert done["mappings"][1]["id"] == world.mapping
    assert (await resolved(client, world.other))["config"]["port"] == 1
    assert (await resolved(client, world.organization))["config"] == {
        "url": "https://halo.example.com",
        "api_key": "the-default-key",
        "port": 8443,
        "verify": True,
    }
    again = await upsert(client, world, one(world.other, entityId="2"))
    assert (again["created"], again["updated"]) == (0, 1)
    told = await resolved(client, world.other)
    assert (told["entityId"], told["entityName"], told["config"]["port"]) == ("2", "B", 1)
    empty = await upsert(client, world)
    assert empty == {"created": 0, "updated": 0, "mappings": []}


@pytest.mark.parametrize(
    "bad",
    [
        {"config": {"port": "x"}},
        {"config": {"nope": 1}},
        {"config": []},
        {"entityId": ""},
        {"config": {"api_key": "[SECRET]"}},
    ],
)
async def test_all_or_none(bad: dict[str, Any], client: Any, world: Any, sql: Any) -> None:
    """One mapping with a fault refuses all of them: nothing is created, changed or sealed."""
    tables = ("integration_mappings", "configs", "config_history", "audit_log")
    before = [await sql.fetch(f"SELECT * FROM {table} ORDER BY id") for table in tables]
    mappings = [one(world.other, config={"port": 1}), one(world.organization) | bad]
    answer = await client.refused("UpsertMappings", input={"integrationId": world.integration, "mappings": mappings})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.problems[0]["path"][:2] == ["mappings", 1]
    assert [await sql.fetch(f"SELECT * FROM {table} ORDER BY id") for table in tables] == before


async def test_leftovers_of_new_mappings_go_to_the_history(client: Any, world: Any, write_legacy: Any) -> None:
    """Overrides left over from an earlier mapping do not count for one that upsertMappings makes."""
    place = {"integration": world.integration, "organization": world.other}
    await write_legacy("verify", True, **place)
    await write_legacy("port", 7, **place)
    await upsert(client, world, one(world.other, config={"port": 8}))
    assert (await resolved(client, world.other))["config"] == {
        "url": "https://halo.example.com",
        "api_key": "the-default-key",
        "port": 8,
    }


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_many_at_once(client: Any, world: Any, sql: Any, count: int) -> None:
    """Ten thousand mappings at once, each with a secret of its own and a plain override, and again with removals. A
    thousand go the same way, in as many statements (test_write_costs.py)."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    await sql.executemany(
        "INSERT INTO organizations (id, name, created_by) VALUES ($1, 'o', 'x')", [(id,) for id in ids]
    )
    mappings = [one(id, config={"api_key": f"k{n}", "port": n}) for n, id in enumerate(ids)]
    document = """
        mutation ($input: UpsertMappingsInput!) { upsertMappings(input: $input) { created updated } }
    """
    given = {"integrationId": world.integration, "mappings": mappings}
    data = await client.run(document, input=given)
    assert data["upsertMappings"] == {"created": count, "updated": 0}
    keys = "SELECT count(DISTINCT data_key_id) FROM configs WHERE organization_id IS NOT NULL"
    assert await sql.fetchval(keys) == count
    assert (await resolved(client, ids[-1]))["config"]["api_key"] == f"k{count - 1}"
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE sealed IS NULL AND config_type = 'secret'") == 0
    removal = [one(id, config={"api_key": None, "port": None}) for id in ids]
    data = await client.run(document, input={**given, "mappings": removal})
    assert data["upsertMappings"] == {"created": 0, "updated": count}
    assert await sql.fetchval("SELECT count(*) FROM config_history") == 2 * count
    assert (await resolved(client, ids[0]))["config"]["port"] == 443


async def test_too_many_are_refused(client: Any, world: Any) -> None:
    """More mappings than one request may carry are refused before anything is looked up."""
    mappings = [one(world.other) for _ in range(20_001)]
    answer = await client.refused("UpsertMappings", input={"integrationId": world.integration, "mappings": mappings})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert len(answer.problems) == 1
