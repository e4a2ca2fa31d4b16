"""The direct way answers what the application would."""

import asyncio
from typing import Any

from sqlalchemy import text

from tests.gql.direct.calls import CALL, HEAD, ask
from tests.gql.kit import OPERATIONS

SELECTIONS = {
    "the contract's": OPERATIONS["Resolve"],
    "explained": OPERATIONS["ResolveExplained"],
    "another order": f"{HEAD} {{ {CALL} {{ missing config unfit entityName entityId }} }}",
    "aliases": f"{HEAD} {{ mine: {CALL} {{ a: config b: config c: entries {{ v: value k: key }} }} }}",
    "names of types": f"{HEAD} {{ {CALL} {{ __typename config organization {{ __typename id }} }} }}",
    "a fragment": f"{HEAD} {{ {CALL} {{ ...F ... {{ missing }} }} }} fragment F on ResolvedConfig {{ config }}",
    "no secret": f"{HEAD} {{ {CALL} {{ entityId integration {{ id name description createdAt updatedAt }} }} }}",
    "twice the same": f"{HEAD} {{ {CALL} {{ config }} {CALL} {{ config entityId }} }}",
}


async def test_every_selection_is_answered_as_by_the_executor(behind, caller, world) -> None:
    """Whatever is asked of a resolve, the direct way's answer is the application's, byte for byte."""
    for query in SELECTIONS.values():
        first = await caller.warm(behind, ask(world, query))
        again = await caller.post(ask(world, query))
        assert "data" in first.json()
        assert first.status_code == again.status_code == 200
        assert {**first.headers} == {**again.headers}
        assert again.headers["cache-control"] == "no-store"


SECRETS: list[Any] = [
    'say "hi"\n\t\\ ü 😀 \u007f\u2028',
    5,
    2**70,
    1.5,
    True,
    ["a", {"b": None}],
    {"x": "y"},
    "a" * 4_000,
]


async def test_a_secret_of_any_kind(client, behind, caller, world) -> None:
    """Whatever was sealed comes out of the direct way as it comes out of the executor."""
    for secret in SECRETS:
        given = {"integrationId": world.integration, "config": {"api_key": secret}}
        await client.run("SetIntegrationConfig", input=given)
        await caller.warm(behind, ask(world))
        answer = (await caller.post(ask(world))).json()
        assert answer["data"]["resolve"]["config"]["api_key"] == secret


async def test_no_answer_is_older_than_a_write_that_was_answered(client, behind, caller, world) -> None:
    """Readers hammer the direct way while a writer writes: after its answer, the old value is never seen."""
    body = ask(world)
    await caller.warm(behind, body)
    going, seen = True, 0

    async def read() -> None:
        nonlocal seen
        while going:
            floor = written
            port = (await caller.post(body)).json()["data"]["resolve"]["config"]["port"]
            assert port >= floor
            seen += 1
            await asyncio.sleep(0.002)  # The writer is in this process too.

    written = 9_000
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": written}})
    readers = [asyncio.create_task(read()) for _ in range(2)]
    before = behind.times
    for port in range(9_001, 9_026):
        await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": port}})
        written = port
        await asyncio.sleep(0)
    going = False
    await asyncio.gather(*readers)
    assert behind.times - before - 25 < seen, "the direct way never answered"


async def test_a_damaged_secret_is_undecryptable(api, behind, caller, world, sql) -> None:
    """A sealed value that does not open is refused by name on the direct way too, and nothing is on record for it."""
    await caller.warm(behind, ask(world))
    await sql.execute(
        "UPDATE configs SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)) WHERE sealed IS NOT NULL"
    )
    for _ in range(2_000):
        answer = (await caller.post(ask(world))).json()
        if "errors" in answer:
            break
        await asyncio.sleep(0.01)
    for _ in range(3):
        answer = (await caller.post(ask(world))).json()
        assert answer["errors"][0]["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["api_key"]}


async def test_while_nobody_vouches_the_database_is_asked(api, behind, caller, world, database) -> None:
    """With the feed cut the direct way still answers, from PostgreSQL, and what it answers is what is there."""
    await caller.warm(behind, ask(world))
    api.service.resolver.snapshots.vouch = lambda moment: None
    api.service.resolver.snapshots._vouched = 0.0
    before = behind.times
    async with database.engine.begin() as raw:
        await raw.execute(text("UPDATE integration_mappings SET entity_id = 'changed'"))
    answer = (await caller.post(ask(world))).json()
    assert answer["data"]["resolve"]["entityId"] == "changed"
    assert behind.times == before
