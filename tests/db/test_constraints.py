"""What PostgreSQL itself refuses, whatever software asks."""

import json
import os
import uuid
from typing import Any

import asyncpg
import pytest

SECRET = json.dumps({"value": "plaintext"})


@pytest.fixture
async def at(sql: asyncpg.Connection) -> dict[str, uuid.UUID]:
    """An organization, an integration with a string and a secret field, and a data key."""
    ids = {name: uuid.uuid4() for name in ("organization", "integration", "url", "token", "key")}
    await sql.execute("INSERT INTO organizations (id, name, created_by) VALUES ($1, 'A', 'x')", ids["organization"])
    await sql.execute("INSERT INTO integrations (id, name) VALUES ($1, 'halo')", ids["integration"])
    for key, type in (("url", "string"), ("token", "secret")):
        await sql.execute(
            "INSERT INTO integration_config_schema (id, integration_id, key, type) VALUES ($1, $2, $3, $4)",
            ids[key],
            ids["integration"],
            key,
            type,
        )
    await sql.execute("INSERT INTO data_keys (id, root_key_id, wrapped) VALUES ($1, 'r', 'w')", ids["key"])
    return ids


async def insert(sql: asyncpg.Connection, **columns: Any) -> None:
    """Insert a config with these columns."""
    row = {"id": uuid.uuid4(), "key": "k", "updated_by": "x", **columns}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await sql.execute(f"INSERT INTO configs ({', '.join(row)}) VALUES ({places})", *row.values())


PLAIN = {"config_type": "string", "value": SECRET}
SEALED = {"config_type": "secret", "sealed": os.urandom(60), "data_key_id": "key"}

