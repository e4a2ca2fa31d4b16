"""Real servers for every test: one PostgreSQL and one Valkey a test process, one database a test.

database_url, redis_url    a migrated, empty database and an empty Valkey, this test's own
empty_database_url         a database without any table
database, vault, queue     what the service is made of, on them
root_keys                  the text of the vault's root keyring, for other processes
admin                      a caller that may do everything
unmeasured                 processes that the test starts do not count for coverage
patient                    the database, without a limit to how long callers wait for a connection
transact                   await transact(work): `work(transaction)` in one committed transaction
sql                        a connection of its own to the test's database
write_legacy               writes a config as older software does; its id
"""

import asyncio
import base64
import faulthandler
import functools
import gc
import inspect
import json
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import asyncpg
import hypothesis
import pytest
import redis
from xdist.scheduler import LoadScopeScheduling

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.embedded import EmbeddedServers
from db.queue import Queue
from db.sessions import Database, WriteSession
from db.upgrade import upgrade
from db.vault import Transaction, Vault
from tests.databases import Databases, complete
from tests.folders import make_folder
from tests.measuring import spare_pending_calls

T = TypeVar("T")

TEMPLATE = "strongroom_template"

MOST_SECONDS = 180
"""The longest that a test may take; the longest take some 25."""

# The same examples in every run, and no deadline: what is made up here is not to fail where nothing has changed.
hypothesis.settings.register_profile(
    "suite", derandomize=True, deadline=None, database=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

spare_pending_calls()


class Transact(Protocol):
    """Runs work in one committed transaction, as the admin unless told otherwise."""

    async def __call__(self, work: Callable[[Transaction], Awaitable[T]], principal: Principal | None = None) -> T: ...


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: long; run with -m soak, and left out of every other run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))
            if not config.option.markexpr:
                item.add_marker(pytest.mark.skip(reason="runs with -m soak"))
        elif isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = in_time(item.obj)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("soak"):
        # The last resort of the settings is for tests that have a limit.
        faulthandler.cancel_dump_traceback_later()


