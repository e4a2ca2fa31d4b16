"""docs/migration.md, rehearsed: from the replaced platform to the shut door, while older software goes on writing."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.e2e.old_writer import MARK, OldWriter

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
TOKEN = "the-admin-token-of-the-rehearsal-of-the-cut-over"
ROOT_KEYS = "root-1:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


@pytest.fixture
def expected() -> dict[str, Any]:
    return json.loads((DATA / "legacy.expected.json").read_text())


@pytest.fixture
def environ(
    empty_database_url: str, redis_url: str, tmp_path: Path, expected: dict[str, Any], unmeasured: None
) -> dict[str, str]:
    """One environment for all parts, with the replaced platform's application secret."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return os.environ | {
        "DATABASE_URL": empty_database_url,
        "REDIS_URL": redis_url,
        "STRONGROOM_HOME": str(tmp_path / "home"),
        "STRONGROOM_PORT": str(port),
        "STRONGROOM_ADMIN_TOKEN": TOKEN,
        "STRONGROOM_ROOT_KEYS": ROOT_KEYS,
        "STRONGROOM_LEGACY_SECRET_KEY": expected["secretKey"],
        "STRONGROOM_LEGACY_SECRET_KEY_SALT": expected["salt"],
        "STRONGROOM_LEGACY_SECRET_KEY_INFO": expected["info"],
    }


class Parts:
    """The parts of a deployment, and the commands that an operator gives."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "parts.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=self._environ, stdout=log, stderr=log
            )
        self._started.append(process)
        return process

    async def run(self, *command: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *command,
            cwd=ROOT,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode or 0, (output + errors).decode()

    def end(self) -> None:
        for process in self._started:
            process.send_signal(signal.SIGTERM)
        for process in self._started:
            process.wait(20)


@pytest.fixture
def parts(environ: dict[str, str], tmp_path: Path) -> Iterator[Parts]:
    parts = Parts(environ, tmp_path)
    yield parts
    parts.end()


Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def ask(environ: dict[str, str], adopted: asyncpg.Connection) -> AsyncIterator[Ask]:
    """Sends an operation that must succeed; no answer but a revealing one may hold a secret."""
    url = f"http://127.0.0.1:{environ['STRONGROOM_PORT']}"
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=30) as http:
        await eventually(lambda: is_ready(http), 120)

        async def send(query: str, *, reveals: bool = False, **variables: Any) -> dict[str, Any]:
            answer = await http.post("/graphql", json={"query": query, "variables": variables})
            assert reveals or MARK not in answer.text
            told = answer.json()
            assert "errors" not in told, told
            return told["data"]

        yield send


async def is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def eventually(look: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            await asyncio.sleep(0.1)
    return found


CONFIG = "query ($id: ID!) { config(id: $id) { value sealed type } }"
RESOLVE = (
    'query ($organizationId: ID!) { resolve(integration: "old-writers-own", organizationId: $organizationId)'
    " { config unfit missing } }"
)


@pytest.fixture
async def adopted(empty_database_url: str, parts: Parts) -> AsyncIterator[asyncpg.Connection]:
    """The replaced platform's database, backed up elsewhere, and brought to our revision; a connection to it."""
    sql = await asyncpg.connect(empty_database_url)
    await sql.execute((DATA / "legacy.sql").read_text())
    await sql.execute("SET search_path = public")
    assert (await parts.run("db", "upgrade"))[0] == 0
    parts.start("gql", "serve")
    parts.start("workers")
    yield sql
    await sql.close()