REFUSED: dict[str, dict[str, Any]] = {
    "a secret in plaintext": {"config_type": "secret", "value": SECRET},
    "a secret that is sealed and in plaintext": {**SEALED, "value": SECRET},
    "a secret with nothing": {"config_type": "secret"},
    "a sealed secret without its data key": {**SEALED, "data_key_id": None},
    "a sealed value of another type": {**SEALED, "config_type": "string"},
    "no secret, but with a data key": {**PLAIN, "data_key_id": "key"},
    "no secret, and nothing": {"config_type": "string"},
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("table", ["configs", "config_history"])
async def test_secret_means_sealed_and_value_null(
    name: str, table: str, sql: asyncpg.Connection, at: dict[str, uuid.UUID]
) -> None:
    """CHECK (legacy OR secret ⇔ sealed, value null): a row of ours that breaks it is refused, in the history too."""
    row = {key: at.get(str(value), value) for key, value in REFUSED[name].items()}
    if table == "config_history":
        row |= {"reason": "r", "changed_by": "x", "version": 1}
    else:
        row |= {"legacy": False, "updated_by": "x"}
    row |= {"id": uuid.uuid4(), "key": "k"}
    names, places = ", ".join(row), ", ".join(f"${number}" for number in range(1, len(row) + 1))
    extra = (", changed_at", ", now()") if table == "config_history" else ("", "")
    with pytest.raises(asyncpg.CheckViolationError):
        await sql.execute(f"INSERT INTO {table} ({names}{extra[0]}) VALUES ({places}{extra[1]})", *row.values())


@pytest.mark.parametrize("row", [PLAIN, SEALED], ids=["plain", "sealed"])
async def test_what_is_right_is_accepted(
    row: dict[str, Any], sql: asyncpg.Connection, at: dict[str, uuid.UUID]
) -> None:
    """A sealed secret without a value, and a value that is no secret, are what rows of ours hold."""
    await insert(sql, **{key: at.get(str(value), value) for key, value in row.items()}, legacy=False)


async def test_a_plaintext_secret_may_be_legacy_and_is_by_default(sql: asyncpg.Connection) -> None:
    """`legacy` is true for what other software writes, and lets it write a plaintext secret."""
    await insert(sql, config_type="secret", value=SECRET)
    assert await sql.fetchval("SELECT legacy FROM configs") is True
    with pytest.raises(asyncpg.NotNullViolationError):
        await insert(sql, key="other", value=SECRET, legacy=None)


NULLS = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize(("integration", "organization"), NULLS)
async def test_one_row_a_place_nulls_included(
    integration: bool, organization: bool, sql: asyncpg.Connection, at: dict[str, uuid.UUID]
) -> None:
    """One row per (integration, organization, key), nulls included."""
    place = {
        "integration_id": at["integration"] if integration else None,
        "organization_id": at["organization"] if organization else None,
    }
    await insert(sql, **place, **PLAIN)
    with pytest.raises(asyncpg.UniqueViolationError):
        await insert(sql, **place, **PLAIN)
    await insert(sql, **place, **PLAIN, key="K")


async def test_the_same_key_in_every_scope(sql: asyncpg.Connection, at: dict[str, uuid.UUID]) -> None:
    """A key may have a default, an override, a global and an organization's standalone value beside each other."""
    for integration, organization in NULLS:
        await insert(
            sql,
            integration_id=at["integration"] if integration else None,
            organization_id=at["organization"] if organization else None,
            **PLAIN,
        )
    assert await sql.fetchval("SELECT count(*) FROM configs") == 4


async def test_a_row_tied_to_a_field_has_its_type(sql: asyncpg.Connection, at: dict[str, uuid.UUID]) -> None:
    """The foreign key (field_id, config_type) → schema (id, type): no row is typed string under a secret field."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await insert(sql, integration_id=at["integration"], key="token", field_id=at["token"], legacy=False, **PLAIN)
    await insert(sql, integration_id=at["integration"], key="url", field_id=at["url"], legacy=False, **PLAIN)


async def test_deleting_a_field_deletes_no_value(sql: asyncpg.Connection, at: dict[str, uuid.UUID]) -> None:
    """The legacy key `config_schema_id` no longer cascades, and neither does ours: the values stay."""
    place = {"integration_id": at["integration"]}
    await insert(sql, **place, key="url", config_schema_id=at["url"], **PLAIN)
    ours = {"organization_id": at["organization"], "field_id": at["url"]}
    await insert(sql, **place, **ours, key="url", legacy=False, **PLAIN)
    await sql.execute("DELETE FROM integration_config_schema WHERE id = $1", at["url"])
    rows = await sql.fetch("SELECT config_schema_id, field_id, value FROM configs")
    assert [tuple(row) for row in rows] == [(None, None, SECRET)] * 2


async def test_one_active_data_key_a_scope(sql: asyncpg.Connection, at: dict[str, uuid.UUID]) -> None:
    """One data key is active per scope, global included; retired ones may be many."""
    add = "INSERT INTO data_keys (id, organization_id, root_key_id, wrapped, active) VALUES ($1, $2, 'r', 'w', $3)"
    await sql.execute(add, uuid.uuid4(), at["organization"], True)
    for scope in (None, at["organization"]):
        with pytest.raises(asyncpg.UniqueViolationError):
            await sql.execute(add, uuid.uuid4(), scope, True)
        for _ in range(2):
            await sql.execute(add, uuid.uuid4(), scope, False)


async def test_a_data_key_in_use_cannot_be_deleted(sql: asyncpg.Connection, at: dict[str, uuid.UUID]) -> None:
    """A data key that a config or its history is sealed with cannot get lost alone."""
    await insert(sql, **{**SEALED, "data_key_id": at["key"]}, legacy=False)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await sql.execute("DELETE FROM data_keys")


async def test_names_are_unique_among_what_is_not_deleted(sql: asyncpg.Connection) -> None:
    """An integration's name is unique among those that are not deleted."""
    add = "INSERT INTO integrations (id, name, is_deleted) VALUES (gen_random_uuid(), 'x', $1)"
    for deleted in (True, True, False):
        await sql.execute(add, deleted)
    with pytest.raises(asyncpg.UniqueViolationError):
        await sql.execute(add, False)
