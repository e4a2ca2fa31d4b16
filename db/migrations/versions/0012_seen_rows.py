"""The quarantine remembers how a row was when nobody could decide it: who wrote it last, and its type.

A row that somebody has written since waits for a SEAL, whether or not its `updated_at` says so; so does one whose
field older software has given another type. Locks the quarantine for a moment, which no other software writes, and
reads of the legacy tables what is in it.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = "ALTER TABLE quarantined_configs ADD COLUMN seen_writer bigint, ADD COLUMN seen_type config_type"

FILL = """
UPDATE quarantined_configs q SET
    seen_writer = CAST(CAST(c.xmin AS text) AS bigint),
    seen_type = coalesce((
        SELECT f.field_type FROM integration_config_schema f WHERE f.integration_id = c.integration_id AND f.key = c.key
    ), c.config_type)
FROM configs c, backfill_runs r
WHERE c.id = q.config_id AND r.id = q.run_id AND r.started_at >= c.updated_at
"""
"""What was not written since, as far as is known until now."""


def upgrade() -> None:
    """Add the columns, and fill them for rows that nobody has touched since they were left alone."""
    op.execute(COLUMNS)
    op.execute(FILL)
