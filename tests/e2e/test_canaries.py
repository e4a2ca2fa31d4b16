"""Canaries through the real processes: what an API and a worker say, keep and show the machine they run on.

tests/gql/test_canaries.py has the same in one process, with every logger's records and a dump of the database.
"""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil
import pytest
import redis
from cryptography.fernet import Fernet
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from db.embedded import EmbeddedServers
from gql.schema import schema
from tests.e2e.crowd import CREATE, UPDATE
from tests.e2e.processes import ADMIN, ROOT, ROOT_KEYS, Api, StartApi
from tests.e2e.wire import Wire

pytestmark = pytest.mark.usefixtures("unmeasured")

LEGACY: Final = Fernet.generate_key().decode()
PASSWORD: Final = f"canary-password-{uuid.uuid4().hex}"
APPLICATION: Final = f"canary-application-secret-{uuid.uuid4().hex}"
OPENS: Final = ("decryptedValue", "resolve(", "createToken", "rotateToken")
"""What answers with a secret because it was asked for one."""

FIELDS: Final = [
    {"key": "api_key", "type": "SECRET"},
    {"key": "deep", "type": "SECRET"},
    {"key": "turned", "type": "STRING"},
    {"key": "port", "type": "INT"},
]


class Keeper:
    """Sends operations full of canaries and keeps what they were, and what was answered."""

    def __init__(self, port: int) -> None:
        self.wire = Wire(port)
        self.canaries: dict[str, str] = {
            "admin token": ADMIN,
            "root key": ROOT_KEYS.partition(":")[2],
            "legacy key": LEGACY,
            "application secret": APPLICATION,
            "database password": PASSWORD,
        }
        self.answers: list[str] = []
        self.token = ADMIN

    def plant(self, name: str) -> str:
        return self.canaries.setdefault(name, f"canary-{uuid.uuid4().hex}")

    async def send(self, query: str, **variables: Any) -> dict[str, Any]:
        return await self.send_body({"query": query, "variables": variables}, "" if is_open(query) else query)

    async def send_body(self, body: Any, kept: str) -> dict[str, Any]:
        text = await self.wire.post(self.token, body)
        if kept:
            self.answers.append(text)
        return json.loads(text)

    async def run(self, query: str, **variables: Any) -> Any:
        answer = await self.send(query, **variables)
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    async def refused(self, query: str, **variables: Any) -> None:
        assert "errors" in await self.send(query, **variables), query

    def leaks(self, text: str) -> list[str]:
        """Which canaries a text holds: as they are, in base64, in hexadecimal."""
        return sorted(name for name, value in self.canaries.items() if any(shape in text for shape in shapes(value)))


def is_open(query: str) -> bool:
    return any(word in query for word in OPENS)


def shapes(value: str) -> tuple[str, ...]:
    raw = value.encode()
    return (value, base64.b64encode(raw).decode()[:40], raw.hex())


