"""Mappings: created, changed, deleted; their overrides belong to them and go with them."""

import uuid
from typing import Any

import pytest


def new(world: Any, **more: Any) -> dict[str, Any]:
    return {"integrationId": world.integration, "organizationId": world.other, "entityId": "7", **more}


async def create(client: Any, **given: Any) -> dict[str, Any]:
    return (await client.run("CreateMapping", input=given))["createMapping"]["mapping"]


async def resolved(client: Any, organization: str) -> dict[str, Any]:
    return (await client.run("ResolveExplained", integration="halo-psa", organizationId=organization))["resolve"]


async def test_a_mapping_has_its_own_overrides_and_what_is_missing(client: Any, world: Any) -> None:
    """A mapping shows the organization's own overrides, no defaults, masked, and the required keys nothing fills."""
    given = {"integrationId": world.integration, "config": {"url": None}}
    await client.run("SetIntegrationConfig", input=given)
    made = await create(client, **new(world, config={"api_key": {"a": 1}, "verify": "true", "port": None}))
    assert made["missing"] == ["url"]
    shown = [(o["key"], o["type"], o["value"], o["sealed"]) for o in made["overrides"]]
    assert shown == [("api_key", "SECRET", "[SECRET]", True), ("verify", "BOOL", True, False)]
    assert (await resolved(client, world.other))["config"] == {
        "api_key": {"a": 1},
        "verify": True,
        "port": 443,
    }


@pytest.mark.parametrize("organization", [True, False])
async def test_a_second_mapping_is_a_conflict(organization: bool, client: Any, world: Any, sql: Any) -> None:
    """A second mapping for the same organization, or a second fallback, is CONFLICT and changes nothing."""
    given = new(world) if organization else new(world, organizationId=None)
    await create(client, **given)
    before = await sql.fetch("SELECT * FROM integration_mappings ORDER BY id")
    config = {"config": {"port": 1}} if organization else {}
    answer = await client.refused("CreateMapping", input={**given, "entityId": "8", **config})
    assert answer.codes == ["CONFLICT"]
    assert await sql.fetch("SELECT * FROM integration_mappings ORDER BY id") == before
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE key = 'port'") == 1


@pytest.mark.parametrize("config", [{}, {"port": 1}, {"nope": 1}, {"port": None}])
async def test_a_fallback_has_no_config(config: dict[str, Any], client: Any, world: Any, sql: Any) -> None:
    """`config` on a fallback mapping is BAD_USER_INPUT, when it is made and later."""
    answer = await client.refused("CreateMapping", input=new(world, organizationId=None, config=config))
    assert answer.codes == ["BAD_USER_INPUT"]
    assert ["config"] in [problem["path"] for problem in answer.problems]
    fallback = await create(client, **new(world, organizationId=None))
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    answer = await client.refused("UpdateMapping", input={"id": fallback["id"], "config": config})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert await sql.fetch("SELECT * FROM configs ORDER BY id") == before


async def test_create_mapping_moves_leftovers_to_the_history_first(
    client: Any, world: Any, write_legacy: Any, sql: Any
) -> None:
    """`createMapping` moves overrides left over from before to history first; they count no more."""
    place = {"integration": world.integration, "organization": world.other}
    await write_legacy("url", "https://left.example.com", **place)
    await write_legacy("api_key", "left-plaintext", type="string", **place)
    made = await create(client, **new(world, config={"url": "https://new.example.com"}))
    assert [(o["key"], o["value"]) for o in made["overrides"]] == [("url", "https://new.example.com")]
    assert (await resolved(client, world.other))["config"]["api_key"] == "the-default-key"
    rows = await sql.fetch("SELECT key, version, reason, sealed IS NOT NULL AS s FROM config_history ORDER BY key")
    reason = "left over from an earlier mapping"
    assert [tuple(row) for row in rows] == [("api_key", 1, reason, True), ("url", 1, reason, False)]
    assert "left-plaintext" not in str(await sql.fetch("SELECT value FROM config_history"))
    data = await client.run("History", id=made["overrides"][0]["id"])
    assert data["config"]["version"] == 2


async def test_a_deleted_mapping_takes_its_overrides_into_the_history(client: Any, world: Any, sql: Any) -> None:
    """Deleting a mapping: its overrides go with it, into history, and do not come back with the next mapping."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": "own"}})
    done = await client.run("DeleteMapping", input={"id": world.mapping})
    assert done["deleteMapping"]["id"] == world.mapping
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE organization_id IS NOT NULL") == 0
    kept = await sql.fetch("SELECT key FROM config_history WHERE reason = 'mapping deleted' ORDER BY key")
    assert [row["key"] for row in kept] == ["api_key", "port"]
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert answer.codes == ["NOT_FOUND"]
    await create(client, **new(world, organizationId=world.organization))
    config = (await resolved(client, world.organization))["config"]
    assert config == {"url": "https://halo.example.com", "api_key": "the-default-key", "port": 443}


async def test_a_deleted_mapping_leaves_others_alone(client: Any, world: Any) -> None:
    """Defaults, other organizations' overrides and standalone configs stay when a mapping is deleted."""
    await create(client, **new(world, config={"port": 7}))
    given = {"organizationId": world.organization, "key": "port", "type": "INT", "value": 9}
    await client.run("SetConfig", input=given)
    await client.run("DeleteMapping", input={"id": world.mapping})
    assert (await resolved(client, world.other))["config"]["port"] == 7
    data = await client.run("ConfigList", filter={"keyContains": "port"})
    assert sorted(edge["node"]["value"] for edge in data["configs"]["edges"]) == [7, 9]


