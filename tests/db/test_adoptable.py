"""Databases that are not quite what the replaced software leaves: told in words before anything is changed."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from db.adoption import find_faults
from db.errors import SettingsError
from db.settings import sqlalchemy_url
from db.upgrade import upgrade
from tests.databases import run_sql

LEGACY = Path(__file__).parent.parent / "data" / "legacy.sql"

FAULTS = {
    "table configs has rows of the same integration_id, organization_id, key": """
        DROP INDEX ix_configs_integration_org_key;
        INSERT INTO configs (id, key, value, updated_by)
        SELECT gen_random_uuid(), 'twice', '{}', 'x' FROM generate_series(1, 2)
    """,
    "table integrations has rows of the same name": """
        ALTER TABLE integrations DROP CONSTRAINT integrations_name_key;
        INSERT INTO integrations (name) VALUES ('twice'), ('twice')
    """,
    "table integration_config_schema has rows of the same integration_id, key": """
        DROP INDEX ix_integration_config_schema_unique_key;
        INSERT INTO integration_config_schema (id, integration_id, key, type)
        SELECT gen_random_uuid(), integration_id, key, 'secret' FROM integration_config_schema LIMIT 1
    """,
    "table integration_mappings has rows of the same integration_id, organization_id": """
        ALTER TABLE integration_mappings DROP CONSTRAINT uq_integration_org_mapping;
        INSERT INTO integration_mappings (integration_id, organization_id, entity_id)
        SELECT integration_id, organization_id, 'x' FROM integration_mappings WHERE organization_id IS NOT NULL LIMIT 1
    """,
    "table integration_mappings has rows of the same integration_id: ": """
        DROP INDEX ix_integration_mappings_unique_global;
        INSERT INTO integration_mappings (integration_id, entity_id)
        SELECT id, 'x' FROM integrations, generate_series(1, 2) WHERE id = (SELECT id FROM integrations LIMIT 1)
    """,
    "table configs has no primary key on id": "ALTER TABLE configs DROP CONSTRAINT configs_pkey",
    "column value of table configs is of type json, not jsonb": "ALTER TABLE configs ALTER value TYPE json",
    "column config_type of table configs is of type varchar, not config_type": """
        ALTER TABLE configs ALTER config_type DROP DEFAULT, ALTER config_type TYPE varchar
    """,
    "column updated_at of table configs is of type timestamp, not timestamptz": """
        ALTER TABLE configs ALTER updated_at TYPE timestamp
    """,
    "column tenant of table configs must have a value: give it a default": """
        ALTER TABLE configs ADD tenant integer NOT NULL DEFAULT 1; ALTER TABLE configs ALTER tenant DROP DEFAULT
    """,
    "with no updated_by": """
        ALTER TABLE configs ALTER updated_by DROP NOT NULL;
        UPDATE configs SET updated_by = NULL WHERE id = (SELECT id FROM configs ORDER BY id LIMIT 1)
    """,
    "with no is_deleted": """
        ALTER TABLE integrations ALTER is_deleted DROP NOT NULL; UPDATE integrations SET is_deleted = NULL
    """,
    "with an organization_id that is not there": """
        ALTER TABLE configs DROP CONSTRAINT configs_organization_id_fkey;
        UPDATE configs SET organization_id = gen_random_uuid() WHERE id = (SELECT id FROM configs ORDER BY id LIMIT 1)
    """,
    "with an integration_id that is not there": """
        ALTER TABLE configs DROP CONSTRAINT fk_configs_integration_id;
        UPDATE configs SET integration_id = gen_random_uuid() WHERE id = (SELECT id FROM configs ORDER BY id LIMIT 1)
    """,
    "with a config_type of another kind": """
        CREATE TYPE other AS ENUM ('string', 'int', 'bool', 'json', 'secret', 'list');
        ALTER TABLE configs ALTER config_type DROP DEFAULT, ALTER config_type TYPE other USING config_type::text::other;
        DROP TYPE config_type; ALTER TYPE other RENAME TO config_type;
        UPDATE configs SET config_type = 'list' WHERE id = (SELECT id FROM configs ORDER BY id LIMIT 1)
    """,
    "with a type that is not spelled in small letters": """
        UPDATE integration_config_schema SET type = 'Secret' WHERE type = 'secret'
    """,
    "table configs has a rule kept: drop it": """
        CREATE RULE kept AS ON DELETE TO configs DO INSTEAD NOTHING
    """,
    "table configs has row security": "ALTER TABLE configs ENABLE ROW LEVEL SECURITY",
}

HARMLESS = {
    "as it is": "SELECT 1",
    "other indexes": """
        ALTER TABLE integrations DROP CONSTRAINT integrations_name_key; DROP INDEX ix_configs_integration_org_key;
        DROP INDEX ix_integration_config_schema_unique_key, ix_integration_mappings_unique_global;
        ALTER TABLE integration_mappings DROP CONSTRAINT uq_integration_org_mapping
    """,
    "more columns": "ALTER TABLE configs ADD note text, ADD tenant integer NOT NULL DEFAULT 1",
    "nullable columns without nulls": """
        ALTER TABLE configs ALTER updated_by DROP NOT NULL, ALTER created_at DROP NOT NULL
    """,
    "values that are null": "ALTER TABLE configs ALTER value DROP NOT NULL; UPDATE configs SET value = NULL",
    "a label that no row has": """
        CREATE TYPE other AS ENUM ('string', 'int', 'bool', 'json', 'secret', 'list');
        ALTER TABLE configs ALTER config_type DROP DEFAULT, ALTER config_type TYPE other USING config_type::text::other;
        DROP TYPE config_type; ALTER TYPE other RENAME TO config_type
    """,
    "wider text": "ALTER TABLE configs ALTER key TYPE text; ALTER TABLE integrations ALTER name TYPE text",
    "keys that differ in case": """
        INSERT INTO configs (id, key, value, updated_by)
        SELECT gen_random_uuid(), k, '{}', 'x' FROM unnest(ARRAY['Key', 'key', 'KEY ', 'ключ']) k
    """,
    "views and triggers": """
        CREATE VIEW seen AS SELECT * FROM configs; CREATE VIEW typed AS SELECT id, config_type, value FROM configs;
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.updated_at := now(); RETURN NEW; END$$;
        CREATE TRIGGER touch BEFORE UPDATE ON configs FOR EACH ROW EXECUTE FUNCTION touch()
    """,
    "rows of others that name configs": "CREATE TABLE notes (id uuid REFERENCES configs (id) ON DELETE CASCADE)",
}


async def look(url: str, changes: dict[str, str]) -> dict[str, list[str]]:
    """The faults that each change makes, each undone before the next."""
    engine, found = create_async_engine(sqlalchemy_url(url)), dict[str, list[str]]()
    try:
        for name, change in changes.items():
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))  # Begins the transaction.
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
                await driver.execute(change)
                found[name] = await connection.run_sync(find_faults)
                await connection.rollback()
    finally:
        await engine.dispose()
    return found


async def test_every_fault_is_told(empty_database_url: str) -> None:
    """What cannot be adopted without losing or misreading something is told, by table and row; and nothing else is."""
    run_sql(empty_database_url, LEGACY.read_text())
    for told, faults in (await look(empty_database_url, FAULTS)).items():
        assert len(faults) == 1, (told, faults)
        assert told in faults[0]


async def test_what_is_harmless_is_adopted(empty_database_url: str) -> None:
    """Other indexes, columns, views, triggers and spellings are no fault."""
    run_sql(empty_database_url, LEGACY.read_text())
    assert await look(empty_database_url, HARMLESS) == {name: [] for name in HARMLESS}


async def test_missing_indexes_are_made(empty_database_url: str) -> None:
    """What writes rely on is there afterwards, though the database came without: one field, one mapping a place."""
    run_sql(empty_database_url, LEGACY.read_text(), "SET search_path = public; " + HARMLESS["other indexes"])
    await upgrade(empty_database_url)
    engine = create_async_engine(sqlalchemy_url(empty_database_url))
    told = r"regexp_replace(indexdef, '.* USING| WITH \(.*\)', '', 'g')"
    unique = f"SELECT {told} FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%'"
    async with engine.connect() as connection:
        found = set((await connection.execute(text(unique))).scalars())
    await engine.dispose()
    assert {
        " btree (integration_id, key)",
        " btree (integration_id, organization_id)",
        " btree (integration_id) WHERE (organization_id IS NULL)",
        " btree (name) WHERE (NOT is_deleted)",
        " btree (integration_id, organization_id, key) NULLS NOT DISTINCT",
    } <= found


async def test_a_name_that_is_taken(empty_database_url: str) -> None:
    """Where a table of another software has a name of ours PostgreSQL's own words are told, and nothing is changed."""
    run_sql(empty_database_url, LEGACY.read_text(), "CREATE TABLE public.audit_log (id integer)")
    told = r'^PostgreSQL refuses the migration, and nothing was changed: relation "audit_log" already exists \(42P07\)$'
    with pytest.raises(SettingsError, match=told):
        await upgrade(empty_database_url)
    run_sql(empty_database_url, "DROP TABLE public.audit_log")
    await upgrade(empty_database_url)


@pytest.mark.parametrize("schema", ["app", "The App"])
async def test_tables_in_another_schema(empty_database_url: str, schema: str) -> None:
    """They are adopted where search_path begins with it. Where it does not, no empty tables are made beside them: the
    schema is told. A second installation of ours in a schema of its own is none of that."""
    script = LEGACY.read_text().replace("public.", f'"{schema}".')
    run_sql(empty_database_url, f'CREATE SCHEMA "{schema}"', script)
    with pytest.raises(SettingsError, match=f"are in schema {schema}, and search_path does not begin with it"):
        await upgrade(empty_database_url)
    name = empty_database_url.partition("?")[0].rpartition("/")[2]
    run_sql(empty_database_url, f'ALTER DATABASE {name} SET search_path = "{schema}", public')
    await upgrade(empty_database_url)
    await upgrade(empty_database_url)
    run_sql(empty_database_url, f"ALTER DATABASE {name} RESET search_path")
    await upgrade(empty_database_url)
