"""What the service's own role may do, where the tables belong to another one (STRONGROOM_MIGRATION_DATABASE_URL)."""

from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from db.errors import SettingsError
from db.models import AuditEvent, AuditHead, AuditKey, BackfillMove, Base
from db.settings import sqlalchemy_url

_APPENDED: Final = {
    AuditEvent.__tablename__: "SELECT, INSERT",
    AuditHead.__tablename__: "SELECT, INSERT, UPDATE",
    AuditKey.__tablename__: "SELECT, INSERT, UPDATE",
    BackfillMove.__tablename__: "SELECT",
    "strongroom_version": "SELECT",
}
"""The tables of which the service may not do everything."""


async def role_of(database_url: str) -> str:
    """The role that a URL logs in as."""
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return str(await connection.scalar(text("SELECT current_user")))
    finally:
        await engine.dispose()


async def grant(owner_url: str, role: str) -> None:
    """Let a role work with all tables, and do no more than append to the audit log.

    Raises SettingsError where that role could change the log all the same: it owns it, or may act as who does.
    """
    engine = create_async_engine(sqlalchemy_url(owner_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            # Before anything is revoked: an owner could take it back.
            await _refuse(connection, _IS_OWNER, role)
            await _grant(connection, role)
            await _refuse(connection, _MAY_CHANGE, role)
    finally:
        await engine.dispose()


async def _refuse(connection: AsyncConnection, question: TextClause, role: str) -> None:
    if await connection.scalar(question, {"role": role, "table": AuditEvent.__tablename__}):
        raise SettingsError(
            f"DATABASE_URL's role {role} may change the audit log whatever is granted: it must neither be a superuser, "
            "nor own the tables, nor be a member of STRONGROOM_MIGRATION_DATABASE_URL's role"
        )


async def _grant(connection: AsyncConnection, role: str) -> None:
    names: dict[str, Any] = dict((await connection.execute(_NAMES, {"role": role})).one()._mapping)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - SQLAlchemy's documented accessor
    schema, service = names["schema"], names["role"]
    await connection.execute(_sql(f"GRANT USAGE ON SCHEMA {schema} TO {service}"))
    for table in [*Base.metadata.tables, *({"strongroom_version"} - set(Base.metadata.tables))]:
        if table in _APPENDED:
            await connection.execute(_sql(f"REVOKE ALL ON {table} FROM {service}, PUBLIC"))
        rights = _APPENDED.get(table, "SELECT, INSERT, UPDATE, DELETE")
        await connection.execute(_sql(f"GRANT {rights} ON {table} TO {service}"))
    await connection.execute(_sql(f"GRANT EXECUTE ON FUNCTION strongroom_alter_door(text) TO {service}"))


def _sql(statement: str) -> TextClause:
    """A statement whose names are ours, or were quoted by PostgreSQL."""
    return text(statement.replace(":", r"\:"))


_NAMES: Final = text("SELECT quote_ident(current_schema()) AS schema, quote_ident(:role) AS role")

_IS_OWNER: Final = text("""
SELECT pg_has_role(:role, relowner, 'MEMBER') FROM pg_class WHERE oid = CAST(CAST(:table AS text) AS regclass)
""")

_MAY_CHANGE: Final = text("SELECT has_table_privilege(:role, :table, 'UPDATE, DELETE, TRUNCATE')")
