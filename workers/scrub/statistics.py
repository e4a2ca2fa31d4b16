"""Column statistics: ANALYZE keeps samples of values, which outlive sealing and even VACUUM FULL.

None are kept from now on for columns that have held secrets, and what was kept is removed.
"""

from dataclasses import dataclass
from typing import Any, Final

from workers.scrub.places import COLUMNS, Rights
from workers.scrub.rewriting import patiently


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or an index's expression, that ANALYZE may have sampled. `table` is a quoted name."""

    schema: str
    table: str
    name: str
    number: int
    is_index: bool
    collected: bool
    kept: bool

    @property
    def place(self) -> str:
        """Its name for people."""
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is sampled. `extended` are quoted names of statistics objects that somebody made over such columns."""

    columns: list[Column]
    extended: list[str]

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        kept = [column.place for column in self.columns if column.kept]
        return {"clears": kept, "neverAgain": [column.place for column in self.columns], "drops": self.extended}

    def lines(self) -> list[str]:
        """For people."""
        kept = ", ".join(column.place for column in self.columns if column.kept) or "none are there now"
        found = [f"It clears the column statistics of secret-bearing columns ({kept}) and has none collected again."]
        if self.extended:
            found.append(f"It DROPS these extended statistics, which sample such columns: {', '.join(self.extended)}")
        return found


async def find_statistics(connection: Any) -> Statistics:
    """Everything that may have sampled a secret-bearing column, indexes on expressions of it included."""
    names = [name for name, columns in COLUMNS.items() for _ in columns]
    columns = [column for columns in COLUMNS.values() for column in columns]
    rows = await connection.fetch(_COLUMNS, names, columns)
    extended = await connection.fetch(_EXTENDED, names, columns)
    return Statistics([Column(*row) for row in rows], [row["name"] for row in extended])


async def remove_statistics(connection: Any, rights: Rights) -> list[str]:
    """Collect none any more and remove those that are there; the places where some are left."""
    found = await find_statistics(connection)
    for name in found.extended:
        await patiently(connection, f"DROP STATISTICS IF EXISTS {name}")
    for column in found.columns:
        await _remove(connection, rights, column)
    return [column.place for column in (await find_statistics(connection)).columns if column.kept]


async def _remove(connection: Any, rights: Rights, column: Column) -> None:
    version = connection.get_server_version().major
    if column.kept and version < 18 and not rights.superuser:
        # It cannot be removed, but it can be sampled anew, from what is there since everything is sealed.
        await _collect(connection, column, 1)
        await patiently(connection, f"ANALYZE {column.schema}.{column.table}")
    if column.collected or not column.is_index:
        await _collect(connection, column, 0)
    if not column.kept:
        return
    if version >= 18:
        await connection.execute(_CLEAR, column.schema, column.table, column.name)
    elif rights.superuser:
        await connection.execute(_DELETE, f"{column.schema}.{column.table}", column.number)


async def _collect(connection: Any, column: Column, target: int) -> None:
    kind = "INDEX" if column.is_index else "TABLE"
    which = str(column.number) if column.is_index else column.name
    statement = f"ALTER {kind} {column.schema}.{column.table} ALTER COLUMN {which} SET STATISTICS {target}"
    await patiently(connection, statement)


_COLUMNS: Final = """
WITH secret AS (
    SELECT a.attrelid, a.attnum FROM unnest($1::text[], $2::text[]) AS u (name, attribute)
    JOIN pg_attribute a ON a.attrelid = u.name::regclass AND a.attname = u.attribute
), place AS (
    SELECT attrelid, attnum, false AS is_index FROM secret
    UNION
    SELECT i.indexrelid, k.number::smallint, true
    FROM pg_depend d JOIN secret s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.attrelid
        AND d.refobjsubid = s.attnum AND d.classid = 'pg_class'::regclass
    JOIN pg_index i ON i.indexrelid = d.objid, unnest(i.indkey) WITH ORDINALITY AS k (attribute, number)
    WHERE k.attribute = 0
)
SELECT quote_ident(n.nspname) AS schema, quote_ident(c.relname) AS table, quote_ident(a.attname) AS name, p.attnum,
    p.is_index, coalesce(a.attstattarget, -1) <> 0 AS collected,
    EXISTS (
        SELECT FROM pg_stats t WHERE t.schemaname = n.nspname AND t.tablename = c.relname AND t.attname = a.attname
    ) AS kept
FROM place p JOIN pg_class c ON c.oid = p.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = p.attrelid AND a.attnum = p.attnum ORDER BY 1, 2, 4
"""

_EXTENDED: Final = """
SELECT DISTINCT format('%I.%I', e.stxnamespace::regnamespace, e.stxname) AS name
FROM pg_statistic_ext e JOIN pg_depend d ON d.classid = 'pg_statistic_ext'::regclass AND d.objid = e.oid
JOIN unnest($1::text[], $2::text[]) AS u (name, attribute) ON d.refobjid = u.name::regclass
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attname = u.attribute
WHERE d.refclassid = 'pg_class'::regclass ORDER BY 1
"""

_CLEAR: Final = "SELECT pg_clear_attribute_stats($1, $2, $3, false)"
_DELETE: Final = "DELETE FROM pg_statistic WHERE starelid = $1::regclass AND staattnum = $2"
