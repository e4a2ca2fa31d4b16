"""What every write of a row of `configs` costs its indexes: one of them less, mostly two, and less work in five more.
And one that holds defaults alone.

Since 0007 a row names only a field of its own integration and key, and the foreign key asks for all of these: the index
that lists use finds the rows of a field as well, and the field needs none of its own.

Where no two rows have one key, PostgreSQL's deduplication finds nothing to merge but the versions of one row. It tries
that again for every few rows that are updated, each time a page is full, and the page is split all the same: a fifth of
what a SEAL costs the server. Without it two of these indexes are up to half as large again after one, until SCRUB
rewrites the table or rows fill the pages.

`config_schema_id` is older software's, and null in all rows but those that it has tied to a field: only these are
looked for by it.

Defaults are few among millions of overrides, so PostgreSQL's statistics mostly know of none, and it looks for those of
one integration among those of all. In an index of their own it finds them at once; a write of an override does not
touch it. Locks `configs` while it builds these two indexes: about a second for each million rows.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

RELEASE_ROWS = """
CREATE OR REPLACE FUNCTION strongroom_release_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE configs SET field_id = NULL
    WHERE integration_id = OLD.integration_id AND key = OLD.key AND field_id = OLD.id;
    RETURN NEW;
END $$
"""
"""As in 0002, by the place."""

SPLIT_AT_ONCE = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = 'configs'::regclass AND (i.indisprimary OR c.relname IN (
            'uq_configs_place', 'ix_configs_key_id', 'ix_configs_organization_id', 'ix_configs_integration_key'
        ))
    LOOP
        EXECUTE format('ALTER INDEX %s SET (deduplicate_items = off)', found.name);
    END LOOP;
END $$
"""
"""The primary key's index has whatever name the replaced software gave it."""

TIED_ONLY = (
    "DROP INDEX IF EXISTS ix_configs_schema_id",
    "CREATE INDEX ix_configs_schema_id ON configs (config_schema_id) WHERE config_schema_id IS NOT NULL",
)

DEFAULTS_ONLY = """
CREATE INDEX ix_configs_default ON configs (integration_id, key) WHERE (organization_id IS NULL) IS TRUE
"""
"""The condition is put as a resolve's statement has it: put plainly, it would be looked up by organization."""


def upgrade() -> None:
    """Replace the function before its index goes."""
    op.execute(RELEASE_ROWS)
    op.execute("DROP INDEX ix_configs_field_id")
    op.execute(SPLIT_AT_ONCE)
    for statement in (*TIED_ONLY, DEFAULTS_ONLY):
        op.execute(statement)
