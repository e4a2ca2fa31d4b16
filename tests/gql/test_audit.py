import asyncio
import json
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from gql.http import GraphQLEndpoint
from tests.registry import NODE, NPM_CI, install
from tests.serving import open_server

HERE = Path(__file__).parent / "audit"


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"


@asynccontextmanager
async def open_context(_request: Request) -> AsyncIterator[None]:
    yield None


@pytest.fixture
def url() -> Iterator[str]:
    endpoint = GraphQLEndpoint(strawberry.Schema(Query), open_context, None)
    app = Starlette(routes=[Route("/graphql", endpoint)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server does not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/graphql"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive(), "the server does not stop"


@pytest.fixture
def suite(request: pytest.FixtureRequest) -> Path:
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("graphql-http-audit")
    return install(folder, HERE, ("package.json", "package-lock.json", "audit.js"), "package-lock.json", [NPM_CI])


def read_results(output: bytes) -> None:
    """All of them, and all is well."""
    results = json.loads(output)
    assert len(results) == 61
    assert [result for result in results if result["status"] != "ok"] == []


def test_passes_all_61_audits_of_the_specification(url: str, suite: Path) -> None:
    """GraphQL over HTTP is spoken by its specification: MUSTs, SHOULDs and MAYs."""
    command = [NODE, "audit.js", url]
    read_results(subprocess.run(command, cwd=suite, check=True, capture_output=True, timeout=120).stdout)


async def test_the_service_passes_them_too(api: Any, admin_token: str, client: Any, suite: Path) -> None:
    """So it is by the service itself, as it is served, with all that stands before and behind the endpoint."""
    async with open_server(api.app, api.service.lines) as port:
        command = [NODE, "audit.js", f"http://127.0.0.1:{port}/graphql", admin_token]
        audit = await asyncio.create_subprocess_exec(*command, cwd=suite, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(120):
            output, _ = await audit.communicate()
    read_results(output)


def test_the_lock_file_names_no_host() -> None:
    """Locked dependencies name no registry."""
    assert "://" not in (HERE / "package-lock.json").read_text()