async def test_the_whole_path(adopted: asyncpg.Connection, parts: Parts, ask: Ask, environ, expected) -> None:
    """What older software writes is never shown, is sealed by the standing run, and never lost; then it is shut out."""
    sql = adopted
    writer_sql = await asyncpg.connect(environ["DATABASE_URL"])
    secret, salt, info = (expected[name].encode() for name in ("secretKey", "salt", "info"))
    key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)
    fernet = Fernet(base64.urlsafe_b64encode(key))
    organizations = [str(row["id"]) for row in await sql.fetch("SELECT id FROM organizations ORDER BY id LIMIT 3")]
    writer = OldWriter(writer_sql, fernet, str(uuid.uuid4()), organizations)
    await writer.set_up()
    following = parts.start("workers", "backfill", "watch", "--follow", "--json")

    # Both running: what is written is masked at once, resolved at once, and sealed by the standing run.
    id = await writer.write(organizations[0], "token")
    assert (await ask(CONFIG, id=id))["config"] == {"value": "[SECRET]", "sealed": False, "type": "SECRET"}
    gone = asyncio.Event()
    writing = asyncio.create_task(writer.write_until(gone))
    await eventually(lambda: find_sealed(sql, writer.integration, "token"))
    gone.set()
    await writing

    # An update of what is sealed by now is noticed like a new row.
    sealed = await eventually(lambda: find_sealed(sql, writer.integration, "password"))
    await writer_sql.execute(UPDATE, sealed, json.dumps({"value": f"{MARK}again"}))
    owner = str(await sql.fetchval("SELECT organization_id FROM configs WHERE id = $1", sealed))
    writer.last[owner, "password"] = f"{MARK}again"
    assert (await ask(CONFIG, id=str(sealed)))["config"] == {"value": "[SECRET]", "sealed": False, "type": "SECRET"}
    assert (await resolve(ask, owner))["password"] == f"{MARK}again"
    gone.clear()
    writing = asyncio.create_task(writer.write_until(gone))
    await asyncio.sleep(3)
    gone.set()
    await writing

    # The old writers are gone. The standing run seals the rest; the quarantine is cleared; VERIFY shuts the door.
    assert writer.writes > 50
    quarantined = {id for id, row in expected["configs"].items() if row["outcome"] == "quarantined"}
    await eventually(lambda: is_left(sql, quarantined))
    for lost in quarantined:
        await ask("mutation ($id: ID!) { deleteConfig(input: {id: $id}) { id } }", id=lost)
    for (organization, key), value in writer.last.items():
        assert (await resolve(ask, organization))[key] == value
    code, told = await parts.run("workers", "backfill", "start", "--kind", "VERIFY", "--watch", "--json")
    assert (code, json.loads(told.splitlines()[-1])["status"]) == (0, "SUCCEEDED"), told
    assert await asyncio.to_thread(following.wait, 30) == 0

    # PostgreSQL itself refuses what older software would write, and nothing is changed by that.
    sealed = await find_sealed(sql, writer.integration, "password")
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    with pytest.raises(asyncpg.CheckViolationError):
        await writer_sql.execute(INSERT, json.dumps({"value": f"{MARK}late"}))
    with pytest.raises(asyncpg.CheckViolationError):
        await writer_sql.execute(UPDATE, sealed, json.dumps({"value": f"{MARK}late"}))
    assert await sql.fetch("SELECT * FROM configs ORDER BY id") == before

    # SCRUB, and the checklist of credentials.
    code, told = await parts.run("workers", "scrub", "--yes", "--json")
    assert code == 0, told
    assert MARK not in told
    listed = {(one["organizationId"], one["key"]) for one in json.loads(told)["credentials"]}
    assert {place for place in writer.last if place[1] in ("token", "password", "pin")} <= listed
    for (organization, key), value in writer.last.items():
        assert (await resolve(ask, organization))[key] == value

    # The way back: with the door open again older software writes as before, and what it writes is masked.
    await sql.execute("ALTER TABLE configs DROP CONSTRAINT ck_configs_not_legacy")
    await writer_sql.execute(UPDATE, sealed, json.dumps({"value": f"{MARK}back"}))
    owner = str(await sql.fetchval("SELECT organization_id FROM configs WHERE id = $1", sealed))
    assert (await ask(CONFIG, id=str(sealed)))["config"]["value"] == "[SECRET]"
    assert (await resolve(ask, owner))["password"] == f"{MARK}back"
    await writer_sql.close()


async def find_sealed(sql: asyncpg.Connection, integration: str, key: str) -> Any:
    return await sql.fetchval(
        "SELECT id FROM configs WHERE integration_id = $1 AND key = $2 AND sealed IS NOT NULL LIMIT 1", integration, key
    )


async def is_left(sql: asyncpg.Connection, ids: set[str]) -> bool:
    """Whether just these rows are still legacy, and in quarantine."""
    legacy = {str(row["id"]) for row in await sql.fetch("SELECT id FROM configs WHERE legacy")}
    active = await sql.fetchval("SELECT count(*) FROM backfill_runs WHERE finished_at IS NULL")
    return legacy == ids and not active


async def resolve(ask: Ask, organization: str) -> dict[str, Any]:
    answer = await ask(RESOLVE, reveals=True, organizationId=organization)
    assert answer["resolve"]["unfit"] == []
    return answer["resolve"]["config"]


UPDATE = "UPDATE configs SET value = $2, config_type = 'string', updated_at = clock_timestamp() WHERE id = $1"
INSERT = """
INSERT INTO configs (id, key, value, config_type, updated_by) VALUES (gen_random_uuid(), 'new', $1, 'secret', 'old')
"""
