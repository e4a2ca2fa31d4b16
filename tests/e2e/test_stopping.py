import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import asyncpg
import pytest

from bench.world import NAME, World, make_world
from db.settings import asyncpg_dsn

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "STRONGROOM_")
RESOLVES = 25

Serve = Callable[..., "tuple[subprocess.Popen[bytes], int]"]


@pytest.fixture
def root_keys() -> str:
    return f"test:{base64.b64encode(os.urandom(32)).decode()}"


@pytest.fixture
async def world(empty_database_url: str, root_keys: str) -> World:
    return await make_world(empty_database_url, root_keys)


@pytest.fixture
def serve(empty_database_url: str, redis_url: str, root_keys: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts an API in a process of its own, with these settings on top."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**extra: str) -> tuple[subprocess.Popen[bytes], int]:
        port = find_free_port()
        environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environ |= {"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url, "STRONGROOM_ROOT_KEYS": root_keys}
        environ |= {"STRONGROOM_HOME": str(tmp_path), "STRONGROOM_PORT": str(port), **extra}
        process = subprocess.Popen([sys.executable, "-m", "gql", "serve"], cwd=ROOT, env=environ)
        started.append(process)
        end = time.monotonic() + 60
        while not is_alive(port):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        return process, port

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:  # a URLError is one
        return False


def ask(port: int, token: str, query: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), headers)
    try:
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
    except URLError as error:
        return json.loads(error.read()) if hasattr(error, "read") else {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopping_loses_no_audit_event(
    serve: Serve, world: World, empty_database_url: str, number: signal.Signals
):
    """An API that is told to stop writes every resolve into the audit log first, and ends with 0."""
    process, port = serve()
    asked = world.questions[0]
    question = f'{{ resolve(integration: "{NAME}", organizationId: "{asked.organization_id}") {{ config }} }}'
    for _ in range(RESOLVES):
        assert "errors" not in ask(port, asked.token, question)
    process.send_signal(number)
    assert process.wait(60) == 0
    connection = await asyncpg.connect(asyncpg_dsn(empty_database_url))
    try:
        count = await connection.fetchval("SELECT sum(times) FROM audit_log WHERE action = 'config.resolve'")
    finally:
        await connection.close()
    assert count == RESOLVES


async def test_an_api_by_itself_takes_the_admin_token(serve: Serve, world: World):
    """STRONGROOM_ADMIN_TOKEN holds for an API that runs by itself; another one replaces it at the next start."""
    first, second = "first-admin-token-0123456789abcdef", "second-admin-token-0123456789abcdef"
    process, port = serve(STRONGROOM_ADMIN_TOKEN=first)
    assert "data" in ask(port, first, "{ __typename }")
    process.terminate()
    process.wait(60)
    _, port = serve(STRONGROOM_ADMIN_TOKEN=second)
    assert "data" in ask(port, second, "{ __typename }")
    assert "data" not in ask(port, first, "{ __typename }")
