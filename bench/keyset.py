"""Pages of a long list: what PostgreSQL reads for the first one and for the thousandth."""

import json
import uuid
from typing import Any, Final

import asyncpg
from sqlalchemy.dialects import postgresql

from db.access import Permission, Principal
from db.config_lists import ORDER
from db.configs import select_configs
from db.urls import asyncpg_dsn

_ROWS: Final = 100_200
_SIZE: Final = 100


async def compare_pages(database_url: str) -> dict[str, Any]:
    """Fill the list up to a thousand pages and more; by page, PostgreSQL's buffers and milliseconds."""
    connection: Any = await asyncpg.connect(asyncpg_dsn(database_url))
    try:
        await connection.execute(_FILL, _ROWS)
        await connection.execute("VACUUM ANALYZE configs")
        row = await connection.fetchrow(_PLACE, 999 * _SIZE - 1)
        cursor = ORDER.cursor(row["key"], row["id"])
        return {
            "page 1": await _explain(connection, None),
            "page 1000": await _explain(connection, cursor),
        }
    finally:
        await connection.close()


async def _explain(connection: Any, after: str | None) -> dict[str, Any]:
    """The best of five: the first ones warm the cache."""
    everybody = Principal(uuid.UUID(int=0), "bench", frozenset(Permission))
    statement = ORDER.apply(select_configs(everybody), _SIZE, after)
    dialect = postgresql.dialect()
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    best: dict[str, Any] = {}
    for _ in range(5):
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {compiled}")
        top = json.loads(text)[0]
        buffers = top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"]
        found = {"buffers": buffers, "ms": top["Execution Time"]}
        best = min(best or found, found, key=lambda one: one["ms"])
    return best


_FILL: Final = """
INSERT INTO configs (id, key, value, config_type, updated_by)
SELECT gen_random_uuid(), 'key ' || n, '{"value": "x"}', 'string', 'bench' FROM generate_series(1, $1::int) n
"""
_PLACE: Final = "SELECT key, id FROM configs ORDER BY key, id OFFSET $1 LIMIT 1"
