"""Lists without pages: their sizes are not in the query, and yet no answer grows without bound."""

from typing import Any

import pytest

from gql.context import MAX_LISTED

KEYS = 500
ROWS = 50


@pytest.fixture
async def wide(client: Any, world: Any) -> str:
    """An integration of 500 keys, of which an organization has overridden 50."""
    schema = [{"key": f"key{number:03}", "type": "STRING"} for number in range(KEYS)]
    made = await client.run("CreateIntegration", input={"name": "wide", "configSchema": schema})
    id = made["createIntegration"]["integration"]["id"]
    config = {f"key{number:03}": "x" for number in range(ROWS)}
    given = {"integrationId": id, "organizationId": world.organization, "entityId": "1", "config": config}
    await client.run("CreateMapping", input=given)
    return id


@pytest.mark.parametrize(
    ("asked", "fragment"),
    [
        ("integration { configSchema { key } }", ""),
        ("integration { ...F }", "fragment F on Integration { x: configSchema { key } y: configSchema { key } }"),
        (" ".join(f"a{number}: integration {{ configSchema {{ key }} }}" for number in range(9)), ""),
        ("integration { configSchema @include(if: true) { key } }", ""),
    ],
)
async def test_a_small_query_with_a_huge_answer(
    api: Any, client: Any, world: Any, wide: str, asked: str, fragment: str
) -> None:
    """A token of one organization cannot have a schema of 500 keys beside each of its rows, however it asks: past
    MAX_LISTED items there are LIMIT_EXCEEDED and nulls in their place; smaller pages are answered."""
    reader = api.client(await api.make_token("config:read", organization_ids=[world.organization]))
    page = f'configs(filter: {{integrationId: "{wide}"}}, first: $first) {{ edges {{ node {{ {asked} }} }} }}'
    query = f"query L($first: Int) {{ {page} }} {fragment}"
    assert ROWS * KEYS > MAX_LISTED
    refused = await reader.refused(query, first=200)
    assert set(refused.codes) == {"LIMIT_EXCEEDED"}
    assert refused.text.count('"key"') <= MAX_LISTED
    assert not (await reader.send(query, first=4)).errors


async def test_what_people_ask_for(client: Any, world: Any, wide: str) -> None:
    """A page of mappings with all that hangs on them, and of integrations with their schemas, is answered."""
    await client.run(
        "{ mappings(first: 200) { edges { node { missing overrides { id } integration { configSchema { key } } } } } }"
    )
    await client.run("{ integrations(first: 200) { edges { node { configSchema { key type default } } } } }")
