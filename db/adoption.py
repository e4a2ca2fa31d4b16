"""What keeps a database of the replaced software from being adopted: told in words, before anything is changed.

In the shape that the software is known to leave, no row of its tables is read for this: values are only looked at
where the tables themselves do not vouch for them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from db.values import ConfigType

SHAPE: Final = {
    "organizations": "id name created_by",
    "integrations": "id name is_deleted created_at updated_at",
    "integration_config_schema": "id integration_id key type required description options position created_at "
    "updated_at",
    "integration_mappings": "id integration_id organization_id entity_id entity_name created_at updated_at",
    "configs": "id organization_id integration_id key value config_type description created_at updated_at updated_by "
    "config_schema_id",
}
"""What this software reads and writes of the legacy tables."""

_NULLABLE: Final = frozenset(
    {"description", "options", "organization_id", "entity_name", "value", "config_schema_id", "configs.integration_id"}
)
"""Columns that may be null. A value that is null counts as absent."""

_TEXT: Final = frozenset({"varchar", "text"})
_MOMENT: Final = frozenset({"timestamptz"})
_TYPES: Final = {
    **dict.fromkeys(("id", "organization_id", "integration_id", "config_schema_id"), frozenset({"uuid"})),
    **dict.fromkeys(("name", "created_by", "updated_by", "key", "type", "entity_id", "entity_name"), _TEXT),
    **dict.fromkeys(("created_at", "updated_at"), _MOMENT),
    **dict.fromkeys(("required", "is_deleted"), frozenset({"bool"})),
    "value": frozenset({"jsonb"}),
    "config_type": frozenset({"config_type"}),
}

_UNIQUE: Final = (
    ("configs", "integration_id, organization_id, key"),
    ("integration_config_schema", "integration_id, key"),
    ("integration_mappings", "integration_id, organization_id"),
)
"""What there is one of, nulls included."""

_PARENTS: Final = (
    ("configs", "organization_id", "organizations"),
    ("configs", "integration_id", "integrations"),
    ("integration_config_schema", "integration_id", "integrations"),
    ("integration_mappings", "integration_id", "integrations"),
    ("integration_mappings", "organization_id", "organizations"),
)


def find_faults(connection: Connection) -> list[str]:
    """What is in the way; nothing, if the database can be adopted."""
    shape = [*_find_lacking(connection)]
    return shape or [*_find_odd_columns(connection), *_find_odd_tables(connection)] or [*_find_odd_rows(connection)]


def find_elsewhere(connection: Connection) -> str | None:
    """The schema that holds the tables, where it is not the one that new tables are made in. Installations of ours do
    not count."""
    return connection.execute(text(_ELSEWHERE), {"tables": list(SHAPE)}).scalar()


def complete_indexes(connection: Connection) -> None:
    """Make what writes rely on where it lacks: a database that was restored by hand may."""
    for table, columns, name in (
        ("integration_config_schema", "integration_id, key", "ix_integration_config_schema_unique_key"),
        ("integration_mappings", "integration_id, organization_id", "uq_integration_org_mapping"),
    ):
        if not _is_unique(connection, table, columns):
            connection.execute(text(f"CREATE UNIQUE INDEX {name} ON {table} ({columns})"))
    connection.execute(text(_ONE_FALLBACK))


def _find_lacking(connection: Connection) -> Iterator[str]:
    labels = connection.execute(text(_LABELS)).scalars().all()
    if not {kind.value for kind in ConfigType} <= set(labels):
        yield "the type config_type lacks labels, or is not there"
    columns = _columns(connection)
    for table, wanted in SHAPE.items():
        have = {row.name for row in columns if row.table == table}
        lacking = [column for column in wanted.split() if column not in have]
        if lacking:
            told = f"lacks {', '.join(lacking)}" if have else "is not there"
            yield f"table {table} {told}"


def _find_odd_columns(connection: Connection) -> Iterator[str]:
    for row in _columns(connection):
        ours = row.name in SHAPE[row.table].split()
        types = _TYPES.get(row.name) if ours else None
        if types is not None and row.type not in types:
            yield f"column {row.name} of table {row.table} is of type {row.type}, not {' or '.join(sorted(types))}"
        if not ours and row.required:
            yield f"column {row.name} of table {row.table} must have a value: give it a default"
    for table in SHAPE:
        if not _is_unique(connection, table, "id"):
            yield f"table {table} has no primary key on id"


def _find_odd_tables(connection: Connection) -> Iterator[str]:
    for row in connection.execute(text(_ODD_TABLES), {"tables": list(SHAPE)}):
        yield f"table {row.table} {row.told}"


def _find_odd_rows(connection: Connection) -> Iterator[str]:
    for row in _columns(connection):
        known = row.name in SHAPE[row.table].split() and not {row.name, f"{row.table}.{row.name}"} & _NULLABLE
        if known and row.nullable:
            yield from _tell(connection, row.table, f"{row.name} IS NULL", f"no {row.name}")
    for table, columns in _UNIQUE:
        if not _is_unique(connection, table, columns):
            yield from _tell_doubles(connection, table, columns, "true")
    yield from _tell_doubles(connection, "integrations", "name", "NOT is_deleted")
    yield from _tell_doubles(connection, "integration_mappings", "integration_id", "organization_id IS NULL")
    for table, column, parent in _PARENTS:
        if not connection.execute(text(_VOUCHED), {"table": table, "parent": parent, "column": column}).scalar():
            where = f"{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {parent} p WHERE p.id = t.{column})"
            yield from _tell(connection, table, where, f"an {column} that is not there")
    if len(connection.execute(text(_LABELS)).scalars().all()) > len(ConfigType):
        kinds = ", ".join(f"'{kind.value}'" for kind in ConfigType)
        yield from _tell(connection, "configs", f"config_type::text NOT IN ({kinds})", "a config_type of another kind")
    kinds = ", ".join(f"'{kind.value}'" for kind in ConfigType)
    odd = f"type NOT IN ({kinds}) AND lower(btrim(type)) IN ({kinds})"
    yield from _tell(connection, "integration_config_schema", odd, "a type that is not spelled in small letters")


def _tell(connection: Connection, table: str, where: str, told: str) -> Iterator[str]:
    # Of ours, all of them: names of tables and columns.
    statement = f"SELECT count(*) AS rows, min(id::text) AS first FROM {table} t WHERE {where}"  # noqa: S608
    found = connection.execute(text(statement)).one()
    if found.rows:
        rows = "1 row" if found.rows == 1 else f"{found.rows:,} rows, the first of them"
        yield f"table {table} has {rows} {found.first} with {told}"


def _tell_doubles(connection: Connection, table: str, columns: str, where: str) -> Iterator[str]:
    statement = f"""
        SELECT count(*) OVER () AS places, ids FROM (
            SELECT string_agg(id::text, ' and ' ORDER BY id) AS ids FROM {table} WHERE {where}
            GROUP BY {columns} HAVING count(*) > 1
        ) AS doubles ORDER BY ids LIMIT 1
    """  # noqa: S608 - constants of ours
    found = connection.execute(text(statement)).first()
    if found is not None:
        more = f", and {found.places - 1:,} more such" if found.places > 1 else ""
        yield f"table {table} has rows of the same {columns}: {found.ids}{more}"


def _is_unique(connection: Connection, table: str, columns: str) -> bool:
    wanted = {"table": table, "columns": columns.split(", ")}
    return bool(connection.execute(text(_IS_UNIQUE), wanted).scalar())


def _columns(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(text(_COLUMNS), {"tables": list(SHAPE)}).all()


_ONE_FALLBACK: Final = """
CREATE UNIQUE INDEX IF NOT EXISTS ix_integration_mappings_unique_global ON integration_mappings (integration_id)
WHERE organization_id IS NULL
"""

_LABELS: Final = """
SELECT e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
WHERE t.typname = 'config_type' AND pg_type_is_visible(t.oid)
"""

_OF_OURS: Final = (
    "c.relname = ANY(CAST(:tables AS text[])) AND c.relnamespace = to_regnamespace(quote_ident(current_schema()))"
)

_ELSEWHERE: Final = """
SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY(CAST(:tables AS text[])) AND c.relkind = 'r' AND n.nspname <> current_schema()
GROUP BY n.oid, n.nspname
HAVING count(*) = cardinality(CAST(:tables AS text[]))
    AND NOT EXISTS (SELECT FROM pg_class v WHERE v.relnamespace = n.oid AND v.relname = 'strongroom_version')
