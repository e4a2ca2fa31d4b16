"""What PostgreSQL reads: no more for one among many, and no more for a late page than for the first."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from db.access import Permission, Principal
from db.config_lists import ORDER
from db.configs import select_configs
from db.crypto.legacy import LegacyKeys
from db.mappings import MappingRow
from db.overrides import missing_of
from db.sessions import Database
from db.snapshot_rows import STATEMENT

FILL = """
INSERT INTO organizations (id, name, created_by)
SELECT md5('o' || n)::uuid, 'o' || n, 'x' FROM generate_series(0, 599) n;
INSERT INTO integrations (id, name) SELECT md5('i' || n)::uuid, 'i' || n FROM generate_series(0, 599) n;
INSERT INTO integration_mappings (integration_id, organization_id, entity_id)
SELECT i.id, o.id, 'x' FROM organizations o, integrations i WHERE o.name = 'o77' OR i.name = 'i1';
INSERT INTO configs (id, integration_id, organization_id, key, value, updated_by)
SELECT gen_random_uuid(), m.integration_id, m.organization_id, 'key ' || k, '{"value": "x"}', 'x'
FROM integration_mappings m, generate_series(1, 10) k ORDER BY m.organization_id, m.integration_id;
INSERT INTO configs (id, integration_id, key, value, updated_by)
SELECT gen_random_uuid(), i.id, 'key ' || k, '{"value": "default"}', 'x'
FROM integrations i, generate_series(1, 3) k WHERE i.name = 'i1';
ANALYZE
"""


@pytest.fixture
async def filled(sql: Any) -> Any:
    """Twelve thousand configs: one integration has half of them and one organization the other half."""
    await sql.execute("SET session_replication_role = replica")
    await sql.execute(FILL)
    return sql


async def count_buffers(sql: Any, statement: str, arguments: Sequence[object] = ()) -> int:
    """The pages that PostgreSQL touches for a statement."""
    explained = await sql.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *arguments)
    plan = json.loads(explained)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_a_resolve_reads_its_own_rows_only(filled: Any, mode: str) -> None:
    """The statement of a resolve goes to its rows by their place, not through all that the organization or the
    integration has, whatever kind of plan PostgreSQL has for it."""
    await filled.execute(f"SET plan_cache_mode = {mode}")
    owner = await filled.fetchval("SELECT md5('o77')::uuid")
    assert len(await filled.fetch(STATEMENT, "i1", owner)) == 14
    assert await count_buffers(filled, STATEMENT, ["i1", owner]) <= 45


DEFAULTS = """
INSERT INTO configs (id, integration_id, key, value, updated_by)
SELECT gen_random_uuid(), i.id, 'key ' || k, '{"value": "default"}', 'x'
FROM integrations i, generate_series(1, 3) k WHERE i.name <> 'i1';
INSERT INTO integration_mappings (integration_id, entity_id) SELECT id, 'x' FROM integrations;
ANALYZE configs, integration_mappings;
SELECT pg_restore_attribute_stats(
    'schemaname', 'public', 'relname', name, 'attname', 'organization_id', 'inherited', false,
    'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 600::real
) FROM unnest('{configs,integration_mappings}'::text[]) AS name
"""
"""So few among so many that the sample that PostgreSQL takes holds none of them."""


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_what_others_have_by_default_costs_nothing(filled: Any, mode: str) -> None:
    """The defaults of one integration, and its mapping for all, are found by themselves, also where PostgreSQL believes
    that there are none and would as soon go through those of all integrations."""
    await filled.execute(DEFAULTS)
    await filled.execute(f"SET plan_cache_mode = {mode}")
    owner = await filled.fetchval("SELECT md5('o77')::uuid")
    assert len(await filled.fetch(STATEMENT, "i1", owner)) == 14
    assert await count_buffers(filled, STATEMENT, ["i1", owner]) <= 45


REQUIRED = """
INSERT INTO integration_config_schema (id, integration_id, key, type, required)
SELECT gen_random_uuid(), md5('i1')::uuid, k, 'string', true FROM unnest('{key 1,absent}'::text[]) k
"""


async def test_what_mappings_miss_is_found_by_its_place(filled: Any, database: Database) -> None:
    """What a mapping overrides and what its integration has by default are found by their places, not by reading all
    configs."""
    await filled.execute(DEFAULTS)
    await filled.execute(REQUIRED)
    row = await filled.fetchrow("SELECT * FROM integration_mappings WHERE integration_id = md5('i1')::uuid LIMIT 1")
    mapping = MappingRow(row["id"], row["integration_id"], row["organization_id"], "x", None)
    everybody = Principal(uuid.UUID(int=0), "test", frozenset(Permission))
    async with database.read() as session:
        missing = await missing_of(session, everybody, [mapping], LegacyKeys([]))
        looks = await session.rows(text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'configs'"))
    assert missing == {mapping.id: ["absent"]}
    assert looks[0].seq_scan == 0


async def test_page_1000_costs_what_page_1_costs(filled: Any) -> None:
    """The thousandth page is found by its place: it touches hardly more pages than the first."""
    everybody = Principal(uuid.UUID(int=0), "test", frozenset(Permission))

    async def cost(after: str | None) -> int:
        statement = ORDER.apply(select_configs(everybody), 10, after)
        return await count_buffers(
            filled, str(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
        )

    row = await filled.fetchrow("SELECT key, id FROM configs ORDER BY key, id OFFSET 9989 LIMIT 1")
    first, late = await cost(None), await cost(ORDER.cursor(row["key"], row["id"]))
    assert late <= first + 15


TIE = """
INSERT INTO integration_config_schema (id, integration_id, key, type)
SELECT md5(i.name || k)::uuid, i.id, 'key ' || k, 'string' FROM integrations i, generate_series(1, 10) k
WHERE i.name IN ('i1', 'i2');
UPDATE configs c SET field_id = f.id, legacy = false
FROM integration_config_schema f WHERE f.integration_id = c.integration_id AND f.key = c.key;
ANALYZE configs
"""


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM integration_config_schema WHERE id = md5('i24')::uuid",
        "UPDATE integration_config_schema SET type = 'secret' WHERE id = md5('i24')::uuid",
    ],
    ids=["a field goes", "a field's type changes"],
)
async def test_the_rows_of_a_field_are_found_by_its_place(filled: Any, change: str) -> None:
    """A field that older software drops or changes lets go of its own rows, and PostgreSQL does not look through all
    configs for them."""
    await filled.execute(TIE)
    await filled.execute("SET session_replication_role = origin")
    async with filled.transaction():
        await filled.execute(change)
        looks = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'configs'"
        assert await filled.fetchval(looks) == 0
        tied = "SELECT count(*) FROM configs WHERE key = 'key 4' AND legacy = false AND field_id IS "
        assert await filled.fetchval(f"{tied} NULL") == 1
        assert await filled.fetchval(f"{tied} NOT NULL") == 600


async def test_no_index_merges_what_has_nothing_to_merge(sql: Any) -> None:
    """An index of `configs` in which no two rows have one key does not deduplicate: each update would pay for it."""
    found = await sql.fetch("""
        SELECT c.relname, coalesce(c.reloptions @> '{deduplicate_items=off}', false) AS off,
            i.indisunique OR 'id' = pg_get_indexdef(c.oid, i.indnkeyatts, false) AS differ
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = 'configs'::regclass AND i.indpred IS NULL
    """)
    assert {row["relname"] for row in found if row["off"]} == {row["relname"] for row in found if row["differ"]}
    assert len(found) == 6
