"""The legacy shape: made in an empty database, adopted in one that holds it already."""

from alembic import op
from sqlalchemy import inspect, text

from db.adoption import SHAPE, complete_indexes, find_elsewhere, find_faults
from db.errors import SettingsError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DDL = """
CREATE TYPE config_type AS ENUM ('string', 'int', 'bool', 'json', 'secret');
CREATE TABLE organizations (
    id uuid NOT NULL PRIMARY KEY,
    name varchar(255) NOT NULL,
    domain varchar(255),
    is_active boolean DEFAULT true NOT NULL,
    settings jsonb DEFAULT '{}' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    created_by varchar(255) NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    is_provider boolean DEFAULT false NOT NULL
);
CREATE TABLE integrations (
    id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY,
    name varchar(255) NOT NULL CONSTRAINT integrations_name_key UNIQUE,
    list_entities_data_provider_id uuid,
    is_deleted boolean DEFAULT false NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    entity_id varchar(255),
    entity_id_name varchar(255),
    default_entity_id varchar(255)
);
CREATE TABLE integration_config_schema (
    id uuid NOT NULL PRIMARY KEY,
    integration_id uuid NOT NULL REFERENCES integrations (id) ON UPDATE CASCADE ON DELETE CASCADE,
    key varchar(255) NOT NULL,
    type varchar(50) NOT NULL,
    required boolean DEFAULT false NOT NULL,
    description varchar(500),
    options varchar[],
    "position" integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL
);
CREATE TABLE integration_mappings (
    id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY,
    integration_id uuid NOT NULL REFERENCES integrations (id) ON UPDATE CASCADE ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
    entity_id varchar(255) NOT NULL,
    entity_name varchar(255),
    oauth_token_id uuid,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT uq_integration_org_mapping UNIQUE (integration_id, organization_id)
);
CREATE TABLE configs (
    id uuid NOT NULL PRIMARY KEY,
    organization_id uuid REFERENCES organizations (id),
    key varchar(255) NOT NULL,
    value jsonb NOT NULL,
    config_type config_type DEFAULT 'string' NOT NULL,
    description text,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    updated_by varchar(255) NOT NULL,
    integration_id uuid CONSTRAINT fk_configs_integration_id
        REFERENCES integrations (id) ON UPDATE CASCADE ON DELETE CASCADE,
    config_schema_id uuid CONSTRAINT fk_configs_config_schema_id
        REFERENCES integration_config_schema (id) ON DELETE CASCADE
);
CREATE INDEX ix_configs_integration_id ON configs (integration_id);
CREATE UNIQUE INDEX ix_configs_integration_org_key ON configs (
    COALESCE(integration_id, '00000000-0000-0000-0000-000000000000'::uuid),
    COALESCE(organization_id, '00000000-0000-0000-0000-000000000000'::uuid),
    key
);
CREATE INDEX ix_configs_schema_id ON configs (config_schema_id);
CREATE INDEX ix_integration_config_schema_integration_id ON integration_config_schema (integration_id);
CREATE UNIQUE INDEX ix_integration_config_schema_unique_key ON integration_config_schema (integration_id, key);
CREATE INDEX ix_integration_mappings_entity ON integration_mappings (integration_id, entity_id);
CREATE INDEX ix_integration_mappings_integration_id ON integration_mappings (integration_id);
CREATE INDEX ix_integration_mappings_oauth_token_id ON integration_mappings (oauth_token_id);
CREATE INDEX ix_integration_mappings_organization_id ON integration_mappings (organization_id);
CREATE UNIQUE INDEX ix_integration_mappings_unique_global ON integration_mappings (integration_id)
    WHERE organization_id IS NULL;
CREATE INDEX ix_integrations_is_deleted ON integrations (is_deleted);
CREATE INDEX ix_integrations_name ON integrations (name);
CREATE INDEX ix_organizations_domain ON organizations (domain);
"""


def upgrade() -> None:
    """Make the legacy tables where there are none; where there are, check them, and touch no row."""
    connection = op.get_bind()
    present = set(inspect(connection).get_table_names()) & set(SHAPE)
    if not present and (schema := find_elsewhere(connection)) is not None:
        raise SettingsError(
            f"the tables of the replaced software are in schema {schema}, and search_path does not begin with it: "
            f"give the role a search_path that does, as with ALTER ROLE … SET search_path = {schema}, public"
        )
    if not present and connection.execute(text("SELECT to_regtype('config_type')")).scalar() is None:
        for statement in DDL.split(";\n"):
            if statement.strip():
                op.execute(statement)
        return
    faults = find_faults(connection)
    if faults:
        raise SettingsError(f"cannot adopt this database: {'; '.join(faults)}")
    complete_indexes(connection)