async def write(keeper: Keeper, sql: asyncpg.Connection) -> dict[str, str]:
    """A canary by every mutation that takes one, by legacy rows, and as a token; ids by name."""
    plant, run = keeper.plant, keeper.run
    ids = {"A": str(uuid.uuid4()), "B": str(uuid.uuid4())}
    for id in ids.values():
        await run(CREATE["organization"], i={"id": id, "name": "Northwind"})
    made = await run(CREATE["integration"], i={"name": "birds", "configSchema": FIELDS})
    ids["birds"] = made["integration"]["id"]
    at = {"integrationId": ids["birds"]}
    config = {"api_key": plant("default"), "deep": {"deep": [plant("deep")]}, "turned": "text"}
    await run(CREATE["defaults"], i=at | {"config": config})
    given = at | {"organizationId": ids["A"], "entityId": "1", "config": {"api_key": plant("override")}}
    made = (await run(CREATE["mapping"], i=given))["mapping"]
    ids |= {"mapping": made["id"], "override": made["overrides"][0]["id"]}
    await run(UPDATE, i={"id": ids["mapping"], "config": {"api_key": plant("second override")}})
    many = [{"organizationId": ids["B"], "entityId": "2", "config": {"deep": plant("upserted")}}]
    upsert = "mutation M($i: UpsertMappingsInput!) { upsertMappings(input: $i) { created } }"
    await run(upsert, i=at | {"mappings": many})
    for name, owner in (("global", None), ("standalone", ids["A"])):
        given = {"organizationId": owner, "key": name, "type": "SECRET", "value": plant(name)}
        ids[name] = (await run(CREATE["config"], i=given))["config"]["id"]
    turned = [field | {"type": "SECRET"} if field["key"] == "turned" else field for field in FIELDS]
    change = "mutation M($i: UpdateIntegrationInput!) { updateIntegration(input: $i) { migrated dropped restored } }"
    for fields in (turned, [field for field in turned if field["key"] != "deep"], turned):
        await run(change, i={"id": ids["birds"], "configSchema": fields})
    restore = "mutation M($i: RestoreConfigInput!) { restoreConfig(input: $i) { config { id value } } }"
    await run(restore, i={"id": ids["override"], "version": 1})
    made = await run(CREATE["token"], i={"name": "reader", "permissions": ["*"]})
    keeper.canaries["token"], ids["token"] = made["token"], made["id"]
    rotate = "mutation M($id: ID!) { rotateToken(id: $id, overlapSeconds: 60) { token } }"
    made = await run(rotate, id=ids["token"])
    keeper.canaries["rotated token"] = made["token"]
    sealed = Fernet(LEGACY).encrypt(plant("legacy sealed").encode()).decode()
    for key, value in (("plain", plant("legacy plain")), ("sealed", sealed)):
        insert = "INSERT INTO configs (id, key, value, config_type, updated_by) VALUES ($1, $2, $3, 'secret', 'x')"
        ids[key] = str(uuid.uuid4())
        await sql.execute(insert, ids[key], key, json.dumps({"value": value}))
    return ids


async def read(keeper: Keeper, ids: dict[str, str]) -> None:
    """Every way to read, with the token that was rotated out, too."""
    row = "{ id key value type history { edges { node { value } } } }"
    for token in (ADMIN, keeper.canaries["token"], keeper.canaries["rotated token"]):
        keeper.token = token
        await keeper.run("{ configs { edges { node " + row + " } } }")
        await keeper.run("{ mappings { edges { node { overrides " + row + " missing } } } }")
        await keeper.run("{ quarantine { totalCount } tokens { edges { node { name lastUsedAt } } } }")
        await keeper.run("{ auditEvents { edges { node { action actor keys detail address reason } } } }")
        await keeper.run("{ integrations { edges { node { configSchema { key default options } } } } }")
        for name in ("override", "global", "standalone", "plain", "sealed"):
            await keeper.run("query C($id: ID!) { config(id: $id) { value decryptedValue } }", id=ids[name])
        query = 'query R($o: ID!) { resolve(integration: "birds", organizationId: $o) { config entries { value } } }'
        for owner in "AB":
            await keeper.run(query, o=ids[owner])
    keeper.token = ADMIN


