"""Many writers at once: one row, no error, nothing lost."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from db.sessions import Database

pytestmark = pytest.mark.usefixtures("patient")

FIELDS = [{"key": f"k{number:02}", "type": "SECRET" if number % 3 == 0 else "INT"} for number in range(12)]


async def at_once(*calls: Any) -> list[Any]:
    """The answers of calls that run at the same time."""
    return list(await asyncio.gather(*calls))


async def history_of(client: Any, id: str) -> dict[str, Any]:
    return (await client.run("History", id=id, first=200))["config"]


WRITERS: dict[str, Any] = {
    "a default": lambda world, n: (
        "SetIntegrationConfig",
        {"integrationId": world.integration, "config": {"verify": n % 2 == 0}},
    ),
    "a secret default": lambda world, n: (
        "SetIntegrationConfig",
        {"integrationId": world.integration, "config": {"api_key": f"k{n}"}},
    ),
    "an override": lambda world, n: ("UpdateMapping", {"id": world.mapping, "config": {"extra": n}}),
    "an upsert": lambda world, n: (
        "UpsertMappings",
        {
            "integrationId": world.integration,
            "mappings": [{"organizationId": world.other, "entityId": str(n), "config": {"extra": n}}],
        },
    ),
    "a standalone secret": lambda world, n: (
        "SetConfig",
        {"organizationId": world.other, "key": "k", "type": "SECRET", "value": f"k{n}"},
    ),
    "a global one": lambda world, n: ("SetConfig", {"key": "k", "type": "INT", "value": n}),
}


@pytest.mark.parametrize("name", WRITERS)
async def test_many_first_writes_of_one_key_at_once(name: str, client: Any, world: Any, sql: Any) -> None:
    """Many first writes of one key at once: one row, no error, as many versions, all but one of them in the history.
    tests/gql/test_faults.py has fifty."""
    await sql.execute("DELETE FROM configs WHERE key = 'api_key'")
    writes = [WRITERS[name](world, number) for number in range(15)]
    answers = await at_once(*(client.send(query, input=given) for query, given in writes))
    assert [answer.errors for answer in answers if answer.errors] == []
    key = {"a default": "verify", "a secret default": "api_key"}.get(name, "extra" if "n " in name else "k")
    (row,) = await sql.fetch("SELECT id, version FROM configs WHERE key = $1", key)
    assert row["version"] == 15
    history = (await history_of(client, str(row["id"])))["history"]
    assert [edge["node"]["version"] for edge in history["edges"]] == list(range(14, 0, -1))


async def test_only_one_of_many_first_writes_with_expected_zero_wins(client: Any, world: Any) -> None:
    """Of many writers who all expect a key not to be there, one wins and the others get CONFLICT."""
    given = {"integrationId": world.integration, "expectedVersions": {"verify": 0}, "config": {"verify": True}}
    answers = await at_once(*(client.send("SetIntegrationConfig", input=given) for _ in range(20)))
    codes = [answer.codes for answer in answers]
    assert codes.count([]) == 1
    assert codes.count(["CONFLICT"]) == 19
    versions = {a.errors[0]["extensions"]["currentVersion"] for a in answers if a.errors}
    assert versions == {1}


async def test_different_key_orders_never_deadlock(client: Any, world: Any, sql: Any) -> None:
    """Writers that give many keys in different orders, and rows that are new or not, all get their answer."""
    schema = {"id": world.integration, "configSchema": FIELDS}
    await client.run("UpdateIntegration", input=schema)
    seed = random.Random(1)

    async def write(number: int) -> Any:
        keys = [field["key"] for field in FIELDS]
        seed.shuffle(keys)
        config = dict.fromkeys(keys[: 3 + number % 9], number)
        if number % 3 == 0:
            config |= dict.fromkeys(keys[-2:])
        if number % 2:
            return await client.send("UpdateMapping", input={"id": world.mapping, "config": config})
        given = {"integrationId": world.integration, "config": config}
        return await client.send("SetIntegrationConfig", input=given)

    answers = await at_once(*map(write, range(16)))
    assert [answer.errors for answer in answers if answer.errors] == []
    twice = (
        "SELECT 1 FROM configs JOIN config_history h USING (organization_id, key) WHERE h.version >= configs.version"
    )
    assert await sql.fetch(twice) == []


async def test_writes_and_deletes_of_one_key_at_once(client: Any, world: Any, sql: Any) -> None:
    """However writes and removals of one key interleave, versions never repeat and the row stays writable."""
    given = {"integrationId": world.integration}

    async def write(number: int) -> Any:
        value = None if number % 3 == 2 else number
        return await client.send("SetIntegrationConfig", input={**given, "config": {"extra": value}})

    for _ in range(2):
        answers = await at_once(*map(write, range(30)))
        assert [answer.errors for answer in answers if answer.errors] == []
    last = await client.run("SetIntegrationConfig", input={**given, "config": {"extra": "last"}})
    (config,) = last["setIntegrationConfig"]["configs"]
    told = await history_of(client, config["id"])
    past = [edge["node"]["version"] for edge in told["history"]["edges"]]
    assert past == list(range(told["version"] - 1, 0, -1))


async def test_a_deadlock_never_reaches_the_caller(client: Any, world: Any, database: Database, sql: Any) -> None:
    """A deadlock (40P01) is retried as a whole: the caller gets the answer, and history and audit are written once."""
    await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": {"port": 1}})
    raised: list[str] = []

    def break_once(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().startswith("UPDATE configs") and len(raised) < 3:
            raised.append(statement)
            raise_deadlock()

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", break_once)
    try:
        data = await client.run(
            "SetIntegrationConfig", input={"integrationId": world.integration, "config": {"port": 2}}
        )
    finally:
        event.remove(engine, "before_cursor_execute", break_once)
    assert len(raised) == 3
    assert data["setIntegrationConfig"]["configs"][0]["value"] == 2
    assert await sql.fetchval("SELECT version FROM configs WHERE key = 'port' AND organization_id IS NULL") == 2
    assert await sql.fetchval("SELECT count(*) FROM config_history") == 1
    writes = "SELECT count(*) FROM audit_log WHERE action = 'config.write' AND keys = '{port}'"
    assert await sql.fetchval(writes) == 2


def raise_deadlock() -> None:
    """What SQLAlchemy raises for PostgreSQL's 40P01."""
    cause = Exception("deadlock detected")
    cause.sqlstate = "40P01"  # type: ignore[attr-defined]
    raise DBAPIError("statement", None, cause)


