"""expectedVersion and expectedVersions: no write over somebody else's newer one."""

from typing import Any

import pytest


async def test_expected_versions_let_a_write_through(client: Any, world: Any) -> None:
    """A write that knows the current versions goes through, key by key; 0 is: not there yet."""
    for expected in ({"url": 1, "verify": 0}, {"url": 2, "verify": 1, "api_key": 1}):
        data = await client.run(
            "SetIntegrationConfig",
            input={
                "integrationId": world.integration,
                "config": {"url": "x", "verify": True},
                "expectedVersions": expected,
            },
        )
    assert [config["key"] for config in data["setIntegrationConfig"]["configs"]] == ["url", "verify"]


CONFLICTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "older": ({"url": 0}, {"url": 1}),
    "newer": ({"url": 2}, {"url": 1}),
    "not there": ({"verify": 1}, {"verify": None}),
    "a key that is not written": ({"api_key": 7}, {"api_key": 1}),
    "two": ({"url": 3, "verify": 3, "api_key": 1}, {"url": 1, "verify": None}),
}


@pytest.mark.parametrize("removes", [False, True])
async def test_a_conflict_tells_the_current_versions(removes: bool, client: Any, world: Any, sql: Any) -> None:
    """`expectedVersions` refuse a write over somebody else's newer one with CONFLICT and the current version."""
    before = await sql.fetch("SELECT id, version, xmin::text FROM configs ORDER BY id")
    for name, (expected, current) in CONFLICTS.items():
        config = {"url": None, "verify": None} if removes else {"url": "x", "verify": True}
        answer = await client.refused(
            "SetIntegrationConfig",
            input={"integrationId": world.integration, "config": config, "expectedVersions": expected},
        )
        assert answer.codes == ["CONFLICT"], name
        extensions = answer.errors[0]["extensions"]
        assert extensions["currentVersions"] == current, name
        assert extensions["currentVersion"] in current.values(), name
    assert await sql.fetch("SELECT id, version, xmin::text FROM configs ORDER BY id") == before


async def test_a_mapping_refuses_as_a_whole(client: Any, world: Any) -> None:
    """UpdateMapping with a stale version changes neither overrides nor the entity."""
    given = {"id": world.mapping, "entityId": "changed", "config": {"port": 1, "verify": True}}
    answer = await client.refused("UpdateMapping", input={**given, "expectedVersions": {"port": 2}})
    assert answer.codes == ["CONFLICT"]
    assert answer.errors[0]["extensions"]["currentVersion"] == 1
    data = await client.run("ResolveExplained", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["entityId"] == "42"
    assert data["resolve"]["config"]["port"] == 8443
    await client.run("UpdateMapping", input={**given, "expectedVersions": {"port": 1, "verify": 0}})


async def test_a_default_and_an_override_have_versions_of_their_own(client: Any, world: Any) -> None:
    """The version of an override is its own, not that of the default of the same key."""
    for value in (1, 2, 3):
        await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": {"port": value}})
    given = {"id": world.mapping, "config": {"port": 5}, "expectedVersions": {"port": 1}}
    data = await client.run("UpdateMapping", input=given)
    (override,) = data["updateMapping"]["mapping"]["overrides"]
    assert override["value"] == 5


async def test_a_standalone_config_has_one_expected_version(client: Any) -> None:
    """`expectedVersion` of setConfig: 0 for a new one, then its version; CONFLICT tells the current one."""
    given = {"key": "k", "type": "STRING", "value": "a"}
    for expected in (0, 1, 2):
        data = await client.run("SetConfig", input={**given, "expectedVersion": expected})
    assert data["setConfig"]["config"]["version"] == 3
    for expected in (0, 2, 4):
        answer = await client.refused("SetConfig", input={**given, "expectedVersion": expected})
        assert answer.codes == ["CONFLICT"]
        assert answer.errors[0]["extensions"]["currentVersion"] == 3
    answer = await client.refused("SetConfig", input={**given, "key": "other", "expectedVersion": 1})
    assert answer.errors[0]["extensions"]["currentVersion"] is None


@pytest.mark.parametrize("version", [-1, "1", 1.5, True, 2**31, [1]])
async def test_what_is_no_version_is_refused(version: Any, client: Any, world: Any) -> None:
    """An expected version is a whole number."""
    answer = await client.refused(
        "SetIntegrationConfig",
        input={
            "integrationId": world.integration,
            "config": {"url": "x"},
            "expectedVersions": {"url": version},
        },
    )
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.problems[0]["path"] == ["expectedVersions", "url"]


async def test_removed_and_written_again_is_a_newer_version(client: Any, world: Any) -> None:
    """A config that was deleted and written again is not mistaken for the one that was read."""
    given = {"integrationId": world.integration}
    await client.run("SetIntegrationConfig", input={**given, "config": {"url": None}})
    await client.run("SetIntegrationConfig", input={**given, "config": {"url": "again"}})
    answer = await client.refused(
        "SetIntegrationConfig", input={**given, "config": {"url": "x"}, "expectedVersions": {"url": 1}}
    )
    assert answer.errors[0]["extensions"]["currentVersion"] == 2


READ = "query ($id: ID!) { integration(id: $id) { updatedAt configSchema { key type } } }"
CHANGE = "mutation ($i: UpdateIntegrationInput!) { updateIntegration(input: $i) { integration { updatedAt } } }"


@pytest.mark.parametrize("dry", [True, False])
async def test_a_schema_is_not_written_over_a_newer_one(dry: bool, client: Any, world: Any) -> None:
    """`expectedUpdatedAt` refuses a change of an integration over somebody else's newer one, a dry run too; who knows
    the newer one goes through."""
    seen = (await client.run(READ, id=world.integration))["integration"]["updatedAt"]
    theirs = {"id": world.integration, "description": "theirs", "expectedUpdatedAt": seen}
    now = (await client.run(CHANGE, i=theirs))["updateIntegration"]["integration"]["updatedAt"]
    before = (await client.run(READ, id=world.integration))["integration"]
    mine = {"id": world.integration, "configSchema": [{"key": "mine", "type": "STRING"}], "dryRun": dry}
    answer = await client.refused(CHANGE, i={**mine, "expectedUpdatedAt": seen})
    assert answer.codes == ["CONFLICT"]
    assert (await client.run(READ, id=world.integration))["integration"] == before
    await client.run(CHANGE, i={**mine, "expectedUpdatedAt": now})


async def test_a_mapping_is_not_written_over_another_entity(client: Any, world: Any) -> None:
    """`expectedEntityId` refuses a change of a mapping that somebody else has given another entity id meanwhile."""
    given = {"id": world.mapping, "entityId": "mine", "expectedEntityId": "41"}
    assert (await client.refused("UpdateMapping", input=given)).codes == ["CONFLICT"]
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["entityId"] == "42"
    await client.run("UpdateMapping", input={**given, "expectedEntityId": "42"})
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["entityId"] == "mine"
