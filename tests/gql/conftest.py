"""The API in this process, on real servers, and a client that sends it operations as callers do.

api                        the application; `await api.make_token(...)` and `api.client(token)`
client                     an `ApiClient` of the admin
tables                     `await tables()`: all that the database holds
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import parse, print_ast
from sqlalchemy import text
from starlette.applications import Starlette

from db.access import Permission, Principal
from db.audit import AuditBuffer
from db.queue import Queue
from db.sessions import Database
from db.tokens import Authenticator, NewToken, create_token, generate_token, replace_admin_token
from db.vault import Transaction, Vault
from gql.app import make_app
from gql.context import Service

CONTRACT = Path(__file__).parent.parent / "data" / "operations.graphql"
OPERATIONS = {
    definition.name.value: print_ast(definition)
    for definition in parse(CONTRACT.read_text()).definitions
    if getattr(definition, "name", None)
}
"""The contract's operations, by name, verbatim."""


@dataclass
class Answer:
    """An answer: its status, its data and its errors."""

    status: int
    data: dict[str, Any] | None
    errors: list[dict[str, Any]]
    text: str

    @property
    def codes(self) -> list[str]:
        """The errors' codes."""
        return [error["extensions"]["code"] for error in self.errors]

    @property
    def problems(self) -> list[dict[str, Any]]:
        """The first error's problems."""
        return self.errors[0]["extensions"]["problems"]


class ApiClient:
    """Sends operations with one token."""

    def __init__(self, http: httpx.AsyncClient, token: str | None) -> None:
        self._http = http
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}

    async def send(self, query: str, **variables: Any) -> Answer:
        """Send a document, or one of the contract's operations by its name."""
        body = {"query": OPERATIONS.get(query, query), "variables": variables}
        return await self.post(body)

    async def post(self, body: Any, **options: Any) -> Answer:
        """Send a body."""
        response = await self._http.post("/graphql", json=body, headers=self._headers, **options)
        answer = response.json()
        return Answer(response.status_code, answer.get("data"), answer.get("errors", []), response.text)

    async def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send an operation that must succeed; its data."""
        answer = await self.send(query, **variables)
        assert not answer.errors, answer.errors
        assert answer.data is not None
        return answer.data

    async def refused(self, query: str, **variables: Any) -> Answer:
        """Send an operation that must be refused."""
        answer = await self.send(query, **variables)
        assert answer.errors, answer.data
        return answer


class Api:
    """The application and what a test does with it."""

    def __init__(self, app: Starlette, service: Service, admin: Principal) -> None:
        self.app = app
        self.service = service
        self._admin = admin
        transport = httpx.ASGITransport(app=app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://strongroom.test")

    def client(self, token: str | None) -> ApiClient:
        """A client with this token."""
        return ApiClient(self.http, token)

    async def make_token(
        self,
        *permissions: Permission | str,
        organization_ids: Sequence[str] | None = None,
        integrations: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        name: str = "test",
    ) -> str:
        """A token of these permissions and limits."""
        new = NewToken(name, permissions or ["*"], organization_ids, integrations, expires_at)
        _, token = await self.transact(lambda transaction: create_token(transaction, new))
        return token

    async def transact(self, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        """Run work in a transaction, as the admin."""
        return await self.service.database.write(
            lambda session: work(Transaction(session, self._admin, self.service.vault))
        )


@pytest.fixture
async def api(database: Database, vault: Vault, queue: Queue, admin: Principal) -> AsyncIterator[Api]:
    """The application on this test's servers."""
    service = Service(database, vault, queue, AuditBuffer(database), Authenticator())
    service.audit.start()
    api = Api(make_app(service), service, admin)
    yield api
    await api.http.aclose()
    await service.audit.stop()


@pytest.fixture
async def client(api: Api) -> ApiClient:
    """A client with the admin token."""
    token = generate_token()
    await api.transact(lambda transaction: replace_admin_token(transaction, token))
    return api.client(token)


@dataclass(frozen=True)
class World:
    """Two organizations and one integration, mapped to the first of them."""

    organization: str
    other: str
    integration: str
    mapping: str
    name: str = "halo-psa"


SCHEMA: list[dict[str, Any]] = [
    {"key": "url", "type": "STRING", "required": True},
    {"key": "api_key", "type": "SECRET", "required": True},
    {"key": "port", "type": "INT", "default": 443},
    {"key": "verify", "type": "BOOL"},
    {"key": "extra", "type": "JSON"},
    {"key": "region", "type": "STRING", "options": ["eu", "us"]},
]


@pytest.fixture
async def world(client: ApiClient) -> World:
    """A small world, made through the API."""
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    for id, name in zip(ids, ["Northwind", "Borealis"], strict=True):
        await client.run("CreateOrganization", input={"id": id, "name": name})
    made = await client.run("CreateIntegration", input={"name": World.name, "configSchema": SCHEMA})
    integration = made["createIntegration"]["integration"]["id"]
    config = {"url": "https://halo.example.com", "api_key": "the-default-key"}
    await client.run("SetIntegrationConfig", input={"integrationId": integration, "config": config})
    mapping = await client.run(
        "CreateMapping",
        input={
            "integrationId": integration,
            "organizationId": ids[0],
            "entityId": "42",
            "config": {"port": 8443},
        },
    )
    return World(ids[0], ids[1], integration, mapping["createMapping"]["mapping"]["id"])


@pytest.fixture
def tables(database: Database) -> Callable[[], Awaitable[dict[str, list[str]]]]:
    """`await tables()` is all that the database holds, to be compared with what it held before."""

    async def read() -> dict[str, list[str]]:
        async with database.engine.connect() as connection:
            names = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            return {
                name: list(await connection.scalars(text(f'SELECT to_jsonb(t)::text FROM "{name}" t ORDER BY 1')))
                for name in sorted(names)
            }

    return read