async def test_two_schema_changes_at_once(client: Any, world: Any, sql: Any) -> None:
    """Two concurrent schema changes run one after the other: no error, and the schema is one of theirs, whole."""
    one = [{"key": "url", "type": "STRING"}, {"key": "port", "type": "STRING"}]
    two = [{"key": "url", "type": "SECRET"}, {"key": "port", "type": "SECRET"}, {"key": "new", "type": "INT"}]
    for _ in range(5):
        changes = [
            client.send("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
            for schema in (one, two, one, two)
        ]
        answers = await at_once(*changes)
        assert [answer.errors for answer in answers if answer.errors] == []
    fields = await sql.fetch("SELECT key, type FROM integration_config_schema ORDER BY key")
    found = {row["key"]: row["type"].upper() for row in fields}
    assert found in [{field["key"]: field["type"] for field in schema} for schema in (one, two)]
    wrong = (
        "SELECT 1 FROM configs c JOIN integration_config_schema f ON f.key = c.key WHERE f.field_type <> c.config_type"
    )
    assert await sql.fetch(wrong) == []


async def test_writes_during_schema_changes(client: Any, world: Any, sql: Any) -> None:
    """A write sees the schema before or after a change, never a mix: no row keeps another type than its field."""

    async def write(number: int) -> Any:
        given = {"integrationId": world.integration, "config": {"url": f"text {number}"}}
        return await client.send("SetIntegrationConfig", input=given)

    async def change(number: int) -> Any:
        schema = [{"key": "url", "type": "SECRET" if number % 2 else "STRING"}]
        return await client.send("UpdateIntegration", input={"id": world.integration, "configSchema": schema})

    answers = await at_once(*(call(number) for number in range(12) for call in (write, change, write)))
    assert [answer.errors for answer in answers if answer.errors] == []
    both = "configs c JOIN integration_config_schema f USING (key)"
    assert await sql.fetch(f"SELECT 1 FROM {both} WHERE (c.sealed IS NULL) = (f.type = 'secret')") == []
