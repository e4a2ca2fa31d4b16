"""The API in this process, on real servers, and a client that sends it operations as callers do.

api                        the application; `await api.make_token(...)` and `api.client(token)`
client                     an `ApiClient` of the admin
tables                     `await tables()`: all that the database holds
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import pytest
from sqlalchemy import event, text

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.authenticator import Authenticator
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.embedded import EmbeddedServers
from db.pool import Pool
from db.queue import Queue
from db.sessions import Database
from db.tokens import generate_token
from db.vault import Vault
from gql.app import make_app, run_service
from tests.databases import Databases, complete
from tests.gql.kit import Api, ApiClient, sign_in
from tests.gql.worlds import World, make_estate, make_world

T = TypeVar("T")


@pytest.fixture
def remembers() -> bool:
    """Whether the API resolves from memory. A test that writes by SQL and reads at once does without: another
    process's write, as such a write is, may take a moment to be heard of."""
    return False


@pytest.fixture
async def api(
    database: Database, vault: Vault, queue: Queue, admin: Principal, database_url: str, remembers: bool
) -> AsyncIterator[Api]:
    """The application on this test's servers."""
    async with run_service(database, vault, queue, database_url, Authenticator()) as service:
        if not remembers:
            service.resolver.snapshots.vouch = lambda moment: None
        api = Api(make_app(service), service, admin)
        yield api
        await api.http.aclose()


@pytest.fixture(scope="session")
def admin_token() -> str:
    """The admin token, the same for every test of this process, since copied databases hold it."""
    return generate_token()


@pytest.fixture
async def client(api: Api, admin_token: str) -> ApiClient:
    """A client with the admin token, which every database that is copied for one holds."""
    return api.client(admin_token)


@dataclass(frozen=True)
class Prepared(Generic[T]):
    """A database to copy, and what was made in it."""

    database: str
    made: T


class Prepare(Protocol):
    """Makes something through the API in a database of its own, once for this test process."""

    def __call__(self, name: str, make: Callable[[Api, ApiClient], Awaitable[T]]) -> Prepared[T]: ...


@pytest.fixture(scope="session")
def prepare(
    servers: EmbeddedServers, databases: Databases, migrated: str, session_keyring: RootKeyring, admin_token: str
) -> Prepare:
    """Makes databases to copy: copying is several times faster than making the same again for each test."""

    def run(name: str, make: Callable[[Api, ApiClient], Awaitable[T]]) -> Prepared[T]:
        url = databases.make(migrated, name)

        async def work() -> T:
            database, queue = Database(url), Queue(servers.redis_url)
            vault = Vault(DataKeys(session_keyring), LegacyKeys([]), AuditLog(session_keyring))
            try:
                async with run_service(database, vault, queue, url, Authenticator()) as service:
                    api = Api(make_app(service), service, Principal(uuid.uuid4(), "admin", frozenset(Permission)))
                    return await make(api, await sign_in(api, admin_token))
            finally:
                await database.close()

        return Prepared(name, complete(work()))

    return run


async def _make_nothing(api: Api, client: ApiClient) -> None:
    """Nothing but the admin token."""


@pytest.fixture(scope="session")
def prepared_client(prepare: Prepare) -> Prepared[None]:
    """A database that holds the admin token and nothing else."""
    return prepare("strongroom_client", _make_nothing)


@pytest.fixture(scope="session")
def prepared_world(prepare: Prepare) -> Prepared[World]:
    """A database that holds the small world."""
    return prepare("strongroom_world", make_world)


@pytest.fixture(scope="session")
def prepared_estate(prepare: Prepare) -> Prepared[dict[str, str]]:
    """A database that holds the world of tenancy.txt."""
    return prepare("strongroom_estate", make_estate)


@pytest.fixture
def template(migrated: str, request: pytest.FixtureRequest) -> str:
    """The database to copy: one that holds what the test's fixtures ask for."""
    for name in ("world", "estate", "client"):
        if name in request.fixturenames:
            return request.getfixturevalue(f"prepared_{name}").database
    return migrated


@pytest.fixture
async def world(client: ApiClient, prepared_world: Prepared[World]) -> World:
    """A small world, made through the API."""
    return prepared_world.made


@pytest.fixture
def tables(database: Database) -> Callable[[], Awaitable[dict[str, list[str]]]]:
    """All that the database holds, read when it is called, to be compared with what it held before."""

    async def read() -> dict[str, list[str]]:
        async with database.engine.connect() as connection:
            names = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            return {
                name: list(await connection.scalars(text(f'SELECT to_jsonb(t)::text FROM "{name}" t ORDER BY 1')))
                for name in sorted(names)
            }

    return read


@pytest.fixture
async def estate(client: ApiClient, prepared_estate: Prepared[dict[str, str]]) -> dict[str, str]:
    """The world of tenancy.txt: the ids of what is in it, and its callers' tokens, by name."""
    return prepared_estate.made


@pytest.fixture
def statements(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that is sent to the database, but for the look-up of the caller, twice a second."""
    sent: list[str] = []
    fetch, fetch_patiently = Pool.fetch, Pool.fetch_patiently

    def note(*arguments: Any) -> None:
        if "FROM tokens" not in arguments[2]:
            sent.append(arguments[2])

    async def note_fetch(self: Pool, statement: str, *arguments: object) -> Any:
        sent.append(statement)
        return await fetch(self, statement, *arguments)

    async def note_patient(self: Pool, statement: str, *arguments: object) -> Any:
        sent.append(statement)
        return await fetch_patiently(self, statement, *arguments)

    monkeypatch.setattr(Pool, "fetch", note_fetch)
    monkeypatch.setattr(Pool, "fetch_patiently", note_patient)
    engine = api.service.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)
