"""For runs over many rows: what tells that each row raises, and that nothing in the history is left to be sealed.

Slices count the rows that raised: only those of all slices together, whoever works on them, tell that each row does. An
index holds the entries of the history that are in the clear. A SEAL looks for those whose key is a secret by now, of
which there are mostly none; without the index it reads the whole history to find that. Locks `backfill_slices` for a
moment, and `config_history` for about a second for each million of its entries.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RAISED = "ALTER TABLE backfill_slices ADD COLUMN raised integer NOT NULL DEFAULT 0"

IN_CLEAR = """
CREATE INDEX ix_config_history_in_clear ON config_history (integration_id, key) WHERE sealed IS NULL AND NOT undecided
"""


def upgrade() -> None:
    """Add the column and the index."""
    op.execute(RAISED)
    op.execute(IN_CLEAR)
