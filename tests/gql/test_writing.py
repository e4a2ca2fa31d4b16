"""A write: what it removes, leaves, records, and does as one."""

import uuid
from typing import Any

import pytest


async def configs(client: Any, integration: str) -> dict[str, Any]:
    """An integration's configs by key and scope."""
    data = await client.run("ConfigList", filter={"integrationId": integration})
    nodes = [edge["node"] for edge in data["configs"]["edges"]]
    return {f"{node['key']}/{node['scope']}": node for node in nodes}


async def set_defaults(client: Any, world: Any, config: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    given = {"integrationId": world.integration, "config": config, **more}
    data = await client.run("SetIntegrationConfig", input=given)
    return data["setIntegrationConfig"]["configs"]


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize("key", ["url", "api_key"])
async def test_null_and_empty_remove_a_default(empty: str | None, key: str, client: Any, world: Any) -> None:
    """`null` or `""` removes a key; a key left out stays."""
    before = await configs(client, world.integration)
    assert await set_defaults(client, world, {key: empty}) == []
    after = await configs(client, world.integration)
    assert set(before) - set(after) == {f"{key}/GLOBAL"}
    assert all(after[name] == before[name] for name in after)


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize("mutation", ["UpdateMapping", "UpsertMappings"])
async def test_null_and_empty_remove_an_override(empty: str | None, mutation: str, client: Any, world: Any) -> None:
    """`null` or `""` removes an override, and the default counts again; a default is not touched by it."""
    one = {"entityId": "42", "config": {"port": empty, "url": None}}
    many = {
        "integrationId": world.integration,
        "mappings": [{"organizationId": world.organization, **one}],
    }
    await client.run(mutation, input=many if mutation == "UpsertMappings" else {"id": world.mapping, **one})
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["config"]["port"] == 443
    assert data["resolve"]["config"]["url"] == "https://halo.example.com"


async def test_what_is_removed_comes_back_with_the_next_version(client: Any, world: Any) -> None:
    """A removed key goes to the history; written again, its versions go on."""
    await set_defaults(client, world, {"url": None})
    (written,) = await set_defaults(client, world, {"url": "https://b.example.com"})
    data = await client.run("History", id=written["id"])
    assert data["config"]["version"] == 2
    assert [edge["node"]["value"] for edge in data["config"]["history"]["edges"]] == ["https://halo.example.com"]


async def test_configs_are_answered_in_the_order_they_were_given(client: Any, world: Any) -> None:
    """The payload has the configs written, in the order of their keys in `config`."""
    written = await set_defaults(client, world, {"verify": True, "url": "x", "port": 1, "api_key": "k"})
    assert [config["key"] for config in written] == ["verify", "url", "port", "api_key"]


async def test_every_write_of_ours_is_no_longer_legacy(client: Any, world: Any, write_legacy: Any, sql: Any) -> None:
    """Every write of ours sets legacy false, ties the row to its field, and clears its quarantine."""
    id = await write_legacy("verify", "maybe", integration=world.integration)
    await sql.execute(
        "INSERT INTO backfill_runs (id, kind, status, dry_run, started_by) VALUES ($1, 'seal', 'enqueued', false, 'x')",
        run := uuid.uuid4(),
    )
    await sql.execute("INSERT INTO quarantined_configs (config_id, run_id, reason) VALUES ($1, $2, 'r')", id, run)
    (written,) = await set_defaults(client, world, {"verify": True})
    assert written["id"] == id
    row = await sql.fetchrow("SELECT legacy, config_type, field_id IS NOT NULL, version FROM configs WHERE id = $1", id)
    assert tuple(row) == (False, "bool", True, 2)
    assert await sql.fetchval("SELECT count(*) FROM quarantined_configs") == 0


WRITES: dict[str, tuple[str, str]] = {
    "setIntegrationConfig": ("SetIntegrationConfig", "config.write"),
    "updateMapping": ("UpdateMapping", "mapping.update"),
    "upsertMappings": ("UpsertMappings", "mapping.upsert"),
    "deleteMapping": ("DeleteMapping", "mapping.delete"),
    "updateIntegration": ("UpdateIntegration", "integration.update"),
    "deleteConfig": ("DeleteConfig", "config.delete"),
}


async def inputs_of(client: Any, world: Any) -> dict[str, dict[str, Any]]:
    """One input for each mutation; each of them overwrites or deletes something."""
    port = (await configs(client, world.integration))["port/ORGANIZATION"]
    one = {"entityId": "new", "config": {"port": 1}}
    return {
        "setIntegrationConfig": {"integrationId": world.integration, "config": {"url": "x"}},
        "updateMapping": {"id": world.mapping, **one},
        "upsertMappings": {
            "integrationId": world.integration,
            "mappings": [{"organizationId": world.organization, **one}],
        },
        "deleteMapping": {"id": world.mapping},
        "updateIntegration": {"id": world.integration, "configSchema": [{"key": "url", "type": "STRING"}]},
        "deleteConfig": {"id": port["id"]},
    }


SNAPSHOT = """
SELECT (SELECT json_agg(c ORDER BY id) FROM configs c)::text, (SELECT json_agg(m) FROM integration_mappings m)::text,
    (SELECT json_agg(f ORDER BY id) FROM integration_config_schema f)::text,
    (SELECT json_agg(h ORDER BY id) FROM config_history h)::text, (SELECT count(*) FROM audit_log)
"""


@pytest.mark.parametrize("broken", ["config_history", "audit_log"])
@pytest.mark.parametrize("name", WRITES)
async def test_history_and_audit_are_written_in_the_same_transaction(
    name: str, broken: str, client: Any, world: Any, sql: Any
) -> None:
    """A write, its history and its audit record are one transaction: when one cannot be written, none is."""
    given = (await inputs_of(client, world))[name]
    before = await sql.fetchrow(SNAPSHOT)
    await sql.execute(f"ALTER TABLE {broken} ADD CONSTRAINT broken CHECK (false) NOT VALID")
    answer = await client.refused(WRITES[name][0], input=given)
    assert answer.codes == ["INTERNAL"]
    assert await sql.fetchrow(SNAPSHOT) == before
    await sql.execute(f"ALTER TABLE {broken} DROP CONSTRAINT broken")
    await client.run(WRITES[name][0], input=given)
    after = await sql.fetchrow(SNAPSHOT)
    assert all(one != other for one, other in zip(before[3:], after[3:], strict=True))


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_is_on_record_with_its_keys_and_no_value(name: str, client: Any, world: Any, sql: Any) -> None:
    """The audit log has who did what where, by key; never a value."""
    given = (await inputs_of(client, world))[name]
    await client.run(WRITES[name][0], input=given)
    row = await sql.fetchrow("SELECT * FROM audit_log ORDER BY at DESC LIMIT 1")
    assert (row["action"], row["actor"], str(row["integration_id"])) == (
        WRITES[name][1],
        "admin",
        world.integration,
    )
    keys = {"setIntegrationConfig": ["url"], "deleteMapping": [], "updateIntegration": None}
    assert row["keys"] == keys.get(name, ["port"])
    assert "8443" not in str(row)


async def test_the_author_of_a_version_is_told(api: Any, client: Any, world: Any) -> None:
    """Each version names the token that wrote it."""
    first = (await set_defaults(client, world, {"port": 1}))[0]
    other = api.client(await api.make_token("config:write", "config:read", name="ci"))
    await set_defaults(other, world, {"port": 2})
    data = await client.run("History", id=first["id"])
    node = data["config"]["history"]["edges"][0]["node"]
    assert (node["changedBy"], node["version"], node["value"]) == ("admin", 1, 1)
    assert (await configs(client, world.integration))["port/GLOBAL"]["updatedBy"] == "ci"


async def test_nothing_is_written_by_a_write_of_nothing(client: Any, world: Any) -> None:
    """An empty config changes nothing, and removing what is not there is no error."""
    before = await configs(client, world.integration)
    assert await set_defaults(client, world, {}) == []
    assert await set_defaults(client, world, {"verify": None, "extra": ""}) == []
    assert await configs(client, world.integration) == before


@pytest.mark.parametrize("config", ["text", 5, [], [["a", 1]], True])
async def test_a_config_is_an_object(config: Any, client: Any, world: Any) -> None:
    """What is no object of keys and values is refused."""
    answer = await client.refused("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.problems[0]["path"] == ["config"]


async def test_five_hundred_keys_are_the_most(client: Any, world: Any) -> None:
    """Maps over 500 keys are refused."""
    config = {f"k{number}": 1 for number in range(501)}
    answer = await client.refused("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    assert [problem["path"] for problem in answer.problems] == [["config"]]
