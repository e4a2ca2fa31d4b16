"""Numbers beyond Python's in rows of older software: lists and resolves survive them."""

import json
import uuid
from typing import Any

import pytest

LIST = "{ configs(first: 10) { edges { node { key value decryptedValue } } } }"
RESOLVE = 'query ($id: ID!) { resolve(integration: "i", organizationId: $id) { config unfit } }'


async def plant(sql: Any, number: str, types: tuple[str, ...]) -> uuid.UUID:
    """An integration with a field of each type, whose value is the number; its organization."""
    organization, integration = uuid.uuid4(), uuid.uuid4()
    await sql.execute("INSERT INTO organizations (id, name, created_by) VALUES ($1, 'o', 'x')", organization)
    await sql.execute("INSERT INTO integrations (id, name) VALUES ($1, 'i')", integration)
    await sql.execute(
        "INSERT INTO integration_mappings (id, integration_id, organization_id, entity_id) VALUES ($1, $2, $3, 'e')",
        uuid.uuid4(),
        integration,
        organization,
    )
    for kind in types:
        field = "INSERT INTO integration_config_schema (id, integration_id, key, type) VALUES ($1, $2, $3, $3)"
        await sql.execute(field, uuid.uuid4(), integration, kind)
        await sql.execute(
            "INSERT INTO configs (id, organization_id, integration_id, key, value, updated_by) "
            "VALUES ($1, $2, $3, $4, $5, 'old software')",
            uuid.uuid4(),
            organization,
            integration,
            kind,
            f'{{"value": {number}}}',
        )
    return organization


@pytest.mark.parametrize("number", ["1" * 5_000, "1" * 400 + ".5"])
async def test_a_number_beyond_all_is_its_digits(sql, client, number: str) -> None:
    """A list and a resolve show its digits as text; a field of a type that it does not fit is told as unfit."""
    organization = await plant(sql, number, ("int", "json", "string"))
    answer = await client.send(LIST)
    assert [edge["node"]["value"] for edge in answer.data["configs"]["edges"]] == [number] * 3
    resolved = (await client.run(RESOLVE, id=str(organization)))["resolve"]
    assert resolved == {"config": {"json": number}, "unfit": ["int", "string"]}


@pytest.mark.parametrize("number", ["1" * 5_000, "0.12345678901234567890123"])
async def test_a_secret_that_cannot_be_kept_opens_for_nobody(sql, client, number: str) -> None:
    """Beside it a list goes on; a resolve fails by its key, before the backfill as after it."""
    organization = await plant(sql, number, ("json", "secret"))
    answer = await client.send(LIST)
    assert {node["key"]: node["value"] for node in (edge["node"] for edge in answer.data["configs"]["edges"])}[
        "secret"
    ] == "[SECRET]"
    refused = await client.refused(RESOLVE, id=str(organization))
    assert (refused.codes, refused.errors[0]["extensions"]["keys"]) == (["UNDECRYPTABLE"], ["secret"])
    assert number not in json.dumps(refused.errors)
