"""The migration that has the quarantine remember how its rows were."""

from pathlib import Path

from db.upgrade import upgrade
from tests.db.test_upgrade import execute, fetch

LEGACY = Path(__file__).parent.parent / "data" / "legacy.sql"

QUARANTINE = """
INSERT INTO backfill_runs (id, kind, status, dry_run, started_by, started_at)
    VALUES (gen_random_uuid(), 'seal', 'enqueued', false, 'x', now());
UPDATE configs SET updated_at = now() - interval '1 s';
INSERT INTO quarantined_configs (config_id, run_id, reason)
    SELECT c.id, r.id, 'x' FROM backfill_runs r, (SELECT id FROM configs ORDER BY id LIMIT 2) c;
UPDATE configs SET updated_at = now() + interval '1 s' WHERE id = (SELECT id FROM configs ORDER BY id LIMIT 1)
"""

SEEN = """
SELECT q.seen_writer::text = c.xmin::text, q.seen_type = coalesce(f.field_type, c.config_type)
FROM quarantined_configs q JOIN configs c ON c.id = q.config_id
LEFT JOIN integration_config_schema f ON (f.integration_id, f.key) = (c.integration_id, c.key) ORDER BY c.id
"""


async def test_what_is_in_quarantine_already(empty_database_url: str) -> None:
    """A row that was not written since its quarantine is remembered as it is; one that was waits for a run."""
    await execute(empty_database_url, LEGACY.read_text())
    await upgrade(empty_database_url, "0011")
    await execute(empty_database_url, QUARANTINE)
    await upgrade(empty_database_url)
    assert await fetch(empty_database_url, SEEN) == [(None, None), (True, True)]
