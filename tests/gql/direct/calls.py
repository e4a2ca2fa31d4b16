"""Who calls the direct way, and what is behind it."""

import asyncio
import json
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from tests.gql.kit import OPERATIONS
from tests.gql.worlds import World


class Behind:
    """The application behind the direct way: how often it was asked."""

    def __init__(self, app: Any) -> None:
        self.times = 0
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.times += 1
        await self._app(scope, receive, send)


class Caller:
    """Posts bodies as an SDK client does."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self._http.post("/graphql", content=body, headers=self._headers | (headers or {}))

    async def warm(self, behind: Behind, body: bytes) -> httpx.Response:
        """Post until the direct way answers; the answer of the application, which every other was equal to."""
        first = await self.post(body)
        for _ in range(2_000):
            before = behind.times
            assert (await self.post(body)).content == first.content
            if behind.times == before:
                return first
            await asyncio.sleep(0.02)
        raise TimeoutError


def ask(world: World, query: str = OPERATIONS["Resolve"], **variables: Any) -> bytes:
    given = {"integration": world.name, "organizationId": world.organization, **variables}
    return json.dumps({"query": query, "variables": given}).encode()


HEAD = "query ($integration: String!, $organizationId: ID!)"


CALL = "resolve(integration: $integration, organizationId: $organizationId)"
