"""Integrations: named, renamed, deleted; a deleted one resolves no more and still masks its rows."""

import asyncio
import uuid
from typing import Any

import pytest

READ = """
query ($id: ID, $name: String) {
  integration(id: $id, name: $name) { id name description configSchema { key position } }
}
"""
LIST = """
query ($first: Int, $after: String) { integrations(first: $first, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } edges { node { id name configSchema { key } } }
} }
"""


async def create(client: Any, name: str, *fields: dict[str, Any]) -> str:
    made = await client.run("CreateIntegration", input={"name": name, "configSchema": list(fields)})
    return made["createIntegration"]["integration"]["id"]


async def test_an_integration_is_found_by_id_or_name(client: Any, world: Any) -> None:
    """One integration, by id or by name: by exactly one of them."""
    for given in ({"id": world.integration}, {"name": "halo-psa"}):
        found = (await client.run(READ, **given))["integration"]
        assert (found["id"], found["name"]) == (world.integration, "halo-psa")
        assert [field["position"] for field in found["configSchema"]] == list(range(6))
    for given in ({}, {"id": world.integration, "name": "halo-psa"}):
        assert (await client.refused(READ, **given)).codes == ["BAD_USER_INPUT"]
    for given in ({"id": str(uuid.uuid4())}, {"name": "HALO-PSA"}):
        answer = await client.refused(READ, **given)
        assert (answer.data, answer.codes) == ({"integration": None}, ["NOT_FOUND"])


async def test_a_name_in_use_is_a_conflict(client: Any, world: Any) -> None:
    """A name is unique among those that are not deleted, for new ones and for renamed ones, at once too."""
    assert (await client.refused("CreateIntegration", input={"name": "halo-psa", "configSchema": []})).codes == [
        "CONFLICT"
    ]
    other = await create(client, "ninja")
    answer = await client.refused("UpdateIntegration", input={"id": other, "name": "halo-psa"})
    assert answer.codes == ["CONFLICT"]
    given = {"name": "new", "configSchema": []}
    answers = await asyncio.gather(*(client.send("CreateIntegration", input=given) for _ in range(10)))
    assert sorted(map(str, (answer.codes for answer in answers))) == ["['CONFLICT']"] * 9 + ["[]"]


async def test_renaming_keeps_everything_else(client: Any, world: Any) -> None:
    """A renamed integration resolves by its new name only; what is left out stays, null clears a description."""
    await client.run("UpdateIntegration", input={"id": world.integration, "name": "halo", "description": "d"})
    data = await client.run("Resolve", integration="halo", organizationId=world.organization)
    assert data["resolve"]["config"]["port"] == 8443
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert answer.codes == ["NOT_FOUND"]
    await client.run("UpdateIntegration", input={"id": world.integration})
    assert (await client.run(READ, name="halo"))["integration"]["description"] == "d"
    await client.run("UpdateIntegration", input={"id": world.integration, "description": None})
    assert (await client.run(READ, name="halo"))["integration"]["description"] is None


@pytest.mark.parametrize("name", ["", " ", "x" * 256, None])
async def test_what_is_no_name(name: str | None, client: Any, world: Any) -> None:
    """A name has 1 to 255 characters."""
    answer = await client.refused("UpdateIntegration", input={"id": world.integration, "name": name})
    assert [problem["path"] for problem in answer.problems] == [["name"]]


async def test_a_deleted_integration_resolves_no_more_and_gives_its_name_back(client: Any, world: Any) -> None:
    """A deleted integration is gone from `resolve`, look-ups and lists, and its name can be used again."""
    data = await client.run("DeleteIntegration", input={"id": world.integration})
    assert data["deleteIntegration"]["integration"]["id"] == world.integration
    calls: list[tuple[str, dict[str, Any]]] = [
        ("Resolve", {"integration": "halo-psa", "organizationId": world.organization}),
        (READ, {"id": world.integration}),
        (READ, {"name": "halo-psa"}),
        ("UpdateIntegration", {"input": {"id": world.integration, "name": "x"}}),
        ("DeleteIntegration", {"input": {"id": world.integration}}),
        ("SetIntegrationConfig", {"input": {"integrationId": world.integration, "config": {}}}),
        ("UpdateMapping", {"input": {"id": world.mapping, "entityId": "1"}}),
        ("ConfigList", {"filter": {"integrationId": world.integration}}),
    ]
    for query, variables in calls:
        assert (await client.refused(query, **variables)).codes == ["NOT_FOUND"], query
    assert (await client.run("Mappings"))["mappings"]["totalCount"] == 0
    again = await create(client, "halo-psa", {"key": "url", "type": "STRING"})
    assert again != world.integration
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert answer.codes == ["NOT_FOUND"]
    for _ in range(2):
        await client.run("DeleteIntegration", input={"id": again})
        again = await create(client, "halo-psa")


async def test_a_deleted_integrations_schema_still_masks_its_rows(client: Any, world: Any, write_legacy: Any) -> None:
    """A deleted integration's rows are listed without it, masked by its schema, plaintext ones too, and deletable."""
    await write_legacy("api_key", "plaintext", integration=world.integration, organization=world.other)
    await client.run("DeleteIntegration", input={"id": world.integration})
    answer = await client.send("ConfigList")
    nodes = [edge["node"] for edge in (answer.data or {})["configs"]["edges"]]
    assert len(nodes) == 4
    assert {node["integration"] is None for node in nodes} == {True}
    assert [node["value"] for node in nodes if node["key"] == "api_key"] == ["[SECRET]"] * 2
    assert "plaintext" not in answer.text
    for node in nodes:
        await client.run("DeleteConfig", input={"id": node["id"]})


async def test_a_deleted_integrations_values_are_not_standalone(client: Any, world: Any) -> None:
    """`standalone` tells a value that belongs to no integration from one whose integration is deleted."""
    await client.run("SetConfig", input={"key": "alone", "type": "STRING", "value": "a"})
    await client.run("DeleteIntegration", input={"id": world.integration})
    answer = await client.run(
        "{ configs(filter: {scope: ALL}) { edges { node { key standalone integration { id } } } } }"
    )
    nodes = [edge["node"] for edge in answer["configs"]["edges"]]
    assert [node["key"] for node in nodes if node["standalone"]] == ["alone"]
    assert len(nodes) > 1
    assert {node["integration"] for node in nodes} == {None}


async def test_integrations_are_listed_by_name_with_their_schemas(client: Any) -> None:
    """The list is by name, page by page, each with its fields in their order."""
    for name in ("b", "a", "c"):
        await create(client, name, {"key": "z", "type": "INT"}, {"key": "a", "type": "INT"})
    first = (await client.run(LIST, first=2))["integrations"]
    rest = (await client.run(LIST, first=2, after=first["pageInfo"]["endCursor"]))["integrations"]
    nodes = [edge["node"] for page in (first, rest) for edge in page["edges"]]
    assert [node["name"] for node in nodes] == ["a", "b", "c"]
    assert {tuple(field["key"] for field in node["configSchema"]) for node in nodes} == {("z", "a")}


async def test_five_hundred_fields_are_the_most(client: Any) -> None:
    """A schema has 500 fields at most."""
    schema = [{"key": f"k{number}", "type": "INT"} for number in range(501)]
    answer = await client.refused("CreateIntegration", input={"name": "x", "configSchema": schema})
    assert [problem["path"] for problem in answer.problems] == [["configSchema"]]
    await client.run("CreateIntegration", input={"name": "x", "configSchema": schema[:500]})