async def test_a_deleted_fallback_leaves_the_defaults(client: Any, world: Any, sql: Any) -> None:
    """Deleting the fallback mapping deletes no value."""
    fallback = await create(client, **new(world, organizationId=None))
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    await client.run("DeleteMapping", input={"id": fallback["id"]})
    assert await sql.fetch("SELECT * FROM configs ORDER BY id") == before


async def test_an_update_changes_what_is_given(client: Any, world: Any) -> None:
    """What is left out of updateMapping stays; entityName null clears it; entityId cannot be null or empty."""
    read = "query ($id: ID!) { mapping(id: $id) { entityId entityName } }"
    steps = [
        ({"entityName": "Northwind"}, ("42", "Northwind")),
        ({"entityId": "43"}, ("43", "Northwind")),
        ({"config": {"port": 1}}, ("43", "Northwind")),
        ({"entityName": None}, ("43", None)),
    ]
    for given, wanted in steps:
        await client.run("UpdateMapping", input={"id": world.mapping, **given})
        shown = (await client.run(read, id=world.mapping))["mapping"]
        assert (shown["entityId"], shown["entityName"]) == wanted
    for bad in (None, "", " ", "x" * 256):
        answer = await client.refused("UpdateMapping", input={"id": world.mapping, "entityId": bad})
        assert [problem["path"] for problem in answer.problems] == [["entityId"]]


async def test_what_is_not_there_is_not_found(client: Any, world: Any, sql: Any) -> None:
    """An unknown integration, organization or mapping is NOT_FOUND, and nothing is written."""
    nobody = str(uuid.uuid4())
    before = await sql.fetchval("SELECT count(*) FROM integration_mappings")
    calls = [
        ("CreateMapping", new(world, integrationId=nobody)),
        ("CreateMapping", new(world, organizationId=nobody)),
        ("UpdateMapping", {"id": nobody, "entityId": "1"}),
        ("DeleteMapping", {"id": nobody}),
        ("UpsertMappings", {"integrationId": nobody, "mappings": []}),
        (
            "UpsertMappings",
            {
                "integrationId": world.integration,
                "mappings": [
                    {"organizationId": world.other, "entityId": "1"},
                    {"organizationId": nobody, "entityId": "1"},
                ],
            },
        ),
    ]
    for query, given in calls:
        assert (await client.refused(query, input=given)).codes == ["NOT_FOUND"], query
    assert await sql.fetchval("SELECT count(*) FROM integration_mappings") == before


async def test_mappings_are_listed_by_integration_and_organization(client: Any, world: Any) -> None:
    """`mappings` lists those of an integration, an organization, or both, page by page."""
    made = await create(client, **new(world))
    for given, wanted in (
        ({}, {world.mapping, made["id"]}),
        ({"integrationId": world.integration}, {world.mapping, made["id"]}),
        ({"organizationId": world.other}, {made["id"]}),
        ({"organizationId": world.other, "integrationId": world.integration}, {made["id"]}),
    ):
        page = (await client.run("Mappings", **given))["mappings"]
        assert page["totalCount"] == len(wanted)
        assert {edge["node"]["id"] for edge in page["edges"]} == wanted
    first = (await client.run("Mappings", first=1))["mappings"]
    assert first["pageInfo"]["hasNextPage"]
    last = (await client.run("Mappings", first=1, after=first["pageInfo"]["endCursor"]))["mappings"]
    assert not last["pageInfo"]["hasNextPage"]
    assert first["edges"][0]["node"]["id"] != last["edges"][0]["node"]["id"]


async def test_missing_is_what_resolve_says(client: Any, world: Any, write_legacy: Any) -> None:
    """A mapping's `missing` and that of `resolve` are the same, legacy empty and unfit values included."""
    schema = [
        {"key": "a", "type": "INT", "required": True},
        {"key": "b", "type": "INT", "required": True, "default": 1},
        {"key": "c", "type": "INT", "required": True, "default": 1},
        {"key": "d", "type": "SECRET", "required": True},
        {"key": "e", "type": "STRING", "required": True},
        {"key": "f", "type": "STRING"},
    ]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    await write_legacy("a", "many", integration=world.integration, organization=world.organization)
    await write_legacy("a", 5, integration=world.integration)
    await write_legacy("c", "many", integration=world.integration)
    await write_legacy("d", "", integration=world.integration)
    await write_legacy("e", None, integration=world.integration, organization=world.organization)
    await write_legacy("e", "text", integration=world.integration)
    told = await resolved(client, world.organization)
    page = await client.run("Mappings", organizationId=world.organization)
    assert page["mappings"]["edges"][0]["node"]["missing"] == told["missing"] == ["a", "c", "d"]
    assert told["unfit"] == ["a", "c"]
