"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Describe what changes, what it locks, and for about how long."""
    ${upgrades if upgrades else "op.execute('SELECT 1')"}
