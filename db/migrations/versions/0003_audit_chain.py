"""The audit log becomes a chain for each organization, and append-only.

What an earlier revision's log holds has no MACs, and a migration has no key to make any: it is kept as it is, in
`audit_log_unchained`. The chains begin empty.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SET_ASIDE = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM audit_log) THEN
        ALTER TABLE audit_log RENAME TO audit_log_unchained;
        ALTER INDEX audit_log_pkey RENAME TO audit_log_unchained_pkey;
        ALTER INDEX ix_audit_log_at_id RENAME TO ix_audit_log_unchained_at_id;
    ELSE
        DROP TABLE audit_log;
    END IF;
END $$
"""

TABLES = """
CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    organization_id uuid,
    sequence bigint NOT NULL CHECK (sequence > 0),
    at timestamptz NOT NULL,
    actor varchar(255) NOT NULL,
    token_id uuid,
    action varchar(64) NOT NULL,
    integration_id uuid,
    config_id uuid,
    keys varchar[],
    detail jsonb,
    address varchar(64),
    reason varchar(500),
    key_id uuid NOT NULL,
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    mac bytea NOT NULL CHECK (octet_length(mac) = 32)
);
CREATE UNIQUE INDEX uq_audit_log_organization_id_sequence ON audit_log (organization_id, sequence)
    NULLS NOT DISTINCT;
CREATE INDEX ix_audit_log_at_id ON audit_log (at, id);
CREATE INDEX ix_audit_log_organization_id ON audit_log (organization_id, at, id);
CREATE INDEX ix_audit_log_integration_id ON audit_log (integration_id, at, id);
CREATE INDEX ix_audit_log_config_id ON audit_log (config_id) WHERE config_id IS NOT NULL;
CREATE TABLE audit_heads (
    organization_id uuid,
    sequence bigint NOT NULL,
    mac bytea NOT NULL CHECK (octet_length(mac) = 32)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX uq_audit_heads_organization_id ON audit_heads (organization_id) NULLS NOT DISTINCT;
CREATE TABLE audit_keys (
    id uuid PRIMARY KEY,
    root_key_id varchar(64) NOT NULL,
    wrapped bytea NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
CREATE UNIQUE INDEX uq_audit_keys_active ON audit_keys ((true)) WHERE active;
ALTER TABLE backfill_runs ADD COLUMN token_id uuid
"""

REFUSE = """
CREATE FUNCTION strongroom_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$
"""

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom_refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom_refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON audit_keys
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom_refuse_change()
"""

ALTER_DOOR = """
CREATE FUNCTION strongroom_alter_door(step text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CASE step
        WHEN 'add' THEN
            ALTER TABLE configs ADD CONSTRAINT ck_configs_not_legacy CHECK (NOT legacy) NOT VALID;
        WHEN 'validate' THEN
            ALTER TABLE configs VALIDATE CONSTRAINT ck_configs_not_legacy;
        WHEN 'drop' THEN
            ALTER TABLE configs DROP CONSTRAINT IF EXISTS ck_configs_not_legacy;
    END CASE;
END $$
"""
"""What VERIFY does to a table that the service's own role need not own; only this, and only for whom it is granted."""

GUARD_DOOR = """
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION strongroom_alter_door(text) SET search_path = %I, pg_temp', current_schema());
    REVOKE ALL ON FUNCTION strongroom_alter_door(text) FROM PUBLIC;
END $$
"""


def upgrade() -> None:
    """Begin the chains."""
    op.execute(SET_ASIDE)
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    op.execute(REFUSE)
    for statement in TRIGGERS.split(";\n"):
        op.execute(statement)
    op.execute(ALTER_DOOR)
    op.execute(GUARD_DOOR)
