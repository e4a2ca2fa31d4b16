"""The audit log as the API fills it: every write, reveal and resolve, and never a value."""

import asyncio
import json
import time
import uuid
from typing import Any

import pytest

from db.audit.buffer import FLUSH_SECONDS

SECRET = "the-planted-secret"


async def log(sql: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in await sql.fetch("SELECT * FROM audit_log ORDER BY at, id")]


async def test_every_write_is_on_record(client, world, sql) -> None:
    """Each mutation leaves exactly one record: who, what, where, which keys; in the transaction that did it."""
    before = {row["id"] for row in await log(sql)}
    at = {"integrationId": world.integration}
    made = await client.run("SetConfig", input={"key": "k", "type": "SECRET", "value": SECRET})
    standalone = made["setConfig"]["config"]["id"]
    await client.run("SetConfig", input={"key": "k", "type": "SECRET", "value": SECRET + "2"})
    await client.run("RestoreConfig", input={"id": standalone, "version": 1})
    await client.run("DeleteConfig", input={"id": standalone})
    await client.run("SetIntegrationConfig", input=at | {"config": {"api_key": SECRET, "port": None}})
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": SECRET}})
    upserted = {"organizationId": world.other, "entityId": "x", "config": {"api_key": SECRET}}
    await client.run("UpsertMappings", input=at | {"mappings": [upserted]})
    await client.run("DeleteMapping", input={"id": world.mapping})
    token = await client.run("CreateToken", input={"name": "t", "permissions": ["*"]})
    await client.run("RevokeToken", id=token["createToken"]["id"])
    run = await client.run("StartBackfill", input={"kind": "VERIFY"})
    for steer in ("PauseBackfill", "ResumeBackfill", "CancelBackfill"):
        await client.run(steer, id=run["startBackfill"]["run"]["id"])
    await client.run("UpdateIntegration", input={"id": world.integration, "name": "renamed"})
    await client.run("DeleteIntegration", input={"id": world.integration})
    await client.run("DeleteOrganization", input={"id": world.other})
    rows = [row for row in await log(sql) if row["id"] not in before and row["action"] != "key.create"]
    assert [(row["action"], row["keys"]) for row in rows] == [
        ("config.write", ["k"]),
        ("config.write", ["k"]),
        ("config.restore", ["k"]),
        ("config.delete", ["k"]),
        ("config.write", ["api_key", "port"]),
        ("mapping.update", ["api_key"]),
        ("mapping.upsert", ["api_key"]),
        ("mapping.delete", []),
        ("token.create", None),
        ("token.revoke", None),
        ("backfill.start", None),
        ("backfill.pause", None),
        ("backfill.resume", None),
        ("backfill.cancel", None),
        ("backfill.finish", None),
        ("integration.update", None),
        ("integration.delete", None),
        ("organization.delete", None),
    ]
    assert {row["actor"] for row in rows} == {"admin"}
    assert all(row["token_id"] for row in rows)
    assert rows[0]["config_id"] == uuid.UUID(standalone)
    assert rows[5]["organization_id"] == uuid.UUID(world.organization)
    assert rows[4]["integration_id"] == uuid.UUID(world.integration)
    assert SECRET not in json.dumps(rows, default=str)
    assert token["createToken"]["token"] not in json.dumps(rows, default=str)


async def test_a_refused_write_is_not_on_record(client, world, sql) -> None:
    """A write that did not happen leaves no record: record and deed are one transaction."""
    before = await log(sql)
    await client.refused("SetIntegrationConfig", input={"integrationId": world.integration, "config": {"no": 1}})
    await client.refused(
        "SetIntegrationConfig",
        input={"integrationId": world.integration, "config": {"port": 1}, "expectedVersions": {"port": 9}},
    )
    assert await log(sql) == before


async def test_a_write_without_its_record_does_not_happen(client, world, sql, tables) -> None:
    """If the record cannot be written, nothing is."""
    await sql.execute("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
    await sql.execute("CREATE TRIGGER fail BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION fail()")
    before = await tables()
    for name, given in {
        "SetConfig": {"key": "k", "type": "SECRET", "value": SECRET},
        "DeleteMapping": {"id": world.mapping},
        "DeleteOrganization": {"id": world.organization},
        "CreateToken": {"name": "t", "permissions": ["*"]},
        "UpdateIntegration": {"id": world.integration, "configSchema": []},
        "StartBackfill": {},
    }.items():
        answer = await client.refused(name, input=given)
        assert answer.codes == ["INTERNAL"]
        assert await tables() == before


async def test_a_resolve_is_on_record_within_a_second(client, world, sql) -> None:
    """A resolve that hands out secrets is recorded within about a second, with the moment it happened at."""
    asked = time.time()
    await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    rows: list[dict[str, Any]] = []
    for _ in range(60):
        rows = [row for row in await log(sql) if row["action"] == "config.resolve"]
        if rows:
            break
        await asyncio.sleep(0.05)
    (row,) = rows
    assert FLUSH_SECONDS <= 1
    assert asked - 0.1 <= row["at"].timestamp() <= asked + 1
    assert row["keys"] == ["api_key"]
    assert row["organization_id"] == uuid.UUID(world.organization)
    assert row["integration_id"] == uuid.UUID(world.integration)
    assert "the-default-key" not in str(row)


async def test_a_resolve_without_secrets_is_no_event(client, world, sql, api) -> None:
    """Only what hands out a secret is a reveal: a config without one leaves no record."""
    schema = [{"key": "url", "type": "STRING"}]
    await client.run("CreateIntegration", input={"name": "plain", "configSchema": schema})
    made = await client.run('query { integration(name: "plain") { id } }')
    await client.run("CreateMapping", input={"integrationId": made["integration"]["id"], "entityId": "1"})
    await client.run("Resolve", integration="plain", organizationId=world.organization)
    await api.service.audit.flush()
    assert not [row for row in await log(sql) if row["action"] == "config.resolve"]


async def test_resolving_stops_when_nothing_can_be_recorded(api, client, world, monkeypatch: Any) -> None:
    """Once too many resolves wait for their record, the next is UNAVAILABLE: none goes unrecorded."""
    monkeypatch.setattr("db.audit.buffer.BUFFER_LIMIT", 1)
    await api.service.audit.stop()
    ask = {"integration": "halo-psa", "organizationId": world.organization}
    await client.run("Resolve", **ask)
    answer = await client.refused("Resolve", **ask)
    assert answer.codes == ["UNAVAILABLE"]
    assert "the-default-key" not in answer.text
    await api.service.audit.flush()
    await client.run("Resolve", **ask)


@pytest.mark.parametrize("opened", ["UpdateIntegration", "RestoreConfig"])
async def test_turning_a_secret_into_something_else_is_on_record(client, world, sql, opened: str) -> None:
    """A secret that stops being one is revealed to everybody who may read: that is an event of its own."""
    if opened == "RestoreConfig":
        await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": {"api_key": "b"}})
    first = None
    schema = [{"key": "url", "type": "STRING"}, {"key": "api_key", "type": "STRING"}]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    if opened == "RestoreConfig":
        (first,) = [row["id"] for row in await log(sql) if row["action"] == "config.unseal"]
        id = await sql.fetchval("SELECT id FROM configs WHERE key = 'api_key'")
        await client.run("RestoreConfig", input={"id": str(id), "version": 1})
    (row,) = [row for row in await log(sql) if row["action"] == "config.unseal" and row["id"] != first]
    assert row["keys"] == ["api_key"]
    assert row["integration_id"] == uuid.UUID(world.integration)