async def fail(keeper: Keeper, ids: dict[str, str], sql: asyncpg.Connection) -> None:
    """Refusals of every kind with a secret in hand, and two failures that nobody expects."""
    plant, refused, at = keeper.plant, keeper.refused, {"integrationId": ids["birds"]}
    for config in (
        {"api_key": plant("beside an unknown key"), "nope": plant("unknown key")},
        {"api_key": plant("beside a misfit"), "port": plant("misfit")},
        [plant("no map")],
        {"api_key": plant("NUL") + "\0"},
    ):
        await refused(CREATE["defaults"], i=at | {"config": config})
    given = {"organizationId": None, "key": "global", "type": "SECRET", "value": plant("refused")}
    for change in (
        {"expectedVersion": 99},
        {"type": plant("type")},
        {"extra": plant("extra")},
        {"key": plant("key") * 20},
        {"organizationId": plant("id")},
    ):
        await refused(CREATE["config"], i=given | change)
    secret_default = [{"key": "api_key", "type": "SECRET", "default": plant("a secret's default")}]
    await refused(CREATE["integration"], i={"name": "no", "configSchema": secret_default})
    await refused(f'mutation {{ setConfig(input: {{key: 7, value: "{plant("literal")}"}}) {{ config {{ id }} }} }}')
    await refused(f'{{ config(id: "{plant("unterminated")}')
    await refused(f"{{ {plant('field name').replace('-', '_')} }}")
    await refused(f'query ($a: Int = "{plant("variable default")}") {{ configs(first: $a) {{ totalCount }} }}')
    for cursor in (plant("cursor"), base64.b64encode(plant("sealed cursor").encode()).decode()):
        await refused("query L($a: String) { configs(after: $a) { totalCount } }", a=cursor)
    for body in (f'{{"query": "{plant("broken body")}', f'"{plant("text body")}"', f'["{plant("batch")}"]'):
        await keeper.send_body(body.encode(), "a body")
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": plant("hash")}}
    await keeper.send_body({"query": "{ __typename }", "extensions": hashed}, "a hash")
    for token in (plant("unknown token") + "x" * 20, f"eyJ{plant('jwt')}.x.y"):
        keeper.token = token
        await refused("{ __typename }")
    keeper.token = ADMIN
    await sql.execute("ALTER TABLE configs ADD CONSTRAINT boom CHECK (key <> 'boom')")
    await refused(CREATE["config"], i=given | {"key": "boom", "value": plant("constraint")})
    await sql.execute("ALTER TABLE configs DROP CONSTRAINT boom")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
    await sql.execute(end.replace("$1", "pg_backend_pid()"))
    await keeper.send(CREATE["config"], i=given | {"value": plant("broken connection")})


async def talk(keeper: Keeper, port: int) -> None:
    """The same over a WebSocket: a good token, bad ones, frames that are none."""
    for hello in (
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {ADMIN}"}},
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {keeper.plant('socket token')}"}},
        {"type": keeper.plant("frame type")},
        {"type": "connection_init", "payload": keeper.plant("payload")},
    ):
        protocol = Subprotocol("graphql-transport-ws")
        async with connect(f"ws://127.0.0.1:{port}/graphql?t={ADMIN}", subprotocols=[protocol]) as socket:
            try:
                await socket.send(json.dumps(hello))
                given = {"key": "socket", "type": "SECRET", "value": keeper.plant("socket value")}
                payload = {"query": CREATE["config"], "variables": {"i": given}}
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                await socket.send(json.dumps({"id": "2", "type": "subscribe", "payload": keeper.plant("no payload")}))
                async with asyncio.timeout(10):
                    while True:
                        keeper.answers.append(str(await socket.recv()))
            except ConnectionClosed as closed:
                keeper.answers.append(str(closed))


async def backfill(keeper: Keeper) -> None:
    """SEAL, ROTATE and VERIFY, by the worker."""
    for kind in ("SEAL", "ROTATE", "VERIFY"):
        start = f"mutation {{ startBackfill(input: {{kind: {kind}}}) {{ run {{ id }} }} }}"
        run = (await keeper.run(start))["run"]["id"]
        query = "query B($id: ID!) { backfillRun(id: $id) { status error finishedAt } }"
        async with asyncio.timeout(60):
            while not (now := await keeper.run(query, id=run))["finishedAt"]:
                await asyncio.sleep(0.1)
        assert now["status"] == "SUCCEEDED", now


@pytest.fixture
def processes(start_api: StartApi, database_url: str, tmp_path: Path) -> tuple[Api, Api]:
    """An API and a worker, at DEBUG, with secrets in every setting that takes one."""
    url = (
        database_url.replace("@/", f":{PASSWORD}@/") if "@/" in database_url else f"{database_url}&password={PASSWORD}"
    )
    given = {
        "DATABASE_URL": url,
        "STRONGROOM_LEGACY_FERNET_KEYS": LEGACY,
        "STRONGROOM_LEGACY_SECRET_KEY": APPLICATION,
        "STRONGROOM_OIDC_ISSUER": "http://127.0.0.1:9/none",
        "STRONGROOM_OIDC_AUDIENCE": "strongroom",
    }
    return start_api(loud=True, **given), start_api(command=("workers",), loud=True, **given)


