"""One index less to write to with every row of `configs`: what names a field is found by the field's place.

Since 0007 a row names only a field of its own integration and key, and the foreign key asks for all of these: the index
that lists use finds the rows of a field as well. Locks `configs` for a moment; reads no row.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
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
"""As in 0002, by the place. A field that moves to another one takes no rows along."""


def upgrade() -> None:
    """Replace the function, then drop the index."""
    op.execute(RELEASE_ROWS)
    op.execute("DROP INDEX ix_configs_field_id")
