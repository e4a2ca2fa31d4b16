"""Two roles: one that owns the tables and migrates, and the service's own, which can only append to the audit log."""

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from db.audit.verification import Verification
from db.configs import StandaloneWrite, set_config
from db.embedded import EmbeddedServers
from db.errors import SettingsError
from db.grants import grant
from db.models import BackfillKind, BackfillStatus
from db.organizations import create_organization, delete_organization
from db.revealing import reveal
from db.runs import find_run, start_backfill
from db.sessions import Database
from db.tokens import NewToken, create_token, replace_admin_token
from db.upgrade import migrate, newest_revision
from db.values import ConfigType
from db.vault import Transaction
from tests.databases import run_sql
from workers.engine import Engine

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Roles:
    """The two roles' names and URLs, on a database of their own."""

    owner: str
    service: str
    owner_url: str
    service_url: str


@pytest.fixture
def roles(servers: EmbeddedServers) -> Iterator[Roles]:
    """Made as docs/audit.md says."""
    mark = uuid.uuid4().hex[:12]
    owner, service, name = f"owner:{mark}", f"service-{mark}", f"roles_{mark}"
    socket = servers.database_url.partition("?")[2]

    def sql(statement: str) -> None:
        run_sql(servers.database_url, statement)

    sql(f'CREATE ROLE "{owner}" LOGIN')
    sql(f'CREATE ROLE "{service}" LOGIN')
    sql(f'CREATE DATABASE {name} OWNER "{owner}"')
    try:
        urls = (f"postgresql://{role.replace(':', '%3A')}@/{name}?{socket}" for role in (owner, service))
        yield Roles(owner, service, *urls)
    finally:
        sql(f"DROP DATABASE {name} WITH (FORCE)")
        sql(f'DROP ROLE "{owner}"')
        sql(f'DROP ROLE "{service}"')


@pytest.fixture
async def database(roles: Roles) -> AsyncIterator[Database]:
    """Sessions of the service's own role, on a database that the owner has migrated."""
    await migrate(roles.service_url, roles.owner_url)
    database = Database(roles.service_url)
    yield database
    await database.close()


async def work(transaction: Transaction) -> uuid.UUID:
    """A bit of everything that the service writes."""
    await replace_admin_token(transaction, "t" * 40)
    await create_token(transaction, NewToken("new", ["config:read"]))
    owner = (await create_organization(transaction, None, "Northwind")).id
    id = await set_config(transaction, StandaloneWrite(owner, "key", ConfigType.SECRET, "a secret"))
    await reveal(transaction, [id])
    return owner


async def test_the_service_works_and_changes_nothing_of_the_log(database: Database, roles, transact, vault) -> None:
    """The service's role can do all that the service does, and of the log it can only read and append."""
    owner = await transact(work)
    await transact(lambda transaction: delete_organization(transaction, owner))
    assert [fault async for fault in Verification(database, vault.audit).faults()] == []
    connection = await asyncpg.connect(roles.service_url)
    assert await connection.fetchval("SELECT count(*) FROM audit_log") > 5
    for change in (
        "UPDATE audit_log SET actor = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DELETE FROM audit_heads",
        "DELETE FROM audit_keys",
        "DELETE FROM strongroom_version",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON audit_log",
        "DROP TABLE audit_log",
        "CREATE TABLE public.mine (id int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
    await connection.close()


async def test_the_owners_function_is_for_the_service_alone(database: Database, roles) -> None:
    """The one thing that the service does as the owner looks nothing up where the service could put something."""
    connection = await asyncpg.connect(roles.service_url)
    row = await connection.fetchrow(
        "SELECT proconfig, has_function_privilege('public', oid, 'EXECUTE') AS everybody FROM pg_proc"
        " WHERE proname = 'strongroom_alter_door' AND prosecdef"
    )
    await connection.close()
    assert row is not None
    assert (row["proconfig"], row["everybody"]) == (["search_path=public, pg_temp"], False)


@pytest.mark.parametrize("kind", BackfillKind)
async def test_the_worker_needs_no_more(database: Database, transact, vault, admin, kind: BackfillKind) -> None:
    """Every kind of run succeeds as the service's role, VERIFY's shutting of the door on legacy rows included."""
    await transact(work)
    run = await transact(lambda transaction: start_backfill(transaction, kind))
    engine = Engine(database, vault)
    while await engine.work(run.id):
        pass
    async with database.read() as session:
        found = await find_run(session, admin, run.id)
        shut = await session.scalar(text("SELECT count(*) FROM pg_constraint WHERE conname = 'ck_configs_not_legacy'"))
    assert (found.status, found.error) == (BackfillStatus.SUCCEEDED, None)
    assert shut == (kind is BackfillKind.VERIFY)


async def test_a_role_that_may_change_the_log_is_refused(database: Database, roles, servers) -> None:
    """An owner, a member of the owner's role or a superuser is no role for the service, and that is told."""
    with pytest.raises(SettingsError, match="may change the audit log"):
        await grant(roles.owner_url, roles.owner)
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute(f'GRANT "{roles.owner}" TO "{roles.service}"')
    await connection.close()
    with pytest.raises(SettingsError, match="may change the audit log"):
        await grant(roles.owner_url, roles.service)


async def test_upgrade_as_an_operator_runs_it(roles, tmp_path: Path) -> None:
    """`python -m db upgrade` migrates as the owner, grants to the service, and may be run again."""
    environ = {
        "DATABASE_URL": roles.service_url,
        "STRONGROOM_MIGRATION_DATABASE_URL": roles.owner_url,
        "STRONGROOM_HOME": str(tmp_path),
    }
    for _ in range(2):
        command = [sys.executable, "-m", "db", "upgrade"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"strongroom: the database is at revision {newest_revision()}\n"
    connection = await asyncpg.connect(roles.service_url)
    assert await connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'audit_log'") == roles.owner
    assert await connection.fetchval("SELECT count(*) FROM audit_log") == 0
    await connection.close()