async def test_what_the_machine_can_see(
    processes: tuple[Api, Api], sql: asyncpg.Connection, servers: EmbeddedServers, redis_url: str, tmp_path: Path
) -> None:
    """No secret, however it came in, is in what the processes say at DEBUG, in their arguments or PostgreSQL's or
    Valkey's, in a file of their home, in Redis while a job waits, in an answer that was not asked for one, in the
    exported audit log, or in what Python's fault handler writes when they crash."""
    api, worker = processes
    keeper = Keeper(api.port)
    ids = await write(keeper, sql)
    await read(keeper, ids)
    await fail(keeper, ids, sql)
    await talk(keeper, api.port)
    with redis.Redis.from_url(redis_url) as store:
        worker.signal(signal.SIGSTOP)
        start = "mutation { startBackfill(input: {dryRun: true}) { run { id } } }"
        run = (await keeper.run(start))["run"]["id"]
        queued = "".join(repr((key, store.dump(key))) for key in store.scan_iter())
        assert run in queued or store.dbsize()
        worker.signal(signal.SIGCONT)
    await keeper.run(f'mutation {{ cancelBackfill(id: "{run}") {{ id }} }}')
    await backfill(keeper)
    await read(keeper, ids)
    arguments = list_arguments([api.seen, worker.seen])
    environ = {**os.environ, "DATABASE_URL": servers.database_url, "STRONGROOM_ROOT_KEYS": ROOT_KEYS}
    environ["DATABASE_URL"] = await own_url(sql, servers.database_url)
    export = [sys.executable, "-m", "db", "audit", "export"]
    exported = subprocess.run(export, cwd=ROOT, env=environ, check=True, capture_output=True, text=True).stdout
    for process in processes:
        assert process.seen.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        process.signal(signal.SIGABRT)
        process.wait()
    await keeper.wire.close()
    assert len(keeper.canaries) > 40
    assert len(exported.splitlines()) > 50
    assert "sign_in.accept" in exported
    assert "Fatal Python error: Aborted" in api.text
    assert "Fatal Python error: Aborted" in worker.text
    assert "DEBUG" in api.text
    assert "DEBUG" in worker.text
    for name, text in {
        "answers": "".join(keeper.answers),
        "the API's words": api.text,
        "the worker's words": worker.text,
        "arguments": arguments,
        "Redis": queued,
        "the audit log": exported,
        "files": "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()),
        "PostgreSQL's log": servers.postgres.log.read_text(errors="replace"),
    }.items():
        assert (name, keeper.leaks(text)) == (name, [])
    assert not [path for path in (*ROOT.glob("core*"), *tmp_path.rglob("core*")) if path.is_file()]


def list_arguments(ours: list[psutil.Process]) -> str:
    """The arguments of our processes, of the servers', and of everything that any of them started."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            name = process.name()
            if process in ours or name.startswith(("postgres", "valkey")) or set(process.parents()) & set(ours):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    assert len(found) > 3
    return "\n".join(found)


async def own_url(sql: asyncpg.Connection, server_url: str) -> str:
    """The URL of this test's database."""
    head, _, query = server_url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{await sql.fetchval('SELECT current_database()')}?{query}"


def test_no_tracer_is_loaded() -> None:
    """Nothing that sends traces of requests anywhere is installed with the service or loaded by it."""
    names = ("opentelemetry", "sentry_sdk", "ddtrace", "newrelic", "elasticapm")
    code = f"import gql.app, workers.worker, sys; print([n for n in {names} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
    locked = (ROOT / "requirements.txt").read_text().lower()
    assert not [name for name in names if name.replace("_", "-") in locked]
    assert not schema.extensions


async def test_a_search_that_is_not_blind() -> None:
    """A canary is found as it is, in base64 and in hexadecimal."""
    keeper = Keeper(0)
    value = keeper.plant("one")
    for shape in (value, base64.b64encode(value.encode()).decode(), value.encode().hex()):
        assert keeper.leaks(f"x{shape}x") == ["one"]
    assert keeper.leaks("nothing") == []
