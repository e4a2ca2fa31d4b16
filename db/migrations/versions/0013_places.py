"""SEAL goes through configs by their places: integration, organization, id. Slices are ranges of keys, not of ids.

Rows of a batch then lie beside each other in every index of the table. A SEAL that is under way is planned anew, which
loses nothing: what it has sealed is none of its rows any more. Without the index on `integration_id` alone, which two
others begin with, every write of a row has one index less to write to.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "DROP INDEX IF EXISTS ix_configs_integration_id",
    "DROP INDEX ix_configs_unsettled",
    """
    CREATE INDEX ix_configs_unsettled ON configs (
        coalesce(integration_id, '00000000-0000-0000-0000-000000000000'::uuid),
        coalesce(organization_id, '00000000-0000-0000-0000-000000000000'::uuid),
        id
    ) WHERE legacy OR field_id IS NULL
    """,
    """
    DELETE FROM backfill_slices WHERE run_id IN (
        SELECT id FROM backfill_runs
        WHERE kind = 'seal' AND status IN ('enqueued', 'running', 'paused', 'cancelling')
    )
    """,
    """
    UPDATE backfill_runs SET planned = false
    WHERE kind = 'seal' AND status IN ('enqueued', 'running', 'paused', 'cancelling')
    """,
    "DROP TRIGGER go_forward ON backfill_slices",
    """
    ALTER TABLE backfill_slices
        ALTER COLUMN lower TYPE uuid[] USING CASE WHEN lower IS NOT NULL THEN ARRAY[lower] END,
        ALTER COLUMN upper TYPE uuid[] USING CASE WHEN upper IS NOT NULL THEN ARRAY[upper] END,
        ALTER COLUMN cursor TYPE uuid[] USING CASE WHEN cursor IS NOT NULL THEN ARRAY[cursor] END
    """,
    """
    CREATE TRIGGER go_forward BEFORE UPDATE OF done, cursor, processed ON backfill_slices
        FOR EACH ROW WHEN (
            OLD.done OR NEW.processed < OLD.processed OR NEW.cursor < OLD.cursor
            OR (NEW.cursor IS NULL AND OLD.cursor IS NOT NULL)
        ) EXECUTE FUNCTION strongroom_refuse_step_back()
    """,
)


def upgrade() -> None:
    """Change the order, and what a slice is cut by."""
    for statement in _STATEMENTS:
        op.execute(statement)
