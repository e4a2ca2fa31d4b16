"""Audit events count: what was done several times within one batch is one event.

An event that is here already was done once, and its MAC holds as it is. Both columns are added without touching a
row. Emptying the table of tokens is told to the change feed too: tokens are remembered for as long as it is heard.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE audit_log
    ADD COLUMN times bigint NOT NULL DEFAULT 1,
    ADD COLUMN last_at timestamptz
"""

TELL = """
CREATE TRIGGER tell_truncate AFTER TRUNCATE ON tokens
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom_tell_tokens()
"""


def upgrade() -> None:
    """Add the columns and the trigger."""
    op.execute(COLUMNS)
    op.execute(TELL)
