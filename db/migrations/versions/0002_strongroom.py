"""Strongroom's own columns and tables beside the legacy ones.

Locks each legacy table exclusively. Columns are added without rewriting `configs`; building the unique
index and the key index reads it once (about a second for each million rows).
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DROP_KEYS_ON = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT conname FROM pg_constraint
        WHERE conrelid = '{table}'::regclass AND contype = 'f'
          AND conkey = ARRAY[(
              SELECT attnum FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = '{column}'
          )]::smallint[]
    LOOP
        EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', found.conname);
    END LOOP;
END $$
"""

DROP_UNIQUE_ON = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT i.indexrelid::regclass AS index, k.conname FROM pg_index i
        LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'u'
        WHERE i.indrelid = '{table}'::regclass AND i.indisunique AND NOT i.indisprimary
          AND i.indexrelid <> '{ours}'::regclass
          AND coalesce(pg_get_expr(i.indpred, i.indrelid), '') !~ '\\mis_deleted\\M'
          AND NOT EXISTS (
              SELECT FROM generate_series(1, i.indnkeyatts) AS n
              WHERE pg_get_indexdef(i.indexrelid, n, false) !~ '\\m({columns})\\M'
          )
    LOOP
        IF found.conname IS NULL THEN EXECUTE format('DROP INDEX %s', found.index);
        ELSE EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', found.conname);
        END IF;
    END LOOP;
END $$
"""
"""Whatever older software calls them: another index over the columns of ours, or over COALESCE of them, refuses what
ours allows, and fails one of two first writes at once, since ON CONFLICT looks at ours alone."""

SEALED_OR_PLAIN = (
    "(config_type = 'secret') = (sealed IS NOT NULL) AND (sealed IS NULL) = (value IS NOT NULL) "
    "AND (sealed IS NULL) = (data_key_id IS NULL)"
)

INTEGRATIONS = """
ALTER TABLE integrations ADD COLUMN IF NOT EXISTS description text;
CREATE UNIQUE INDEX uq_integrations_name ON integrations (name) WHERE NOT is_deleted;
ALTER TABLE integration_config_schema
    ADD COLUMN default_value jsonb,
    ADD COLUMN field_type config_type NOT NULL GENERATED ALWAYS AS (
        CASE type WHEN 'int' THEN 'int'::config_type WHEN 'bool' THEN 'bool'::config_type
            WHEN 'json' THEN 'json'::config_type WHEN 'secret' THEN 'secret'::config_type
            ELSE 'string'::config_type END
    ) STORED,
    ADD CONSTRAINT uq_integration_config_schema_id_field_type UNIQUE (id, field_type);
