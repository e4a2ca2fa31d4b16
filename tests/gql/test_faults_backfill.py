"""Faults of the replaced software's migration: each is named, and is no more."""

import asyncio
import base64
import time
import uuid
from typing import Any

import pytest
from cryptography.fernet import Fernet

from db.crypto.legacy import LegacyKeys
from workers.engine import Engine

OLD = Fernet(Fernet.generate_key())
SECRET = "correct horse battery staple"


@pytest.fixture
def legacy_keys() -> LegacyKeys:
    return LegacyKeys([OLD])


@pytest.fixture
def engine(database: Any, vault: Any) -> Engine:
    return Engine(database, vault)


async def backfill(client: Any, engine: Engine, kind: str = "SEAL") -> dict[str, Any]:
    started = await client.run("StartBackfill", input={"kind": kind})
    id = started["startBackfill"]["run"]["id"]
    while await engine.work(uuid.UUID(id)):
        pass
    return (await client.run("BackfillProgress", id=id))["backfillRun"]


async def row_of(sql: Any, id: str) -> dict[str, Any]:
    return dict(await sql.fetchrow("SELECT * FROM configs WHERE id = $1", uuid.UUID(id)))


async def test_sealed_values_are_sealed_twice(client, world, engine, write_legacy, sql) -> None:
    """A stored token, Fernet or base64 of it, even sealed twice over, is opened before it is sealed: what resolves
    is the plaintext, before and after."""
    fernet = OLD.encrypt(SECRET.encode())
    place = {"integration": world.integration, "organization": world.organization}
    for token in (fernet, base64.b64encode(fernet), base64.b64encode(OLD.encrypt(base64.b64encode(fernet)))):
        id = await write_legacy("api_key", token.decode(), **place)
        for _ in range(2):
            data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
            assert data["resolve"]["config"]["api_key"] == SECRET
            assert (await backfill(client, engine))["status"] == "SUCCEEDED"
        assert (await row_of(sql, id))["sealed"] is not None
        await client.run("DeleteConfig", input={"id": id})


@pytest.mark.parametrize("value", [SECRET, 7_392_018, {"private": SECRET}])
async def test_rows_whose_type_already_matches_are_skipped_although_plaintext(
    client, world, engine, write_legacy, sql, value: Any
) -> None:
    """A plaintext row that is typed `secret` already is sealed like one that is not."""
    place = {"integration": world.integration, "organization": world.organization}
    id = await write_legacy("api_key", value, type="secret", **place)
    assert (await row_of(sql, id))["value"] is not None
    await backfill(client, engine)
    row = await row_of(sql, id)
    assert (row["value"], row["legacy"], row["config_type"]) == (None, False, "secret")
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["config"]["api_key"] == value


@pytest.mark.parametrize("value", ["gAAA", "gAAAAABnot-a-token", "gAAA" + "x" * 201, "Z0FBQUFB" + "x" * 92])
async def test_a_secret_that_begins_with_gAAA_stays_plaintext(  # noqa: N802 - as the tokens begin
    client, world, engine, write_legacy, sql, value: str
) -> None:
    """A plaintext that only begins like a token is sealed; what it is, is found by trial, not by its prefix."""
    id = await write_legacy("api_key", value, integration=world.integration, organization=world.organization)
    await backfill(client, engine)
    assert (await row_of(sql, id))["value"] is None
    data = await client.run("Reveal", id=id)
    assert data["config"]["decryptedValue"] == value


FILL = """
INSERT INTO organizations (id, name, created_by)
    SELECT gen_random_uuid(), 'organization ' || n, 'x' FROM generate_series(1, 600) n;
INSERT INTO configs (id, organization_id, integration_id, key, value, updated_by)
    SELECT gen_random_uuid(), id, '{integration}', 'api_key', '{{"value": "the old plaintext"}}', 'x'
    FROM organizations WHERE name LIKE 'organization %';
INSERT INTO integration_mappings (integration_id, organization_id, entity_id)
    SELECT '{integration}', id, 'x' FROM organizations WHERE name LIKE 'organization %'
"""


