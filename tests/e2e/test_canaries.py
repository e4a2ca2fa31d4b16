"""Canaries through the real processes: what an API and a worker say, keep and show the machine they run on.

tests/gql/test_canaries.py has the same in one process, with every logger's records and a dump of the database.
"""

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from db.embedded import EmbeddedServers
from gql.schema import schema
from tests.e2e.keeper import APPLICATION, LEGACY, PASSWORD, Keeper, backfill, fail, read, talk, write
from tests.e2e.processes import ROOT, ROOT_KEYS, Api, StartApi

pytestmark = pytest.mark.usefixtures("unmeasured")


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
    exported audit log, in the statements that PostgreSQL shows of its sessions, or in what Python's fault handler
    writes when they crash."""
    api, worker = processes
    keeper = Keeper(api.port)
    ids = await write(keeper, sql)
    shown = [await list_statements(sql)]
    await read(keeper, ids)
    shown.append(await list_statements(sql))
    await fail(keeper, ids, sql)
    shown.append(await list_statements(sql))
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
    shown.append(await list_statements(sql))
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
    assert "SELECT" in "".join(shown)
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
        "PostgreSQL's sessions": "".join(shown),
        "files": "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()),
        "PostgreSQL's log": servers.postgres.log.read_text(errors="replace"),
    }.items():
        assert (name, keeper.leaks(text)) == (name, [])
    assert not [path for path in (*ROOT.glob("core*"), *tmp_path.rglob("core*")) if path.is_file()]


async def list_statements(sql: asyncpg.Connection) -> str:
    """What PostgreSQL shows to others of each session of ours: the statement that it ran last, and its name."""
    rows = await sql.fetch(
        "SELECT pid, application_name, query FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return "\n".join(f"{row['application_name']} {row['query']}" for row in rows)


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
