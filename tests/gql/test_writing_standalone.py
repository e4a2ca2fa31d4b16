"""setConfig and deleteConfig: configs without an integration, and any config by its id."""

import json
import uuid
from typing import Any

import pytest


async def set_config(client: Any, **given: Any) -> dict[str, Any]:
    return (await client.run("SetConfig", input=given))["setConfig"]["config"]


async def test_a_standalone_config_is_global_or_of_one_organization(client: Any, world: Any) -> None:
    """A standalone config of a key is global or of one organization; each is a row of its own."""
    ids = set()
    for owner in (None, world.organization, world.other):
        written = await set_config(client, organizationId=owner, key="k", type="INT", value="5")
        assert (written["value"], written["version"]) == (5, 1)
        ids.add(written["id"])
    assert len(ids) == 3


async def test_a_standalone_write_leaves_an_integrations_value_alone(client: Any, world: Any, sql: Any) -> None:
    """A standalone write of a key never overwrites an integration's value of the same key."""
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    for owner in (None, world.organization):
        await set_config(client, organizationId=owner, key="api_key", type="STRING", value="mine")
        await set_config(client, organizationId=owner, key="port", type="INT", value=1)
    after = await sql.fetch("SELECT * FROM configs WHERE integration_id IS NOT NULL ORDER BY id")
    assert after == before


@pytest.mark.parametrize("empty", [None, ""])
async def test_nothing_is_no_value(empty: str | None, client: Any) -> None:
    """`null` or `""` in setConfig is BAD_USER_INPUT: deleteConfig removes."""
    for type in ("STRING", "SECRET", "JSON"):
        answer = await client.refused("SetConfig", input={"key": "k", "type": type, "value": empty})
        assert answer.codes == ["BAD_USER_INPUT"]
        assert answer.problems[0]["path"] == ["value"]
        assert "deleteConfig" in answer.problems[0]["message"]


async def test_all_problems_of_a_standalone_write_are_listed(client: Any) -> None:
    """Every problem of the input is listed, not the first."""
    given = {"key": " ", "type": "INT", "value": "x", "expectedVersion": -1, "description": "d" * 4001}
    answer = await client.refused("SetConfig", input=given)
    paths = {tuple(problem["path"]) for problem in answer.problems}
    assert paths == {("key",), ("value",), ("expectedVersion",), ("description",)}


@pytest.mark.parametrize("key", ["", "   ", "k" * 256])
async def test_a_key_is_a_name(key: str, client: Any) -> None:
    """A key has 1 to 255 characters."""
    answer = await client.refused("SetConfig", input={"key": key, "type": "INT", "value": 1})
    assert [problem["path"] for problem in answer.problems] == [["key"]]


async def test_the_mask_is_no_secret(client: Any) -> None:
    """The text [SECRET] is refused for a secret, and is an ordinary text for a string."""
    answer = await client.refused("SetConfig", input={"key": "k", "type": "SECRET", "value": "[SECRET]"})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert (await set_config(client, key="k", type="STRING", value="[SECRET]"))["value"] == "[SECRET]"


async def test_a_description_stays_unless_it_is_given(client: Any) -> None:
    """A description that is left out stays, null clears it."""
    read = "query ($id: ID!) { config(id: $id) { description } }"
    given = {"key": "k", "type": "INT", "value": 1}
    for description, wanted in (({"description": "d"}, "d"), ({}, "d"), ({"description": None}, None)):
        id = (await set_config(client, **given, **description))["id"]
        assert (await client.run(read, id=id))["config"]["description"] == wanted


@pytest.mark.parametrize("owner", [None, "organization"])
async def test_a_string_that_becomes_a_secret_leaves_no_plaintext(
    owner: str | None, client: Any, world: Any, sql: Any
) -> None:
    """When a standalone value becomes a secret its history is sealed with it: no table holds the text any more."""
    owner = owner and world.organization
    for value in ("planted-1", "planted-2"):
        await set_config(client, organizationId=owner, key="token", type="STRING", value=value)
    written = await set_config(client, organizationId=owner, key="token", type="SECRET", value="planted-3")
    dump = await sql.fetchval(
        "SELECT (SELECT json_agg(c) FROM configs c)::text || (SELECT json_agg(h) FROM config_history h)::text"
    )
    assert "planted" not in dump
    data = await client.run("History", id=written["id"])
    assert [edge["node"]["value"] for edge in data["config"]["history"]["edges"]] == ["[SECRET]"] * 2
    restored = await client.run("RestoreConfig", input={"id": written["id"], "version": 1})
    assert restored["restoreConfig"]["config"]["value"] == "[SECRET]"
    assert (await client.run("Reveal", id=written["id"]))["config"]["decryptedValue"] == "planted-1"


async def test_a_secret_that_becomes_a_string_keeps_its_history_sealed(client: Any) -> None:
    """What was a secret stays one in the history, whatever the config is now."""
    await set_config(client, key="token", type="SECRET", value="was-secret")
    written = await set_config(client, key="token", type="STRING", value="plain")
    assert (written["value"], written["sealed"]) == ("plain", False)
    data = await client.run("History", id=written["id"])
    node = data["config"]["history"]["edges"][0]["node"]
    assert (node["type"], node["value"]) == ("SECRET", "[SECRET]")


async def test_a_write_over_a_legacy_row_takes_its_place(client: Any, world: Any, write_legacy: Any, sql: Any) -> None:
    """Writing a standalone key that older software wrote makes the row ours: its type is what the write says."""
    id = await write_legacy("smtp", "plain-password", organization=world.organization, type="secret")
    written = await set_config(client, organizationId=world.organization, key="smtp", type="SECRET", value="new")
    assert (written["id"], written["version"], written["sealed"]) == (id, 2, True)
    rows = json.dumps([dict(row) for row in await sql.fetch("SELECT * FROM config_history")], default=str)
    assert "plain-password" not in rows


async def test_any_config_is_deleted_by_its_id(client: Any, world: Any, write_legacy: Any, sql: Any) -> None:
    """DeleteConfig takes any config: of an integration, standalone, legacy; its value goes to the history, once."""
    await write_legacy("old", "x", integration=world.integration)
    await write_legacy("token", "legacy-plaintext", type="secret")
    ids = [str(row["id"]) for row in await sql.fetch("SELECT id FROM configs")]
    assert len(ids) == 5
    for id in ids:
        assert (await client.run("DeleteConfig", input={"id": id}))["deleteConfig"]["id"] == id
        answer = await client.refused("DeleteConfig", input={"id": id})
        assert answer.codes == ["NOT_FOUND"]
    assert await sql.fetchval("SELECT count(*) FROM configs") == 0
    assert await sql.fetchval("SELECT count(*) FROM config_history") == 5
    assert "legacy-plaintext" not in str(await sql.fetch("SELECT value FROM config_history"))


async def test_an_unknown_organization_is_not_found(client: Any) -> None:
    """A write for an organization that is not there is NOT_FOUND."""
    given = {"organizationId": str(uuid.uuid4()), "key": "k", "type": "INT", "value": 1}
    assert (await client.refused("SetConfig", input=given)).codes == ["NOT_FOUND"]