async def test_secrets_rotated_meanwhile_are_set_back_to_their_old_value(client, world, engine, sql) -> None:
    """Every secret that is written while a backfill runs, and whose write was acknowledged, is what resolves
    afterwards; and no writer waits for the run."""
    await sql.execute(FILL.format(integration=world.integration))
    mappings = await sql.fetch(
        "SELECT id, organization_id FROM integration_mappings WHERE entity_id = 'x' ORDER BY random() LIMIT 50"
    )
    started = await client.run("StartBackfill", input={"batchSize": 10})
    run = uuid.UUID(started["startBackfill"]["run"]["id"])
    waits: list[float] = []
    overlapping: list[str] = []

    async def work() -> None:
        while await engine.work(run):
            await asyncio.sleep(0)

    async def rotate() -> None:
        for number, row in enumerate(mappings):
            began = time.monotonic()
            given = {"id": str(row["id"]), "config": {"api_key": f"rotated {number}"}}
            await client.run("UpdateMapping", input=given)
            waits.append(time.monotonic() - began)
            if not working.done():
                overlapping.append(str(row["id"]))

    working = asyncio.create_task(work())
    await asyncio.gather(working, rotate())
    assert len(overlapping) > 5, "the writes came too late to mean anything"
    assert max(waits) < 5, "at this size the replaced software kept writers waiting for its whole migration"
    for number, row in enumerate(mappings):
        ask = {"integration": "halo-psa", "organizationId": str(row["organization_id"])}
        data = await client.run("Resolve", **ask)
        assert data["resolve"]["config"]["api_key"] == f"rotated {number}"
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE value::text LIKE '%plaintext%'") == 0
    progress = await client.run("BackfillProgress", id=str(run))
    assert progress["backfillRun"]["status"] == "SUCCEEDED"


async def test_the_migration_is_one_transaction_over_one_read(client, world, engine, sql) -> None:
    """A run works in many short transactions: its progress is seen while it goes on, and no row stays locked."""
    await sql.execute(FILL.format(integration=world.integration))
    started = await client.run("StartBackfill", input={"batchSize": 20})
    run = started["startBackfill"]["run"]["id"]
    seen: set[int] = set()

    async def work() -> None:
        while await engine.work(uuid.UUID(run)):
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    while not working.done():
        progress = await client.run("BackfillProgress", id=run)
        seen.add(progress["backfillRun"]["processed"])
        await asyncio.sleep(0.005)
    await working
    assert len(seen) > 5


async def test_older_software_cannot_write_plaintext_once_the_door_is_shut(
    client, world, engine, write_legacy, sql
) -> None:
    """After VERIFY has passed, PostgreSQL itself refuses the plaintext that the replaced software would write."""
    await backfill(client, engine)
    assert (await backfill(client, engine, "VERIFY"))["status"] == "SUCCEEDED"
    with pytest.raises(Exception, match="check constraint"):
        await write_legacy("api_key", SECRET, integration=world.integration, organization=world.other)


@pytest.mark.parametrize("how", ["overwritten", "deleted", "mapped anew", "dropped"])
async def test_a_row_that_older_software_writes_again_takes_its_place_in_the_history(
    client, world, write_legacy, sql, how: str
) -> None:
    """Older software writes every row as version 1, whatever came before: its value goes to the history as a version
    of its own, and the next one is newer than all."""
    for port in (1, 2, 3):
        await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": port}})
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": None}})
    if how == "mapped anew":
        await client.run("DeleteMapping", input={"id": world.mapping})
    id = await write_legacy("port", 7, integration=world.integration, organization=world.organization)
    if how == "deleted":
        await client.run("DeleteConfig", input={"id": id})
    if how == "dropped":
        schema = [{"key": "url", "type": "STRING"}]
        await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
        schema.append({"key": "port", "type": "INT"})
        await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    given = {"integrationId": world.integration, "organizationId": world.organization, "entityId": "1"}
    if how == "mapped anew":
        await client.run("CreateMapping", input={**given, "config": {"port": 8}})
    else:
        await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": 8}})
    past = await sql.fetch("SELECT version, value FROM config_history WHERE key = 'port' ORDER BY version")
    (current,) = await sql.fetch("SELECT version FROM configs WHERE key = 'port'")
    versions = [row["version"] for row in past]
    assert versions == sorted(set(versions))
    assert current["version"] > max(versions)
    assert '{"value": 7}' in [row["value"] for row in past]
