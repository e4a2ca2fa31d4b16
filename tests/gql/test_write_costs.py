"""What writes cost: a number of statements that grows neither with the keys nor with the mappings."""

import uuid
from typing import Any

import pytest

KEYS = [f"key_{number}" for number in range(20)]


async def count(client: Any, statements: list[str], operation: str, given: dict[str, Any]) -> int:
    statements.clear()
    await client.run(operation, input=given)
    return len(statements)


@pytest.fixture
async def integration(client: Any) -> str:
    """An integration of twenty keys, every other one a secret."""
    schema = [{"key": key, "type": "SECRET" if number % 2 else "STRING"} for number, key in enumerate(KEYS)]
    made = await client.run("CreateIntegration", input={"name": "wide", "configSchema": schema})
    return made["createIntegration"]["integration"]["id"]


@pytest.mark.parametrize("first", [True, False], ids=["first writes", "over what is there"])
async def test_twenty_keys_cost_the_statements_of_two(
    client: Any, statements: list[str], integration: str, first: bool
) -> None:
    """SetIntegrationConfig sends as many statements for twenty keys as for two, a secret among them either way, for
    first writes and for writes over older values, which go to the history."""
    warm = {"integrationId": integration, "config": {"key_1": "the data key is made for this"}}
    await client.run("SetIntegrationConfig", input=warm)
    if not first:
        await client.run(
            "SetIntegrationConfig", input={"integrationId": integration, "config": dict.fromkeys(KEYS, "a")}
        )
    few = dict.fromkeys(KEYS[2:4] if first else KEYS[:2], "few")
    many = dict.fromkeys(KEYS[4:] if first else KEYS, "many")
    small = await count(client, statements, "SetIntegrationConfig", {"integrationId": integration, "config": few})
    large = await count(client, statements, "SetIntegrationConfig", {"integrationId": integration, "config": many})
    assert large == small <= 13, statements
    data = await client.run("ConfigList", filter={"integrationId": integration, "type": "STRING"})
    shown = {edge["node"]["key"]: edge["node"]["value"] for edge in data["configs"]["edges"]}
    assert shown.items() >= {key: "many" for key in many if int(key[4:]) % 2 == 0}.items()


async def test_many_mappings_cost_the_statements_of_two(client: Any, statements: list[str], integration: str) -> None:
    """UpsertMappings sends as many statements for two hundred mappings with overrides as for two, new or not."""
    owners = [str(uuid.uuid4()) for _ in range(202)]
    for owner in owners:
        await client.run("CreateOrganization", input={"id": owner, "name": f"customer {owner}"})

    def given(ids: list[str]) -> dict[str, Any]:
        config = {"key_0": "plain", "key_1": "secret"}
        return {
            "integrationId": integration,
            "mappings": [{"organizationId": id, "entityId": "1", "config": config} for id in ids],
        }

    new = [await count(client, statements, "UpsertMappings", given(ids)) for ids in (owners[:2], owners[2:])]
    again = [await count(client, statements, "UpsertMappings", given(ids)) for ids in (owners[:2], owners[2:])]
    assert new[0] == new[1] <= 20, statements
    assert again[0] == again[1] <= 20, statements
