"""The change feed: triggers that tell which integrations and organizations a statement touched.

Statement triggers with transition tables: one NOTIFY a statement, however many rows. Locks each table for a moment.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TELL = """
CREATE FUNCTION strongroom_tell() RETURNS trigger LANGUAGE plpgsql AS $$
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
        ELSE format('SELECT %1$s FROM new_rows UNION SELECT %1$s FROM old_rows', TG_ARGV[0])
    END;
    EXECUTE format(
        'SELECT count(*), string_agg(i || ''/'' || o, '','') FROM ('
        'SELECT DISTINCT coalesce(i::text, '''') AS i, coalesce(o::text, '''') AS o FROM (%s) AS changed (i, o) '
        'WHERE i IS NOT NULL OR o IS NOT NULL LIMIT 101) AS places', source
    ) INTO places, told;
    IF places > 0 THEN
        PERFORM pg_notify('strongroom_changes', CASE WHEN places > 100 THEN '*' ELSE told END);
    END IF;
    RETURN NULL;
END $$
"""

TELL_TOKENS = """
CREATE FUNCTION strongroom_tell_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('strongroom_changes', 'tokens');
    RETURN NULL;
END $$
"""

PLACES = {
    "configs": "integration_id, organization_id",
    "integrations": "id, NULL::uuid",
    "integration_config_schema": "integration_id, NULL::uuid",
    "integration_mappings": "integration_id, organization_id",
    "organizations": "NULL::uuid, id",
}
"""Each table's integration and organization. An organization left null concerns all of the integration's."""

ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}


def upgrade() -> None:
    """Make the functions and the triggers."""
    op.execute(TELL)
    op.execute(TELL_TOKENS)
    for table, places in PLACES.items():
        for event, rows in ROWS.items():
            op.execute(
                f"CREATE TRIGGER tell_{event.lower()} AFTER {event} ON {table} REFERENCING {rows} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION strongroom_tell('{places}')"
            )
        op.execute(
            f"CREATE TRIGGER tell_truncate AFTER TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION strongroom_tell('{places}')"
        )
    op.execute(
        "CREATE TRIGGER tell AFTER UPDATE OF secret_hash, previous_hash, previous_until, permissions, "
        "organization_ids, integration_ids, expires_at, revoked_at OR DELETE ON tokens "
        "FOR EACH STATEMENT EXECUTE FUNCTION strongroom_tell_tokens()"
    )