def in_time(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The test, which ends before pytest-timeout ends it, so that its traceback shows what it waited for."""

    @functools.wraps(test)
    async def run(**fixtures: Any) -> None:
        async with asyncio.timeout(MOST_SECONDS):
            await test(**fixtures)

    return run


TOGETHER = (
    "tests/console/",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_set_up.py",
    "tests/gql/live/test_clients.py",
    "tests/sdk/test_wheel.py",
)
"""Tests that share something that takes long to make run in one process, one after the other."""


class Scheduling(LoadScopeScheduling):
    """Every test goes to the first process that is free, but for those that stay together.

    This is what `--dist loadgroup` promises. pytest-xdist 3.8 marks groups in a way that pytest 9.2 does not see.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((beginning for beginning in TOGETHER if nodeid.startswith(beginning)), nodeid)

    def _reschedule(self, node: Any) -> None:
        """A process keeps its last test until it is given another one, or told that no more follow. So is one that came
        in place of a process that died, at once: pytest-xdist gives it a single test, and would wait forever."""
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            self._assign_work_unit(node)
        if not self.workqueue and not node.shutting_down:
            node.shutdown()

    def remove_node(self, node: Any) -> str | None:
        """What a process that died has left to be done is given to others, but for the test that it died in: that has
        failed. pytest-xdist begins that again, too, and hands out what was done as if there were something to do."""
        units = self.assigned_work[node]
        crashed = next((test for unit in units.values() for test, done in unit.items() if not done), None)
        if crashed is not None:
            units[self._split_scope(crashed)][crashed] = True
        self.assigned_work[node] = {scope: unit for scope, unit in units.items() if not all(unit.values())}
        super().remove_node(node)
        return crashed


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: no collection of garbage has to look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """This process's servers, in a folder with a path short enough for sockets."""
    home = make_folder()
    home.chmod(0o711)
    try:
        with EmbeddedServers(home, durable=False, options={"max_connections": "100"}) as servers:
            yield servers
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(servers: EmbeddedServers) -> Iterator[Databases]:
    """Makes databases on this process's server."""
    with Databases(servers.database_url) as databases:
        yield databases


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    """The name of a migrated, empty database."""
    complete(upgrade(databases.make("template1", TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def template(migrated: str) -> str:
    """The name of the database that this test's is a copy of."""
    return migrated


@pytest.fixture
def database_url(databases: Databases, template: str) -> Iterator[str]:
    """A migrated database of this test's own, empty unless its fixtures name one to copy."""
    url = databases.make(template)
    yield url
    databases.drop(url)


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database without any table, of this test's own."""
    url = databases.make("template1")
    yield url
    databases.drop(url)


@pytest.fixture
def redis_url(servers: EmbeddedServers) -> str:
    """An empty Valkey."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url


@pytest.fixture(scope="session")
def session_keys() -> str:
    """The text of a root keyring with one new key, this test process's."""
    return f"root-1:{base64.b64encode(os.urandom(32)).decode()}"


@pytest.fixture(scope="session")
def session_keyring(session_keys: str) -> RootKeyring:
    """That keyring."""
    return RootKeyring.parse(session_keys)


@pytest.fixture
def root_keys(session_keys: str) -> str:
    """The root keyring's text, for processes that get it by their environment."""
    return session_keys


@pytest.fixture
def root_keyring(session_keyring: RootKeyring) -> RootKeyring:
    """The root keyring; this test process's, unless a test overrides this."""
    return session_keyring


@pytest.fixture
def legacy_keys() -> LegacyKeys:
    """The keys of older software; none, unless a test overrides this."""
    return LegacyKeys([])


@pytest.fixture
def vault(root_keyring: RootKeyring, legacy_keys: LegacyKeys) -> Vault:
    """Data keys under the root keyring, and the legacy keys."""
    return Vault(DataKeys(root_keyring), legacy_keys, AuditLog(root_keyring))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Sessions on this test's database."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    """The workers' bell."""
    queue = Queue(redis_url)
    yield queue
    with suppress(Exception):
        await queue.close()


@pytest.fixture
def admin() -> Principal:
    """A caller that may do everything, everywhere."""
    return Principal(uuid.uuid4(), "admin", frozenset(Permission))


@pytest.fixture
def transact(database: Database, vault: Vault, admin: Principal) -> Transact:
    """Runs work in one committed transaction."""

    async def run(work: Callable[[Transaction], Awaitable[T]], principal: Principal | None = None) -> T:
        async def within(session: WriteSession) -> T:
            return await work(Transaction(session, principal or admin, vault))

        return await database.write(within)

    return run


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that this test starts do not count for coverage, which takes them half as long again: others that run
    the same code do."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def patient(database: Database) -> Database:
    """The same database, of which no caller is sent away for having waited too long for a connection."""
    pool: Any = database.engine.sync_engine.pool
    pool._timeout = 300
    return database


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that knows nothing of Strongroom."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


class WriteLegacy(Protocol):
    """Writes a config as older software does, knowing none of our columns; its id."""

    async def __call__(
        self,
        key: str,
        value: Any,
        *,
        integration: str | None = None,
        organization: str | None = None,
        type: str = "string",
    ) -> str: ...


@pytest.fixture
def write_legacy(sql: asyncpg.Connection) -> WriteLegacy:
    """Writes configs as older software does."""

    async def write(
        key: str,
        value: Any,
        *,
        integration: str | None = None,
        organization: str | None = None,
        type: str = "string",
    ) -> str:
        id = uuid.uuid4()
        await sql.execute(
            "INSERT INTO configs (id, integration_id, organization_id, key, value, config_type, updated_by)"
            " VALUES ($1, $2, $3, $4, $5, $6, 'legacy@example.com')",
            id,
            integration,
            organization,
            key,
            json.dumps({"value": value}),
            type,
        )
        return str(id)

    return write
