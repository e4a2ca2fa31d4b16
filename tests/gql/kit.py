"""The API as callers use it: a client that sends it operations, and the application in this process."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from graphql import OperationDefinitionNode, parse, print_ast
from starlette.types import ASGIApp

from db.access import Permission, Principal
from db.tokens import NewToken, create_token, replace_admin_token
from db.vault import Transaction
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

    def __init__(self, app: ASGIApp, service: Service, admin: Principal) -> None:
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


async def sign_in(api: Api, token: str) -> ApiClient:
    """A client with the admin token, which this is from now on."""
    await api.transact(lambda transaction: replace_admin_token(transaction, token))
    return api.client(token)
