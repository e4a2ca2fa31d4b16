"""Health, and the pages that need no internet."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from db.audit.buffer import AuditBuffer
from db.authenticator import Authenticator
from db.pool import Pool
from db.queue import Queue
from db.resolving import Resolver
from db.sessions import Database
from db.snapshots import Snapshots
from gql.app import make_app
from gql.change_stream import ChangeStream
from gql.context import Service
from tests.timing import within

STATIC = Path(__file__).parents[2] / "gql" / "static"


@pytest.fixture
async def ask(vault: Any, database_url: str, redis_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Asks an API on these servers for a path; servers that are given stand for the real ones."""
    opened: list[Any] = []

    async def send(path: str, **servers: str) -> httpx.Response:
        database = Database(servers.get("database_url", database_url))
        queue = Queue(servers.get("redis_url", redis_url))
        pool = await Pool.open(servers.get("database_url", database_url))
        opened.extend((database, queue, pool))
        resolver = Resolver(pool, vault, Snapshots())
        audit, changes = AuditBuffer(database, vault.audit), ChangeStream(database, resolver.forget)
        app = make_app(Service(database, vault, queue, audit, Authenticator(), resolver, changes))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
            return await http.get(path, headers={"accept": servers.get("accept", "*/*")})

    yield send
    for server in opened:
        await server.close()


def nowhere(scheme: str) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"{scheme}://nobody:hunter2@127.0.0.1:{free.getsockname()[1]}/0"


DOWN = {
    "the database is down": ({"database_url": "postgresql"}, ["database"]),
    "Redis is down": ({"redis_url": "redis"}, ["redis"]),
    "both are down": ({"database_url": "postgresql", "redis_url": "redis"}, ["database", "redis"]),
}


async def test_ready(ask) -> None:
    """With a migrated database and Redis, /readyz is 200."""
    answer = await ask("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(("down", "lacking"), DOWN.values(), ids=list(DOWN))
async def test_not_ready(ask, down: dict[str, str], lacking: list[str]) -> None:
    """Without one of its servers, /readyz is 503 within seconds, and tells which is lacking but not where it was
    looked for; /healthz goes on saying that the process is alive."""
    gone = {name: nowhere(scheme) for name, scheme in down.items()}
    with within(15):
        answer = await ask("/readyz", **gone)
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "lacking": lacking})
    assert "hunter2" not in answer.text
    alive = await ask("/healthz", **gone)
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})


async def test_a_server_that_hangs_is_down(ask) -> None:
    """A database and a Redis that accept connections and never answer are lacking, within seconds."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with within(20):
        answer = await ask(
            "/readyz", database_url=f"postgresql://x:x@127.0.0.1:{port}/x", redis_url=f"redis://127.0.0.1:{port}/0"
        )
    assert answer.json()["lacking"] == ["database", "redis"]
    server.close()


async def test_migrations_missing(ask, empty_database_url: str) -> None:
    """An empty database, and one at an older revision, is not ready: migrations are lacking."""
    answer = await ask("/readyz", database_url=empty_database_url)
    assert (answer.status_code, answer.json()["lacking"]) == (503, ["migrations"])


async def test_an_older_revision_is_not_ready(ask, database_url: str) -> None:
    """A database at another revision than this software's newest is not ready."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE strongroom_version SET version_num = '0001'")
    await connection.close()
    assert (await ask("/readyz")).json()["lacking"] == ["migrations"]


async def test_queries_without_a_database_are_unavailable(api, world, client) -> None:
    """A request that needs the database while it is away is UNAVAILABLE, and nothing else is told."""
    api.service.database._reader = Database(nowhere("postgresql"))._reader
    answer = await client.send("ConfigList")
    assert answer.codes == ["UNAVAILABLE"]
    assert "hunter2" not in answer.text
    api.service.authenticator.forget()
    answer = await client.send("ConfigList")
    assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])


async def test_a_backfill_starts_without_redis(api, client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis only rings the bell: a run is started, and its workers find it, while Redis is away."""
    away = Queue(nowhere("redis"))
    monkeypatch.setattr(api.service.queue, "_redis", away._redis)
    data = await client.run("StartBackfill", input={})
    assert data["startBackfill"]["run"]["status"] == "ENQUEUED"
    await away.close()


@pytest.mark.parametrize("path", ["/nowhere", "/static/../app.py", "/static/%2e%2e/app.py", "/static/", "/graphql/x"])
async def test_nothing_else_is_served(ask, path: str) -> None:
    """Any other path is NOT_FOUND, in JSON; the static folder has no way out."""
    answer = await ask(path)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_graphiql_needs_no_internet(ask) -> None:
    """A browser at /graphql gets GraphiQL: the page and all that it loads come from here."""
    page = await ask("/graphql", accept="text/html")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert {"/static/graphiql.js", "/static/graphiql-boot.js", "/static/graphiql.css"} <= set(loaded)
    for path in loaded:
        if not path.startswith("data:"):
            assert re.match(r"/static/[\w.-]+$", path), path
            assert (await ask(path)).status_code == 200
    assert not re.search(r"(?:https?:)?//\w", page.text)


@pytest.mark.parametrize(
    "file", [*sorted(STATIC.glob("*.css")), STATIC / "graphiql-boot.js"], ids=lambda file: file.name
)
def test_styles_and_scripts_load_nothing(file: Path) -> None:
    """Neither styles nor our script fetch fonts, images or scripts from elsewhere."""
    assert not re.findall(r"url\((?!['\"]?(?:data:|#))[^)]*\)|@import|https?://(?!www\.w3\.org)", file.read_text())


def test_the_bundle_loads_nothing() -> None:
    """The bundle names hosts in its help texts and namespaces only: no CDN, no fonts, no worker from elsewhere."""
    hosts = set(
        re.findall(
            r"(?:https?:)?//((?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|sh))\b", (STATIC / "graphiql.js").read_text()
        )
    )
    assert hosts <= {
        "www.w3.org",
        "yarnpkg.com",
        "reactjs.org",
        "github.com",
        "en.wikipedia.org",
        "commonmark.org",
        "codemirror.net",
    }
