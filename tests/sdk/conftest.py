"""A real service for the SDK, on a thread of its own: a synchronous client would keep the tests' loop from serving.

service        the API on this test's database; `service.url`, `service.stop()`, `service.start()` on the same port
admin          a synchronous client that may do everything
place          an organization, and an integration that is mapped to it
make_token     makes tokens
serve          starts servers that are odd, and need no database
dial           makes clients of an address, of both kinds, which try once
"""

import asyncio
import base64
import os
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.authenticator import Authenticator
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.queue import Queue
from db.sessions import Database
from db.tokens import replace_admin_token
from db.vault import Transaction, Vault
from gql.app import make_app, run_service
from gql.context import Service as Parts
from strongroom import Strongroom
from strongroom.api import (
    ConfigFieldInput,
    ConfigType,
    CreateIntegrationInput,
    CreateMappingInput,
    CreateOrganizationInput,
    CreateTokenInput,
    SetIntegrationConfigInput,
    UpdateMappingInput,
)
from tests.sdk.clients import Awaited
from tests.sdk.servers import TOKEN, OddServer
from tests.serving import QuickServer


class Service:
    """The API, served from a thread."""

    def __init__(self, database_url: str, redis_url: str, keyring: RootKeyring) -> None:
        self.token = base64.urlsafe_b64encode(os.urandom(32)).decode()
        self.port = 0
        self.parts: Parts | None = None
        self._servers = (database_url, redis_url)
        self._keyring = keyring
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: QuickServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, on the same port as before."""
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(20)

    def stop(self) -> None:
        """End every line and every connection."""
        if self._thread is not None and self._loop is not None and self._server is not None:
            self._loop.call_soon_threadsafe(self._server.stopping.set)
            self._thread.join(20)
            assert not self._thread.is_alive(), "the service does not stop"
            self._thread = None

    async def _serve(self, started: threading.Event) -> None:
        database_url, redis_url = self._servers
        vault = Vault(DataKeys(self._keyring), LegacyKeys([]), AuditLog(self._keyring))
        database = Database(database_url)
        admin = Principal(uuid.uuid4(), "test", frozenset(Permission))
        await database.write(lambda session: replace_admin_token(Transaction(session, admin, vault), self.token))
        try:
            async with run_service(database, vault, Queue(redis_url), database_url, Authenticator()) as self.parts:
                self._loop = asyncio.get_running_loop()
                self._server = QuickServer(make_app(self.parts), self.parts.lines, port=self.port)
                self._server.stopping = asyncio.Event()
                serving = asyncio.create_task(self._server.serve())
                while not self._server.started:
                    assert not serving.done(), "the service does not start"
                    await asyncio.sleep(0.005)
                self.port = self._server.servers[0].sockets[0].getsockname()[1]
                started.set()
                await serving
        finally:
            await database.close()


@pytest.fixture
def service(database_url: str, redis_url: str, root_keyring: RootKeyring) -> Iterator[Service]:
    service = Service(database_url, redis_url, root_keyring)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def admin(service: Service) -> Iterator[Strongroom]:
    with Strongroom(service.url, token=service.token) as client:
        yield client


@dataclass(frozen=True)
class Place:
    """An organization, an integration, and the mapping of the one to the other."""

    admin: Strongroom
    organization: str
    other: str
    integration: str
    mapping: str
    name: str = "halo-psa"

    def write(self, **config: Any) -> None:
        """Write overrides."""
        self.admin.api.update_mapping(UpdateMappingInput(id=self.mapping, config=config))


@pytest.fixture
def place(admin: Strongroom) -> Place:
    api = admin.api
    ids = [
        api.create_organization(CreateOrganizationInput(name=name)).create_organization.organization.id
        for name in ("Northwind", "Borealis")
    ]
    fields = [
        ConfigFieldInput(key="url", type_=ConfigType.STRING, required=True),
        ConfigFieldInput(key="api_key", type_=ConfigType.SECRET, required=True),
        ConfigFieldInput(key="port", type_=ConfigType.INT, default=443),
        ConfigFieldInput(key="extra", type_=ConfigType.JSON),
        ConfigFieldInput(key="region", type_=ConfigType.STRING, required=True),
    ]
    made = api.create_integration(CreateIntegrationInput(name=Place.name, config_schema=fields))
    integration = made.create_integration.integration.id
    defaults = {"url": "https://halo.example.com", "api_key": "the-default-key"}
    api.set_integration_config(SetIntegrationConfigInput(integration_id=integration, config=defaults))
    given = CreateMappingInput(
        integration_id=integration,
        organization_id=ids[0],
        entity_id="42",
        config={"api_key": "hunter2-hunter2", "extra": {"list": [1]}},
    )
    mapping = api.create_mapping(given).create_mapping.mapping.id
    return Place(admin, ids[0], ids[1], integration, mapping)


@pytest.fixture
def make_token(admin: Strongroom) -> Callable[..., str]:
    """Makes a token with these permissions, and limits as `CreateTokenInput` has them."""

    def make(*permissions: str, **limits: Any) -> str:
        given = CreateTokenInput(name="test", permissions=list(permissions), **limits)
        return admin.api.create_token(given).create_token.token

    return make


@pytest.fixture
def client(service: Service, make_token: Callable[..., str]) -> Iterator[Strongroom]:
    """A client that may resolve, without a cache."""
    with Strongroom(service.url, token=make_token("config:resolve")) as client:
        yield client


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that happens on another thread."""
    done = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        done.wait(0.005)
    raise TimeoutError


@pytest.fixture
def serve() -> Iterator[Callable[..., OddServer]]:
    """Starts servers that answer every request with what they are given, or with what it makes of the request."""
    started: list[OddServer] = []

    def serve(answer: Any, context: ssl.SSLContext | None = None) -> OddServer:
        server = OddServer(_always(answer) if isinstance(answer, bytes) else answer, context)
        started.append(server)
        return server

    yield serve
    for server in started:
        server.close()


@pytest.fixture(params=[Strongroom, Awaited], ids=["sync", "async"])
def dial(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes clients of an address, which try once."""
    made: list[Any] = []

    def dial(url: str, **options: Any) -> Any:
        made.append(request.param(url, **{"token": TOKEN, "retries": 0, "timeout": 20.0, **options}))
        return made[-1]

    yield dial
    for client in made:
        client.close()


def _always(answer: bytes) -> Callable[[bytes], Iterator[bytes]]:
    return lambda _: iter((answer,))
