"""The API in this process, on real servers, and a client that sends it operations as callers do.

api                        the application; `await api.make_token(...)` and `api.client(token)`
client                     an `ApiClient` of the admin
tables                     `await tables()`: all that the database holds
"""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, parse, print_ast
from sqlalchemy import text
from starlette.applications import Starlette

from db.access import Permission, Principal
from db.authenticator import Authenticator
from db.queue import Queue
from db.sessions import Database
from db.tokens import NewToken, create_token, generate_token, replace_admin_token
from db.vault import Transaction, Vault
from gql.app import make_app, run_service
from gql.context import Service

CONTRACT = Path(__file__).parent.parent / "data" / "operations.graphql"
OPERATIONS = {
    definition.name.value: print_ast(definition)
    for definition in parse(CONTRACT.read_text()).definitions
    if isinstance(definition, OperationDefinitionNode) and definition.name
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
        accept = "text/event-stream" if query.startswith("subscription") else "*/*"
        return await self.post(body, accept=accept)

    async def post(self, body: Any, *, accept: str = "*/*", **options: Any) -> Answer:
        """Send a body: bytes as they are, anything else as JSON. Of a stream of events, the first is the answer."""
        headers = {"content-type": "application/json", "accept": accept, **self._headers}
        content = body if isinstance(body, bytes) else json.dumps(body)
        response = await self._http.post("/graphql", content=content, headers=headers, **options)
        _, found, event = response.text.partition("event: next\ndata: ")
        answer = json.loads(event.partition("\n")[0]) if found else response.json()
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
async def estate(client: ApiClient, api: Api) -> dict[str, str]:
    """The world of tenancy.txt: the ids of what is in it, and its callers' tokens, by name."""
    at = {"A": str(uuid.uuid4()), "B": str(uuid.uuid4())}
    for name in "AB":
        await client.run("CreateOrganization", input={"id": at[name], "name": f"organization {name}"})
    keys = {"api_key": "SECRET", "url": "STRING", "port": "INT", "old": "INT"}
    for name, product, fields in (("I", "halo", keys), ("J", "ninja", {"token": "SECRET"})):
        schema = [{"key": key, "type": type} for key, type in fields.items()]
        made = await client.run("CreateIntegration", input={"name": product, "configSchema": schema})
        at[name] = made["createIntegration"]["integration"]["id"]

    async def set_defaults(name: str, config: dict[str, Any]) -> str:
        made = await client.run("SetIntegrationConfig", input={"integrationId": at[name], "config": config})
        return made["setIntegrationConfig"]["configs"][0]["id"]

    async def make_mapping(name: str, owner: str | None, **rest: Any) -> tuple[str, list[dict[str, Any]]]:
        given = {"integrationId": at[name], "organizationId": owner, "entityId": "1", **rest}
        made = (await client.run("CreateMapping", input=given))["createMapping"]["mapping"]
        return made["id"], made["overrides"]

    async def set_standalone(key: str, owner: str | None) -> str:
        given = {"organizationId": owner, "key": key, "type": "SECRET", "value": f"the secret of {key}"}
        return (await client.run("SetConfig", input=given))["setConfig"]["config"]["id"]

    await set_defaults("I", {"api_key": "the first default"})
    at["default"] = await set_defaults("I", {"api_key": "the default of I", "url": "https://i.example.com"})
    at["j_default"] = await set_defaults("J", {"token": "the default of J"})
    at["mapping"], [override, _] = await make_mapping("I", at["A"], config={"api_key": "A's first", "port": 1})
    await client.run("UpdateMapping", input={"id": at["mapping"], "config": {"api_key": "A's second"}})
    at["b_mapping"], [b_override] = await make_mapping("I", at["B"], config={"api_key": "B's own"})
    at["override"], at["b_override"] = override["id"], b_override["id"]
    at["fallback"], _ = await make_mapping("J", None)
    at["standalone"] = await set_standalone("a", at["A"])
    await set_standalone("b", at["B"])
    at["global"] = await set_standalone("g", None)
    at |= await _plant_quarantine(api, at)
    return at | await _make_callers(api, at)


async def _plant_quarantine(api: Api, at: dict[str, str]) -> dict[str, str]:
    ids = {"run": str(uuid.uuid4()), "quarantined": str(uuid.uuid4()), "b_quarantined": str(uuid.uuid4())}
    plant = text("""
        INSERT INTO configs (id, integration_id, organization_id, key, config_type, value, updated_by)
        VALUES (:id, :integration, :organization, 'old', 'string', '{"value": "many"}', 'x')
    """)
    run = text("""
        INSERT INTO backfill_runs (id, kind, status, dry_run, started_by)
        VALUES (:run, 'seal', 'enqueued', false, 'x')
    """)
    quarantine = text("INSERT INTO quarantined_configs (config_id, run_id, reason) VALUES (:id, :run, 'x')")

    async def insert(transaction: Transaction) -> None:
        run_id = uuid.UUID(ids["run"])
        await transaction.session.execute(run, {"run": run_id})
        for id, owner in ((ids["quarantined"], at["A"]), (ids["b_quarantined"], at["B"])):
            row = {"id": uuid.UUID(id), "integration": uuid.UUID(at["I"]), "organization": uuid.UUID(owner)}
            await transaction.session.execute(plant, row)
            await transaction.session.execute(quarantine, {"id": row["id"], "run": run_id})

    await api.transact(insert)
    return ids


async def _make_callers(api: Api, at: dict[str, str]) -> dict[str, str]:
    tokens = {
        "admin token": await api.make_token(),
        "A token": await api.make_token("*", organization_ids=[at["A"]]),
        "B token": await api.make_token("*", organization_ids=[at["B"]]),
        "J token": await api.make_token("*", integrations=["ninja"]),
        "reader token": await api.make_token("config:read"),
        "resolver token": await api.make_token("config:resolve"),
        "expired token": await api.make_token(name="expired"),
        "revoked token": await api.make_token(name="revoked"),
    }
    of_a = NewToken("of A", ["config:read"], [at["A"]])
    free = NewToken("free", ["config:read"])
    ids = [await api.transact(lambda transaction, new=new: create_token(transaction, new)) for new in (of_a, free)]
    end = text("""
        UPDATE tokens SET expires_at = CASE WHEN name = 'expired' THEN now() - interval '1 second' END,
            revoked_at = CASE WHEN name = 'revoked' THEN now() END
        WHERE name IN ('expired', 'revoked')
    """)
    await api.transact(lambda transaction: transaction.session.execute(end))
    return tokens | {"token": str(ids[0][0]), "free_token": str(ids[1][0])}
