"""The clients that people use, as they are published, against a real server. They are installed into pytest's cache."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from db.sessions import Database
from db.settings import Settings
from gql.app import make_app
from tests.registry import NODE, NPM_CI, install

CLIENTS = Path(__file__).parent / "clients"
FILES = ("package.json", "package-lock.json", "clients.js", "requirements.txt", "client.py")


@pytest.fixture
def node_folder(request: pytest.FixtureRequest) -> Path:
    """The folder in which the npm clients are installed."""
    assert request.config.cache is not None
    return install(request.config.cache.mkdir("graphql-clients"), CLIENTS, FILES, "package-lock.json", [NPM_CI])


@pytest.fixture
def python_folder(request: pytest.FixtureRequest) -> Path:
    """The folder with the environment in which PyPI's gql client is installed."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("graphql-python-client")
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [
        [sys.executable, "-m", "venv", "--clear", str(folder / "venv")],
        [*pip, "--require-hashes", "-r", "requirements.txt"],
    ]
    return install(folder, CLIENTS, FILES, "requirements.txt", commands)


@pytest.fixture
async def url(api: Any, client: Any, serve: Any) -> AsyncIterator[str]:
    """The real application, which lets callers register documents, with a run that no worker takes up."""
    settings = Settings.from_env({"STRONGROOM_AUTOMATIC_PERSISTED_QUERIES": "10"})
    async with serve(make_app(api.service, settings), api.service.lines) as port:
        yield f"http://127.0.0.1:{port}/graphql"


@pytest.fixture
async def run_id(client: Any) -> str:
    return (await client.run("StartBackfill", input={"kind": "SEAL"}))["startBackfill"]["run"]["id"]


async def run_client(command: Sequence[str], folder: Path, then: Callable[[], Any]) -> dict[str, Any]:
    """Run a client until it watches, do something behind its back, and read its results."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(120):
            if (await process.stdout.readline()).strip() != b"watching":
                raise AssertionError((await process.stderr.read()).decode())
            await then()
            results = json.loads(await process.stdout.readline())
            await process.communicate()
            return results
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_npm_clients(api: Any, client: Any, url: str, run_id: str, node_folder: Path, database: Database) -> None:
    """graphql-ws, graphql-sse, urql and Apollo watch a run to its end, send queries, and hear when their token is
    revoked or expires, while the others go on."""
    made = await client.run("CreateToken", input={"name": "short", "permissions": ["backfill:run"]})

    async def finish() -> None:
        await client.run("RevokeToken", id=made["createToken"]["id"])
        await asyncio.sleep(7)  # Those whose token is revoked leave, and those whose token expires.
        for assignment in ("status = 'running', started_at = now()", "status = 'succeeded', finished_at = now()"):
            async with database.engine.begin() as connection:
                await connection.execute(text(f"UPDATE backfill_runs SET {assignment}"))
            await asyncio.sleep(1.5)

    token = await api.make_token("backfill:run", "config:read")
    admin = await api.make_token("backfill:run", "token:manage")
    command = [NODE, "clients.js", url, token, admin, made["createToken"]["token"], run_id]
    ended = {
        "graphql-ws": [4403, "Forbidden"],
        "graphql-sse": ["UNAUTHENTICATED", "complete"],
        "urql over events": ["UNAUTHENTICATED"],
        "apollo over graphql-ws": "Socket closed with event 4403 Forbidden",
    }
    seen = ["ENQUEUED", "RUNNING", "SUCCEEDED", "complete"]
    counted = {"integrations": {"totalCount": 0}}
    assert await run_client(command, node_folder, finish) == {
        "graphql-ws": seen,
        "graphql-sse": seen,
        "urql over events": seen,
        "urql over graphql-ws": seen,
        "apollo over graphql-ws": seen,
        "urql's query": 0,
        "urql's query by GET": 0,
        "apollo's query": 0,
        "apollo's persisted query": ["hash", "text", "hash"],
        "graphql-ws's query": counted,
        "graphql-sse's query": counted,
        "the token is revoked": ended,
        "the token expires": ended,
    }


async def test_the_gql_client_of_pypi(api: Any, url: str, run_id: str, python_folder: Path, database: Database) -> None:
    """PyPI's gql client, whose name is that of our own folder, sends a query and watches a run to its end."""

    async def finish() -> None:
        async with database.engine.begin() as connection:
            await connection.execute(text("UPDATE backfill_runs SET status = 'running'"))
            await connection.execute(text("UPDATE backfill_runs SET status = 'succeeded', finished_at = now()"))

    token = await api.make_token("backfill:run", "config:read")
    command = [str(python_folder / "venv/bin/python"), "-I", "client.py", url, token, run_id]
    results = await run_client(command, python_folder, finish)
    assert results == {"query": {"integrations": {"totalCount": 0}}, "seen": ["ENQUEUED", "SUCCEEDED"]}


def test_the_lock_files_name_no_host() -> None:
    """Locked dependencies name no registry."""
    assert "://" not in (CLIENTS / "package-lock.json").read_text()
    assert "://" not in (CLIENTS / "requirements.txt").read_text()
