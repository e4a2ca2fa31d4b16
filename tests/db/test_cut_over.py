"""Older software that still writes during a cut-over: it knows the legacy columns and nothing else."""

import json
import uuid
from typing import Any

import asyncpg
import pytest

from db.configs import StandaloneWrite, set_config
from db.fields import Field
from db.integrations import create_integration, set_integration_config
from db.mappings import NewMapping, create_mapping
from db.organizations import create_organization
from db.stored import judge, select_stored, stored
from db.values import ConfigType

FIELDS = [
    Field("url", ConfigType.STRING),
    Field("port", ConfigType.INT, position=1),
    Field("token", ConfigType.SECRET, position=2),
]


class Ours:
    """What our software has written."""

    def __init__(self, organization: uuid.UUID, integration: uuid.UUID, ids: dict[str, uuid.UUID]) -> None:
        self.organization = organization
        self.integration = integration
        self.ids = ids


@pytest.fixture
async def ours(transact: Any, sql: asyncpg.Connection) -> Ours:
    """An integration with three defaults and three overrides of one organization, and a standalone secret."""
    organization = (await transact(lambda t: create_organization(t, None, "A"))).id
    integration = (await transact(lambda t: create_integration(t, "halo", None, FIELDS))).id
    config = {"url": "https://a.example.com", "port": 443, "token": "our-secret"}
    await transact(lambda t: set_integration_config(t, integration, config, None))
    await transact(lambda t: create_mapping(t, integration, NewMapping(organization, "1", None, config)))
    write = StandaloneWrite(organization, "standalone", ConfigType.SECRET, "our-standalone")
    await transact(lambda t: set_config(t, write))
    rows = await sql.fetch("SELECT id, key FROM configs WHERE integration_id IS NULL OR organization_id IS NULL")
    return Ours(organization, integration, {row["key"]: row["id"] for row in rows})


async def test_old_inserts_are_legacy(sql: asyncpg.Connection, ours: Ours, write_legacy: Any) -> None:
    """What older software inserts is legacy by default, tied to no field, whatever its type."""
    await sql.execute(
        "INSERT INTO integration_config_schema (id, integration_id, key, type, required, description, options,"
        " position) VALUES (gen_random_uuid(), $1, 'extra', 'json', true, 'd', '{a}', 9)",
        ours.integration,
    )
    id = await write_legacy("extra", "{}", integration=str(ours.integration), type="secret")
    row = await sql.fetchrow("SELECT legacy, field_id, sealed, version FROM configs WHERE id = $1", id)
    assert tuple(row or ()) == (True, None, None, 1)


OLD_WRITES = {
    "the same type": ("url", "new", "string"),
    "an int as text": ("port", "8443", "string"),
    "a secret in plaintext": ("token", "new-secret", "string"),
    "a secret typed secret": ("token", "new-secret", "secret"),
    "an object": ("token", {"a": 1}, "json"),
    "a standalone secret": ("standalone", "new-secret", "string"),
}


@pytest.mark.parametrize("name", OLD_WRITES)
async def test_old_updates_of_our_rows_work_and_are_legacy(
    name: str, sql: asyncpg.Connection, ours: Ours, database: Any, vault: Any
) -> None:
    """Older software updates a row of ours, whatever type it gives it: the row is legacy again, with its value."""
    key, value, type = OLD_WRITES[name]
    await sql.execute(
        "UPDATE configs SET value = $2, config_type = $3, updated_by = 'old', updated_at = now() WHERE id = $1",
        ours.ids[key],
        json.dumps({"value": value}),
        type,
    )
    async with database.read() as session:
        found = {row.id: stored(row) for row in await session.rows(select_stored())}[ours.ids[key]]
    assert (found.legacy, found.sealed, found.data_key_id, found.field_id) == (True, None, None, None)
    assert found.raw == value
    assert judge(found, vault.legacy_keys) is not None
    assert found.version == 2, "an expectedVersion notices it"


async def test_an_old_update_of_the_type_alone_loses_no_secret(sql: asyncpg.Connection, ours: Ours) -> None:
    """Older software that changes the type of a sealed row and not its value does not lose the secret."""
    await sql.execute("UPDATE configs SET config_type = 'string' WHERE id = $1", ours.ids["token"])
    row = await sql.fetchrow(
        "SELECT legacy, sealed IS NOT NULL AS sealed, data_key_id IS NOT NULL AS k FROM configs WHERE id = $1",
        ours.ids["token"],
    )
    assert tuple(row or ()) == (True, True, True)


async def test_an_old_update_beside_the_value_leaves_the_row_ours(sql: asyncpg.Connection, ours: Ours) -> None:
    """Older software that writes the same value again, or a description, makes nothing legacy."""
    await sql.execute("UPDATE configs SET description = 'd', value = value, config_type = config_type")
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE legacy") == 0


@pytest.mark.parametrize("key", ["url", "port", "token"])
async def test_old_deletes_work(key: str, sql: asyncpg.Connection, ours: Ours) -> None:
    """Older software deletes a config of ours, or its field: the value of a deleted field stays."""
    await sql.execute("DELETE FROM configs WHERE id = $1", ours.ids[key])
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE key = $1", key) == 1
    await sql.execute("DELETE FROM integration_config_schema WHERE key = $1", key)
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE key = $1", key) == 1


@pytest.mark.parametrize("type", ["string", "int", "bool", "json", "secret", "text"])
@pytest.mark.parametrize("key", ["url", "port", "token"])
async def test_old_type_changes_work(type: str, key: str, sql: asyncpg.Connection, ours: Ours) -> None:
    """Older software changes a field's type with one UPDATE: the comparable type columns do not stop it."""
    await sql.execute("UPDATE integration_config_schema SET type = $1 WHERE key = $2", type, key)
    held = await sql.fetch("SELECT value, sealed FROM configs WHERE key = $1", key)
    assert len(held) == 2
    assert all((row["value"] is None) != (row["sealed"] is None) for row in held)


async def test_an_old_delete_of_an_organization_works(sql: asyncpg.Connection, ours: Ours) -> None:
    """Older software deletes an organization as ever, its configs first; its data keys and history go with it."""
    await sql.execute("DELETE FROM configs WHERE organization_id = $1", ours.organization)
    await sql.execute("DELETE FROM organizations WHERE id = $1", ours.organization)
    assert await sql.fetchval("SELECT count(*) FROM data_keys WHERE organization_id IS NOT NULL") == 0


async def test_an_old_delete_of_an_integration_works(sql: asyncpg.Connection, ours: Ours) -> None:
    """Older software deletes an integration's row: its schema, mappings, configs and history go with it."""
    await sql.execute("DELETE FROM integrations WHERE id = $1", ours.integration)
    assert await sql.fetchval("SELECT count(*) FROM configs") == 1


async def test_verified_means_that_older_software_is_refused(sql: asyncpg.Connection, ours: Ours) -> None:
    """Once CHECK (NOT legacy) is there, PostgreSQL refuses software that would write a plaintext secret."""
    await sql.execute("ALTER TABLE configs ADD CONSTRAINT ck_configs_not_legacy CHECK (NOT legacy)")
    value = json.dumps({"value": "plaintext"})
    with pytest.raises(asyncpg.CheckViolationError):
        await sql.execute("UPDATE configs SET value = $1, config_type = 'string'", value)
    with pytest.raises(asyncpg.CheckViolationError):
        await sql.execute(
            "INSERT INTO configs (id, key, value, updated_by) VALUES (gen_random_uuid(), 'x', $1, 'old')", value
        )
