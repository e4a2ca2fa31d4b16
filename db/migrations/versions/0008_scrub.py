"""No statistics of columns that have held plaintext secrets, and a note of which secrets ever were plaintext.

Locks each table for a moment. No row is rewritten: the rows that are there get the new column's 0 from the catalog.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE configs
    ALTER COLUMN value SET STATISTICS 0,
    ADD COLUMN exposed_version integer DEFAULT 0;
ALTER TABLE configs ALTER COLUMN exposed_version DROP DEFAULT;
ALTER TABLE config_history ALTER COLUMN value SET STATISTICS 0;
ALTER TABLE integration_config_schema
    ALTER COLUMN default_value SET STATISTICS 0,
    ALTER COLUMN options SET STATISTICS 0
"""


def upgrade() -> None:
    """Change the columns. What ANALYZE has collected before stays until `python -m workers scrub` removes it."""
    for statement in STATEMENTS.split(";\n"):
        op.execute(statement)
