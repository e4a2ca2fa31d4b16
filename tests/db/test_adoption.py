"""Adopting a database of the replaced software: tests/data/legacy.sql, then our migrations over it."""

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from db.audit.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.errors import Undecryptable
from db.pool import Pool
from db.resolving import Resolver
from db.snapshots import Snapshots
from db.upgrade import upgrade
from db.vault import Vault

DATA = Path(__file__).parent.parent / "data"
EXPECTED = json.loads((DATA / "legacy.expected.json").read_text())
TABLES = ("organizations", "integrations", "integration_config_schema", "integration_mappings", "configs")

Rows = dict[str, dict[str, dict[str, Any]]]


async def load_legacy(url: str) -> None:
    """What the replaced software leaves behind: its tables, full of rows."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute((DATA / "legacy.sql").read_text())
    finally:
        await connection.close()


async def read_all(connection: asyncpg.Connection) -> Rows:
    """Every row of the legacy tables as PostgreSQL tells it, by table and id."""
    return {
        table: {
            row["id"]: json.loads(row["told"])
            for row in await connection.fetch(f"SELECT id::text, to_jsonb(t)::text AS told FROM {table} t")
        }
        for table in TABLES
    }


@pytest.fixture
async def before(empty_database_url: str) -> Rows:
    """The legacy rows before any migration."""
    await load_legacy(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    try:
        return await read_all(connection)
    finally:
        await connection.close()


@pytest.fixture
async def adopted(before: Rows, empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The legacy database after the migrations."""
    await upgrade(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


async def test_nothing_is_lost_or_altered_by_migrating_alone(before: Rows, adopted: asyncpg.Connection) -> None:
    """Nothing of the legacy data is lost or altered by migrating alone: every column of every row is as before."""
    after = await read_all(adopted)
    assert {table: len(rows) for table, rows in before.items()} == {t: len(rows) for t, rows in after.items()}
    assert len(before["configs"]) == 964
    for table, rows in before.items():
        for id, row in rows.items():
            assert {column: after[table][id][column] for column in row} == row


async def test_every_old_row_is_legacy(adopted: asyncpg.Connection) -> None:
    """Every old row is legacy, and nothing of ours is filled in: no seal, no data key, no field."""
    rows = await adopted.fetch(
        "SELECT legacy, sealed IS NULL AS s, data_key_id IS NULL AS d, field_id IS NULL AS f, version, count(*)"
        " FROM configs GROUP BY 1, 2, 3, 4, 5"
    )
    assert [tuple(row) for row in rows] == [(True, True, True, True, 1, 964)]


async def test_all_constraints_hold_from_the_first_day(adopted: asyncpg.Connection) -> None:
    """CHECK (legacy OR …) and the foreign key hold from the first day: none is left NOT VALID."""
    rows = await adopted.fetch(
        "SELECT conname FROM pg_constraint WHERE NOT convalidated AND connamespace = 'public'::regnamespace"
    )
    assert rows == []
    names = {
        row["conname"]
        for row in await adopted.fetch("SELECT conname FROM pg_constraint WHERE conrelid = 'configs'::regclass")
    }
    assert {"ck_configs_sealed_or_plain", "fk_configs_field"} <= names


async def test_the_legacy_coalesce_index_is_dropped(adopted: asyncpg.Connection) -> None:
    """The same migration drops the legacy COALESCE index; the new one takes nulls as equal."""
    rows = await adopted.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'configs'")
    unique = [row["indexdef"] for row in rows if "UNIQUE" in row["indexdef"] and "(id)" not in row["indexdef"]]
    assert len(unique) == 1
    assert "NULLS NOT DISTINCT" in unique[0]
    assert not any("COALESCE" in row["indexdef"].upper() and "UNIQUE" in row["indexdef"] for row in rows)


OTHER_NAMES = """
SET search_path = public;
ALTER INDEX ix_configs_integration_org_key RENAME TO one_of_each;
CREATE UNIQUE INDEX "one Standalone" ON configs (organization_id, key) WHERE integration_id IS NULL;
ALTER TABLE configs ADD CONSTRAINT also_once UNIQUE (integration_id, organization_id, key);
ALTER TABLE integrations DROP CONSTRAINT integrations_name_key;
DROP INDEX ix_integrations_name;
CREATE UNIQUE INDEX ix_integrations_name ON integrations (name);
CREATE UNIQUE INDEX ix_lower_names ON integrations (lower(name));
"""


async def test_no_other_unique_index_over_our_places_or_names_is_left(before: Rows, empty_database_url: str) -> None:
    """Whatever older software calls its unique indexes: beside ours they would fail first writes at once, and keep the
    name of a deleted integration from being used again."""
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(OTHER_NAMES)
    await upgrade(empty_database_url)
    unique = "SELECT indexname FROM pg_indexes WHERE tablename = $1 AND indexdef LIKE 'CREATE UNIQUE%' ORDER BY 1"
    left = {table: [row[0] for row in await connection.fetch(unique, table)] for table in ("configs", "integrations")}
    await connection.close()
    assert left == {
        "configs": ["configs_pkey", "uq_configs_place"],
        "integrations": ["integrations_pkey", "uq_integrations_name"],
    }


async def shape_of(url: str) -> dict[str, set[Any]]:
    """Columns, indexes, constraints, triggers and types of a database, as PostgreSQL's catalogue has them."""
    connection = await asyncpg.connect(url)
    queries = {
        "columns": "SELECT table_name, column_name, data_type, udt_name, is_nullable, is_generated,"
        " character_maximum_length FROM information_schema.columns WHERE table_schema = 'public'",
        "indexes": "SELECT tablename, regexp_replace(indexdef, ' INDEX \\S+ ', ' ') FROM pg_indexes"
        " WHERE schemaname = 'public'",
        "constraints": "SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'",
        "triggers": "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }
    try:
        return {name: {tuple(row) for row in await connection.fetch(query)} for name, query in queries.items()}
    finally:
        await connection.close()


async def test_an_adopted_database_has_the_shape_of_a_new_one(
    adopted: asyncpg.Connection, empty_database_url: str, database_url: str
) -> None:
    """The first revision is the legacy shape: adopted or made, the database ends up the same."""
    ours, theirs = await shape_of(empty_database_url), await shape_of(database_url)
    for name, wanted in theirs.items():
        assert ours[name] == wanted, name


def legacy_vault() -> Vault:
    """A vault with the replaced software's application secret."""
    keys = LegacyKeys.from_settings((), EXPECTED["secretKey"], EXPECTED["salt"], EXPECTED["info"])
    keyring = RootKeyring.generate()
    return Vault(DataKeys(keyring), keys, AuditLog(keyring))


async def test_legacy_rows_answer_before_the_backfill_as_after_it(
    adopted: asyncpg.Connection, empty_database_url: str, admin: Any
) -> None:
    """Legacy rows answer before the backfill as they do after it: all 229 resolves give what is expected then."""
    pool = await Pool.open(empty_database_url)
    resolver = Resolver(pool, legacy_vault(), Snapshots())
    wrong: list[Any] = []
    try:
        for wanted in EXPECTED["resolves"]:
            found = await told(resolver, admin, wanted)
            if as_text(found) != as_text({key: sorted_list(value) for key, value in wanted.items()}):
                wrong.append((wanted["integration"], wanted["organizationId"]))
    finally:
        await pool.close()
    assert wrong == []
    assert len(EXPECTED["resolves"]) == 229


def as_text(told: dict[str, Any]) -> str:
    """To Python, true is 1: to JSON it is not."""
    return json.dumps(told, sort_keys=True)


def sorted_list(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


async def told(resolver: Resolver, admin: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    """A resolve in the form of the expectations."""
    keys = [key for key in wanted if key not in {"integration", "organizationId", "undecryptable"}]
    head = {name: wanted[name] for name in ("integration", "organizationId")}
    try:
        found = await resolver.resolve(admin, wanted["integration"], uuid.UUID(wanted["organizationId"]))
    except Undecryptable as error:
        return {**head, "undecryptable": sorted(error.keys), **{key: sorted_list(wanted[key]) for key in keys}}
    given = {
        "entityId": found.entity_id,
        "config": found.config,
        "missing": sorted(found.missing),
        "unfit": sorted(found.unfit),
    }
    return {**head, "undecryptable": [], **{key: given[key] for key in keys}}
