"""The yardstick of lists: the page that `ConfigList` asks for, as one would write it by hand with pydantic models.

One Starlette route, one SQL statement for the page and one for the count on asyncpg, a model for each object of the
answer. No GraphQL, no tokens, no permissions, no filters, no legacy rows. Run as a process of its own:

    python -m bench.lists_reference PORT
"""

import asyncio
import base64
import json
import os
import sys
import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, cast

import asyncpg
import uvicorn
import uvloop
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.urls import asyncpg_dsn


class Type(StrEnum):
    """What a value is."""

    STRING = "STRING"
    INT = "INT"
    BOOL = "BOOL"
    JSON = "JSON"
    SECRET = "SECRET"  # noqa: S105 - a type


class Scope(StrEnum):
    """Whom a value belongs to."""

    GLOBAL = "GLOBAL"
    ORGANIZATION = "ORGANIZATION"


class Named(BaseModel):
    """An integration or an organization."""

    id: uuid.UUID
    name: str


class Node(BaseModel):
    """A config."""

    id: uuid.UUID
    key: str
    type: Type
    value: Any
    scope: Scope
    sealed: bool
    version: int
    description: str | None
    updatedAt: datetime  # noqa: N815 - as the answer has it
    updatedBy: str  # noqa: N815
    integration: Named | None
    organization: Named | None


class Edge(BaseModel):
    """A config in its list."""

    node: Node


class PageInfo(BaseModel):
    """Where the page stands."""

    hasNextPage: bool  # noqa: N815
    endCursor: str | None  # noqa: N815


class Connection(BaseModel):
    """The list."""

    totalCount: int  # noqa: N815
    pageInfo: PageInfo  # noqa: N815
    edges: list[Edge]


class Data(BaseModel):
    """The query's answer."""

    configs: Connection


class Answer(BaseModel):
    """The whole body."""

    data: Data


class Reference:
    """The endpoint and what it needs."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def list_configs(self, request: Request) -> Response:
        """The first page of all configs, by key."""
        first = int(request.query_params["first"])
        rows = await self._pool.fetch(_PAGE, first + 1)
        total = await self._pool.fetchval("SELECT count(*) FROM configs")
        shown = rows[:first]
        last = shown[-1] if shown else None
        cursor = None if last is None else _make_cursor(last["key"], last["id"])
        page = PageInfo(hasNextPage=len(rows) > first, endCursor=cursor)
        edges = [Edge(node=_show(row)) for row in shown]
        answer = Answer(data=Data(configs=Connection(totalCount=total, pageInfo=page, edges=edges)))
        return Response(answer.model_dump_json(), media_type="application/json")


def _show(row: Any) -> Node:
    kind = Type((row["field_type"] or row["config_type"]).upper())
    return Node(
        id=row["id"],
        key=row["key"],
        type=kind,
        value="[SECRET]" if kind is Type.SECRET else json.loads(row["value"])["value"],
        scope=Scope.GLOBAL if row["organization_id"] is None else Scope.ORGANIZATION,
        sealed=row["sealed"],
        version=row["version"],
        description=row["description"],
        updatedAt=row["updated_at"],
        updatedBy=row["updated_by"],
        integration=_name(row["integration_id"], row["integration"]),
        organization=_name(row["organization_id"], row["organization"]),
    )


def _name(id: uuid.UUID | None, name: str | None) -> Named | None:
    return None if id is None or name is None else Named(id=id, name=name)


def _make_cursor(key: str, id: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(json.dumps(["configs", key, str(id)], separators=(",", ":")).encode()).decode()


async def serve(port: int) -> None:
    """Run until SIGTERM."""
    pool: Any = await cast("Any", asyncpg).create_pool(
        asyncpg_dsn(os.environ["DATABASE_URL"]), min_size=10, max_size=10, reset=_reset_nothing
    )
    app = Starlette(routes=[Route("/configs", Reference(pool).list_configs)])
    config = uvicorn.Config(app, port=port, lifespan="off", log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()
    await pool.close()


async def _reset_nothing(connection: Any) -> None:
    """A pool's own reset is a round trip for each request, and nothing here needs it."""


_PAGE: Final = """
SELECT c.id, c.key, c.config_type::text, f.field_type::text, c.value, c.sealed IS NOT NULL AS sealed, c.version,
    c.description, c.updated_at, c.updated_by, c.organization_id, c.integration_id, i.name AS integration,
    o.name AS organization
FROM configs c
LEFT JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
LEFT JOIN integrations i ON i.id = c.integration_id AND NOT i.is_deleted
LEFT JOIN organizations o ON o.id = c.organization_id
ORDER BY c.key, c.id LIMIT $1
"""

if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
