"""Tokens: when each was last used, and the secret before a rotation."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE tokens
        ADD COLUMN last_used_at timestamptz,
        ADD COLUMN previous_hash bytea CONSTRAINT uq_tokens_previous_hash UNIQUE,
        ADD COLUMN previous_until timestamptz,
        ADD CONSTRAINT ck_tokens_previous CHECK ((previous_hash IS NULL) = (previous_until IS NULL))
    """,
    "CREATE INDEX ix_tokens_created_at_id ON tokens (created_at, id)",
)


def upgrade() -> None:
    """Add the columns; every token goes on as it is."""
    for statement in STATEMENTS:
        op.execute(statement)