CREATE INDEX ix_integrations_name_id ON integrations (name, id);
CREATE INDEX ix_organizations_name_id ON organizations (name, id);
CREATE INDEX ix_integration_mappings_created_at_id ON integration_mappings (created_at, id)
"""

CONFIGS = f"""
CREATE TABLE data_keys (
    id uuid PRIMARY KEY,
    organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
    root_key_id varchar(64) NOT NULL,
    wrapped bytea NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
CREATE UNIQUE INDEX uq_data_keys_active ON data_keys (organization_id) NULLS NOT DISTINCT WHERE active;
ALTER TABLE configs
    ADD COLUMN legacy boolean NOT NULL DEFAULT true,
    ADD COLUMN sealed bytea,
    ADD COLUMN data_key_id uuid CONSTRAINT fk_configs_data_key_id REFERENCES data_keys (id),
    ADD COLUMN field_id uuid,
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ALTER COLUMN value DROP NOT NULL,
    ADD CONSTRAINT fk_configs_config_schema_id FOREIGN KEY (config_schema_id)
        REFERENCES integration_config_schema (id) ON DELETE SET NULL,
    ADD CONSTRAINT fk_configs_field FOREIGN KEY (field_id, config_type)
        REFERENCES integration_config_schema (id, field_type) ON DELETE SET NULL (field_id),
    ADD CONSTRAINT ck_configs_sealed_or_plain CHECK (legacy OR ({SEALED_OR_PLAIN}));
CREATE UNIQUE INDEX uq_configs_place ON configs (integration_id, organization_id, key) NULLS NOT DISTINCT;
CREATE INDEX ix_configs_key_id ON configs (key, id);
CREATE INDEX ix_configs_organization_id ON configs (organization_id, key, id);
CREATE INDEX ix_configs_integration_key ON configs (integration_id, key, id);
CREATE INDEX ix_configs_field_id ON configs (field_id);
CREATE INDEX ix_configs_data_key_id ON configs (data_key_id);
CREATE INDEX ix_configs_unsettled ON configs (id) WHERE legacy OR field_id IS NULL;
CREATE TABLE config_history (
    id uuid PRIMARY KEY,
    integration_id uuid REFERENCES integrations (id) ON UPDATE CASCADE ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
    key varchar(255) NOT NULL,
    version integer NOT NULL,
    config_type config_type NOT NULL,
    value jsonb,
    sealed bytea,
    data_key_id uuid REFERENCES data_keys (id),
    undecided boolean NOT NULL DEFAULT false,
    returns boolean NOT NULL DEFAULT false,
    description text,
    changed_at timestamptz NOT NULL,
    changed_by varchar(255) NOT NULL,
    reason varchar(255) NOT NULL,
    superseded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_config_history_sealed_or_plain CHECK (undecided OR ({SEALED_OR_PLAIN}))
);
CREATE UNIQUE INDEX uq_config_history_place ON config_history (
    coalesce(integration_id, '00000000-0000-0000-0000-000000000000'),
    coalesce(organization_id, '00000000-0000-0000-0000-000000000000'),
    key,
    version
);
CREATE INDEX ix_config_history_organization_id ON config_history (organization_id);
CREATE INDEX ix_config_history_data_key_id ON config_history (data_key_id);
CREATE INDEX ix_config_history_key ON config_history (integration_id, key)
"""

SCHEMA_TYPE_TRIGGER = """
CREATE FUNCTION strongroom_release_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE configs SET field_id = NULL WHERE field_id = OLD.id;
    RETURN NEW;
END $$
"""
"""Older software changes a field's type with one UPDATE and knows nothing of our foreign key to it."""

CONFIG_TRIGGER = """
CREATE FUNCTION strongroom_hand_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.legacy := true;
    NEW.version := OLD.version + 1;
    NEW.field_id := NULL;
    IF NEW.value IS NOT NULL THEN
        NEW.sealed := NULL;
        NEW.data_key_id := NULL;
    END IF;
    RETURN NEW;
END $$
"""
"""A row of ours that older software writes is legacy again, with what it wrote: it knows none of our columns.

Every write of ours changes one of them, so for those the condition is false and no function is called.
"""

RECORDS = """
CREATE TRIGGER hand_back BEFORE UPDATE OF value, config_type ON configs
    FOR EACH ROW WHEN (
        NOT OLD.legacy AND NOT NEW.legacy AND NEW.version = OLD.version
        AND (NEW.value, NEW.config_type) IS DISTINCT FROM (OLD.value, OLD.config_type)
        AND (NEW.sealed, NEW.data_key_id, NEW.field_id)
            IS NOT DISTINCT FROM (OLD.sealed, OLD.data_key_id, OLD.field_id)
    ) EXECUTE FUNCTION strongroom_hand_back();
CREATE TRIGGER release_rows BEFORE UPDATE OF type ON integration_config_schema
    FOR EACH ROW WHEN (OLD.type IS DISTINCT FROM NEW.type) EXECUTE FUNCTION strongroom_release_rows();
CREATE TABLE tokens (
    id uuid PRIMARY KEY,
    name varchar(255) NOT NULL,
    secret_hash bytea NOT NULL UNIQUE,
    permissions varchar[] NOT NULL,
    organization_ids uuid[],
    integration_ids uuid[],
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by varchar(255) NOT NULL,
    is_admin boolean NOT NULL DEFAULT false
);
CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor varchar(255) NOT NULL,
    token_id uuid,
    action varchar(64) NOT NULL,
    organization_id uuid,
    integration_id uuid,
    config_id uuid,
    keys varchar[],
    detail jsonb
);
CREATE INDEX ix_audit_log_at_id ON audit_log (at, id);
CREATE TABLE backfill_runs (
    id uuid PRIMARY KEY,
    kind varchar(16) NOT NULL,
    status varchar(16) NOT NULL,
    dry_run boolean NOT NULL,
    batch_size integer,
    max_rows_per_second integer,
    paced_until timestamptz,
    planned boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    started_by varchar(255) NOT NULL,
    error text
);
CREATE UNIQUE INDEX uq_backfill_runs_active ON backfill_runs (kind)
    WHERE status IN ('enqueued', 'running', 'paused', 'cancelling');
CREATE INDEX ix_backfill_runs_created_at_id ON backfill_runs (created_at, id);
CREATE TABLE backfill_slices (
    run_id uuid NOT NULL REFERENCES backfill_runs (id) ON DELETE CASCADE,
    number integer NOT NULL,
    source varchar(32) NOT NULL,
    lower uuid,
    upper uuid,
    cursor uuid,
    done boolean NOT NULL DEFAULT false,
    total integer NOT NULL DEFAULT 0,
    processed integer NOT NULL DEFAULT 0,
    changed integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    quarantined integer NOT NULL DEFAULT 0,
    claimed_by uuid,
    heartbeat_at timestamptz,
    PRIMARY KEY (run_id, number)
);
CREATE TABLE quarantined_configs (
    config_id uuid PRIMARY KEY REFERENCES configs (id) ON DELETE CASCADE,
    run_id uuid NOT NULL REFERENCES backfill_runs (id),
    reason varchar(255) NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_quarantined_configs_since ON quarantined_configs (since, config_id);
CREATE TABLE backfill_findings (
    run_id uuid NOT NULL REFERENCES backfill_runs (id) ON DELETE CASCADE,
    config_id uuid NOT NULL,
    reason varchar(255) NOT NULL,
    PRIMARY KEY (run_id, config_id)
)
"""


def upgrade() -> None:
    """Add what is ours; no value of a legacy row changes."""
    op.execute(DROP_KEYS_ON.format(table="configs", column="config_schema_id"))
    for script in (INTEGRATIONS, CONFIGS):
        for statement in script.split(";\n"):
            op.execute(statement)
    place = "integration_id|organization_id|key"
    op.execute(DROP_UNIQUE_ON.format(table="configs", ours="uq_configs_place", columns=place))
    op.execute(DROP_UNIQUE_ON.format(table="integrations", ours="uq_integrations_name", columns="name"))
    op.execute(SCHEMA_TYPE_TRIGGER)
    op.execute(CONFIG_TRIGGER)
    for statement in RECORDS.split(";\n"):
        op.execute(statement)
