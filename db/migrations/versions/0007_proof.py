"""What VERIFY proves and ROTATE is limited to: certificates, tallies, and a door that also guards types.

Until now the foreign key from a row to its field said nothing of a row that names no field, or another place's.
From now on a row names the field of its own integration and key, or none; and once the door is shut, none only
where there is no such field. The constraints are added without looking at the rows that are there, so that nobody
waits; VERIFY validates them.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE backfill_runs
    ADD COLUMN organization_ids uuid[],
    ADD COLUMN include_global boolean NOT NULL DEFAULT false,
    ADD COLUMN certificate jsonb;
CREATE TABLE backfill_tallies (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES backfill_runs (id) ON DELETE CASCADE,
    source varchar(32) NOT NULL,
    rows integer NOT NULL,
    opened integer NOT NULL,
    undecided integer NOT NULL
);
CREATE INDEX ix_backfill_tallies_run_id ON backfill_tallies (run_id);
CREATE INDEX ix_data_keys_root_key_id ON data_keys (root_key_id)
"""

TYPES = """
ALTER TABLE integration_config_schema
    ADD CONSTRAINT uq_integration_config_schema_place_type UNIQUE (id, integration_id, key, field_type);
ALTER TABLE configs DROP CONSTRAINT fk_configs_field;
ALTER TABLE configs
    ADD CONSTRAINT fk_configs_field FOREIGN KEY (field_id, integration_id, key, config_type)
        REFERENCES integration_config_schema (id, integration_id, key, field_type)
        ON DELETE SET NULL (field_id) NOT VALID,
    ADD CONSTRAINT ck_configs_field_of_integration CHECK (field_id IS NULL OR integration_id IS NOT NULL) NOT VALID;
ALTER TABLE integration_config_schema DROP CONSTRAINT uq_integration_config_schema_id_field_type;
DROP TRIGGER release_rows ON integration_config_schema;
CREATE TRIGGER release_rows BEFORE UPDATE OF type, key, integration_id ON integration_config_schema
    FOR EACH ROW WHEN ((OLD.type, OLD.key, OLD.integration_id) IS DISTINCT FROM (NEW.type, NEW.key, NEW.integration_id))
    EXECUTE FUNCTION strongroom_release_rows()
"""

RELEASE_ROW = """
CREATE FUNCTION strongroom_release_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.field_id := NULL;
    RETURN NEW;
END $$
"""
"""Whoever renames a row, or moves it to another integration, need not know of its field."""

RELEASE_ROW_TRIGGER = """
CREATE TRIGGER release_row BEFORE UPDATE OF key, integration_id ON configs
    FOR EACH ROW WHEN (
        NEW.field_id = OLD.field_id AND (OLD.key, OLD.integration_id) IS DISTINCT FROM (NEW.key, NEW.integration_id)
    ) EXECUTE FUNCTION strongroom_release_row()
"""

CHECK_ROW = """
CREATE FUNCTION strongroom_check_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM integrations WHERE id = NEW.integration_id FOR SHARE;
    IF EXISTS (
        SELECT FROM configs c JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
        WHERE c.id = NEW.id AND c.field_id IS NULL AND NOT c.legacy
    ) THEN
        RAISE EXCEPTION 'config % is not tied to the field of its schema', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tied_to_field', TABLE = 'configs';
    END IF;
    RETURN NULL;
END $$
"""
"""At the transaction's end: a row that names no field has none. The integration's row keeps others from adding one."""

CHECK_FIELD = """
CREATE FUNCTION strongroom_check_field() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM integrations WHERE id = NEW.integration_id FOR UPDATE;
    IF EXISTS (
        SELECT FROM configs c JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
        WHERE f.id = NEW.id AND c.field_id IS NULL AND NOT c.legacy
    ) THEN
        RAISE EXCEPTION 'configs of field % are not tied to it', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tied_to_field', TABLE = 'integration_config_schema';
    END IF;
    RETURN NULL;
END $$
"""

ALTER_DOOR = """
CREATE OR REPLACE FUNCTION strongroom_alter_door(step text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CASE step
        WHEN 'add' THEN
            -- In the order of those who change a schema; and nobody waits for configs while we wait for this.
            LOCK TABLE integration_config_schema IN SHARE ROW EXCLUSIVE MODE;
            IF NOT EXISTS (
                SELECT FROM pg_constraint
                WHERE conrelid = 'configs'::regclass AND conname = 'ck_configs_not_legacy'
            ) THEN
                ALTER TABLE configs ADD CONSTRAINT ck_configs_not_legacy CHECK (NOT legacy) NOT VALID;
            END IF;
            IF NOT EXISTS (
                SELECT FROM pg_trigger WHERE tgrelid = 'configs'::regclass AND tgname = 'tied_to_field'
            ) THEN
                CREATE CONSTRAINT TRIGGER tied_to_field
                    AFTER INSERT OR UPDATE OF key, integration_id, field_id, legacy ON configs
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                    WHEN (NEW.field_id IS NULL AND NEW.integration_id IS NOT NULL AND NOT NEW.legacy)
                    EXECUTE FUNCTION strongroom_check_row();
            END IF;
            IF NOT EXISTS (
                SELECT FROM pg_trigger
                WHERE tgrelid = 'integration_config_schema'::regclass AND tgname = 'tied_to_field'
            ) THEN
                CREATE CONSTRAINT TRIGGER tied_to_field
                    AFTER INSERT OR UPDATE OF key, integration_id ON integration_config_schema
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                    EXECUTE FUNCTION strongroom_check_field();
            END IF;
        WHEN 'validate legacy' THEN
            ALTER TABLE configs VALIDATE CONSTRAINT ck_configs_not_legacy;
        WHEN 'validate fields' THEN
            ALTER TABLE configs VALIDATE CONSTRAINT ck_configs_field_of_integration;
        WHEN 'validate types' THEN
            ALTER TABLE configs VALIDATE CONSTRAINT fk_configs_field;
        WHEN 'validate ties' THEN
            IF EXISTS (
                SELECT FROM configs c
                JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
                WHERE c.field_id IS NULL
            ) THEN
                RAISE EXCEPTION 'rows are not tied to the fields of their schemas' USING ERRCODE = 'check_violation';
            END IF;
        WHEN 'drop' THEN
            DROP TRIGGER IF EXISTS tied_to_field ON integration_config_schema;
            ALTER TABLE configs DROP CONSTRAINT IF EXISTS ck_configs_not_legacy;
            DROP TRIGGER IF EXISTS tied_to_field ON configs;
    END CASE;
END $$
"""
"""What is granted of the function stays; its path is set again.

No foreign key can tell that there is no field: hence the triggers. Making them waits for whoever writes, so that what
was written before is seen by the validation, and what comes after by them.
"""

VALIDATE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM configs WHERE field_id IS NOT NULL) THEN
        ALTER TABLE configs VALIDATE CONSTRAINT fk_configs_field;
        ALTER TABLE configs VALIDATE CONSTRAINT ck_configs_field_of_integration;
    END IF;
END $$
"""
"""A database that has just moved in. Where rows name fields, VERIFY says whether they name the right ones."""

GUARD = """
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'strongroom_alter_door(text)', 'strongroom_check_row()', 'strongroom_check_field()'
    ] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Locks the tables for a moment each, and reads none but the small ones."""
    for script in (TABLES, TYPES):
        for statement in script.split(";\n"):
            op.execute(statement)
    for statement in (VALIDATE, RELEASE_ROW, RELEASE_ROW_TRIGGER, CHECK_ROW, CHECK_FIELD, ALTER_DOOR, GUARD):
        op.execute(statement)
