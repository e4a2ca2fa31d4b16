"""Mappings and organizations under many hands at once: refusals by code, no deadlock, nothing half done."""

import asyncio
import random
import uuid
from typing import Any


async def at_once(*calls: Any) -> list[Any]:
    """The answers of calls that run at the same time."""
    return list(await asyncio.gather(*calls))


def codes_of(answers: list[Any]) -> list[list[str]]:
    return sorted(answer.codes for answer in answers)


async def test_one_of_many_first_mappings_wins(client: Any, world: Any, sql: Any) -> None:
    """Of many first mappings of one organization at once one is made, whole; the others get CONFLICT."""
    given = {"integrationId": world.integration, "organizationId": world.other}
    answers = await at_once(
        *(
            client.send("CreateMapping", input={**given, "entityId": str(n), "config": {"port": n, "extra": n}})
            for n in range(20)
        )
    )
    assert codes_of(answers) == [[]] + [["CONFLICT"]] * 19
    (winner,) = [a.data["createMapping"]["mapping"] for a in answers if not a.errors]
    rows = await sql.fetch(
        "SELECT value ->> 'value' AS v FROM configs WHERE organization_id = $1", uuid.UUID(world.other)
    )
    assert {row["v"] for row in rows} == {winner["entityId"]}
    assert len(rows) == 2


async def test_upserts_in_different_orders(client: Any, world: Any, sql: Any) -> None:
    """Concurrent upserts of the same organizations in different orders: no error, one mapping each, whole ones."""
    ids = [str(uuid.uuid4()) for _ in range(30)]
    await sql.executemany(
        "INSERT INTO organizations (id, name, created_by) VALUES ($1, 'o', 'x')", [(id,) for id in ids]
    )
    seed = random.Random(1)

    async def upsert(number: int) -> Any:
        shuffled = seed.sample(ids, k=30)
        config = {"api_key": f"k{number}", "port": number, "extra": number}
        mappings = [{"organizationId": id, "entityId": str(number), "config": config} for id in shuffled]
        given = {"integrationId": world.integration, "mappings": mappings}
        return await client.send("UpsertMappings", input=given)

    answers = await at_once(*map(upsert, range(8)))
    assert [answer.errors for answer in answers if answer.errors] == []
    assert sum(answer.data["upsertMappings"]["created"] for answer in answers) == 30
    rows = await sql.fetch(
        "SELECT m.entity_id = p.value ->> 'value' AND p.value = e.value AS same FROM integration_mappings m"
        " JOIN configs p ON p.organization_id = m.organization_id AND p.key = 'port'"
        " JOIN configs e ON e.organization_id = m.organization_id AND e.key = 'extra' WHERE m.entity_id <> '42'"
    )
    assert [row["same"] for row in rows] == [True] * 30
    assert await sql.fetchval("SELECT count(*) FROM config_history") == 7 * 90


async def test_a_deletion_among_writes(client: Any, world: Any, sql: Any) -> None:
    """An organization that is deleted among writes for it leaves nothing behind; each write is done or NOT_FOUND."""
    for _ in range(3):
        owner = str(uuid.uuid4())
        await client.run("CreateOrganization", input={"id": owner, "name": "o"})
        given = {"integrationId": world.integration, "organizationId": owner, "entityId": "1"}
        mapping = (await client.run("CreateMapping", input=given))["createMapping"]["mapping"]["id"]
        standalone = {"organizationId": owner, "key": "k", "type": "SECRET"}
        many = {"integrationId": world.integration}
        many["mappings"] = [{"organizationId": owner, "entityId": "2", "config": {"port": 1}}]
        calls = [
            call
            for n in range(5)
            for call in (
                client.send("UpdateMapping", input={"id": mapping, "config": {"api_key": f"k{n}", "extra": n}}),
                client.send("SetConfig", input={**standalone, "value": f"k{n}"}),
                client.send("UpsertMappings", input=many),
            )
        ]
        calls.insert(6, client.send("DeleteOrganization", input={"id": owner}))
        answers = await at_once(*calls)
        assert {code for answer in answers for code in answer.codes} <= {"NOT_FOUND"}
        for table in ("configs", "config_history", "data_keys", "integration_mappings"):
            left = f"SELECT count(*) FROM {table} WHERE organization_id = $1"
            assert await sql.fetchval(left, uuid.UUID(owner)) == 0, table


async def test_a_mapping_deleted_among_updates(client: Any, world: Any, sql: Any) -> None:
    """A mapping that is deleted among updates leaves no override behind."""
    calls = [
        client.send("UpdateMapping", input={"id": world.mapping, "config": {"api_key": f"k{n}", "port": n}})
        for n in range(10)
    ]
    calls.insert(4, client.send("DeleteMapping", input={"id": world.mapping}))
    answers = await at_once(*calls)
    assert {code for answer in answers for code in answer.codes} <= {"NOT_FOUND"}
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE organization_id IS NOT NULL") == 0


async def test_an_integration_deleted_among_writes(client: Any, world: Any) -> None:
    """Each write is done before an integration is deleted, or is NOT_FOUND after."""
    given = {"integrationId": world.integration}
    calls = [client.send("SetIntegrationConfig", input={**given, "config": {"port": n}}) for n in range(10)]
    calls.insert(4, client.send("DeleteIntegration", input={"id": world.integration}))
    answers = await at_once(*calls)
    assert {code for answer in answers for code in answer.codes} <= {"NOT_FOUND"}