ORDER BY n.nspname LIMIT 1
"""

_COLUMNS: Final = f"""
SELECT c.relname AS table, a.attname AS name, t.typname AS type, NOT a.attnotnull AS nullable,
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '' AS required
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE {_OF_OURS} AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""  # noqa: S608 - constants of ours

_IS_UNIQUE: Final = """
SELECT 1 FROM pg_index i
WHERE i.indrelid = CAST(:table AS regclass) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND (
    SELECT array_agg(coalesce(a.attname, (regexp_match(pg_get_indexdef(i.indexrelid, k.n, false), '\\w+_id'))[1])::text
        ORDER BY k.n)
    FROM generate_series(1, i.indnkeyatts) AS k (n)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n - 1] AND a.attnum > 0
) = CAST(:columns AS text[])
LIMIT 1
"""
"""An index over COALESCE of a column counts as one over the column, in which nulls are equal."""

_ODD_TABLES: Final = f"""
SELECT c.relname AS table, format('has a rule %s: drop it', r.rulename) AS told
FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid WHERE {_OF_OURS} AND c.relkind <> 'v'
UNION ALL
SELECT c.relname, 'has row security: disable it, for who does not see all rows loses some'
FROM pg_class c WHERE {_OF_OURS} AND c.relrowsecurity
UNION ALL
SELECT c.relname, 'is no ordinary table' FROM pg_class c WHERE {_OF_OURS} AND c.relkind <> 'r'
ORDER BY 1, 2
"""  # noqa: S608 - constants of ours

_VOUCHED: Final = """
SELECT 1 FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
WHERE k.contype = 'f' AND k.convalidated AND k.conrelid = CAST(:table AS regclass)
    AND k.confrelid = CAST(:parent AS regclass) AND a.attname = :column
LIMIT 1
"""
