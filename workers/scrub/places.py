"""Where plaintext can have been in the database, and the raw connection that looks after it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import asyncpg

from db.settings import asyncpg_dsn

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "configs": ("value",),
    "config_history": ("value",),
    "integration_config_schema": ("default_value", "options"),
}
"""Tables that have held plaintext secrets, and the columns that did. A field that became a secret may have had a
default and options before."""

CATALOGS: Final = ("pg_statistic", "pg_statistic_ext_data")
"""Where ANALYZE keeps samples of values. Their own dead rows hold them, too."""

LOCK_TIMEOUT: Final = "200ms"
"""How long everybody else may have to queue behind us for a table before we have it."""


@asynccontextmanager
async def connect(database_url: str) -> AsyncGenerator[Any]:
    """A connection whose statements run outside of transactions, as VACUUM must, and wait for no lock for long."""
    connection: Any = await cast("Any", asyncpg).connect(
        asyncpg_dsn(database_url),
        timeout=10,
        server_settings={
            "application_name": "strongroom scrub",
            "statement_timeout": "0",
            "lock_timeout": LOCK_TIMEOUT,
        },
    )
    try:
        # An autovacuum in our way gives up once this has passed; by itself it is a second, which we do not wait.
        if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            await connection.execute("SET deadlock_timeout = '100ms'")
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Rights:
    """What the role that scrubs may do."""

    superuser: bool
    owns_tables: bool
    owns_database: bool

    @property
    def rewrites_catalogs(self) -> bool:
        """Whether VACUUM FULL of a catalog is more than a warning."""
        return self.superuser or self.owns_database


async def find_rights(connection: Any) -> Rights:
    """The rights of the connection's role."""
    row = await connection.fetchrow(_RIGHTS, list(COLUMNS))
    return Rights(row["superuser"], row["owns_tables"], row["owns_database"])


_RIGHTS: Final = """
SELECT r.rolsuper AS superuser, pg_has_role(d.datdba, 'USAGE') AS owns_database,
    (SELECT bool_and(pg_has_role(c.relowner, 'USAGE')) FROM pg_class c WHERE c.oid = ANY($1::regclass[])) AS owns_tables
FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()
"""
