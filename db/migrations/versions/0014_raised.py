"""Slices count the rows that raised: only all of them together, of every worker, tell that each row does.

Adds a column with a constant default, which touches no row. Locks `backfill_slices` for a moment.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE backfill_slices ADD COLUMN raised integer NOT NULL DEFAULT 0")
