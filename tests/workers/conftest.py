"""Runs through the real engine, on the rows of tests/data/legacy.sql or on planted ones."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from arq import Worker

from db.access import Principal
from db.crypto.legacy import LegacyKeys
from db.models import BackfillKind
from db.runs import RunRow, find_run, start_backfill
from db.sessions import Database
from db.upgrade import upgrade
from db.vault import Vault
from tests.databases import Databases, complete, run_sql
from workers import planning
from workers.engine import Engine
from workers.worker import make_worker

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
LEGACY = "strongroom_legacy"


class Backfill(Protocol):
    """Starts a run, works on it to its end, and tells what became of it."""

    async def __call__(self, kind: BackfillKind = ..., **options: Any) -> RunRow: ...


@pytest.fixture(scope="session")
def expected() -> dict[str, Any]:
    """What is to become of each row of legacy.sql, and the keys of the software that wrote it."""
    return json.loads((DATA / "legacy.expected.json").read_text())


@pytest.fixture
def legacy_keys(expected: dict[str, Any]) -> LegacyKeys:
    """The keys that legacy.sql was written with."""
    return LegacyKeys.from_settings((), expected["secretKey"], expected["salt"], expected["info"])


@pytest.fixture
def engine(database: Database, vault: Vault) -> Engine:
    """The engine, in this process."""
    return Engine(database, vault)


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the service's own."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a hundred rows."""
    monkeypatch.setattr(planning, "SLICE_ROWS", 100)


@pytest.fixture
def backfill(transact: Any, engine: Engine, database: Database, admin: Principal) -> Backfill:
    """Starts a run and has the engine work on it until it is over."""

    async def run(kind: BackfillKind = BackfillKind.SEAL, **options: Any) -> RunRow:
        started = await transact(lambda transaction: start_backfill(transaction, kind, **options))
        while await engine.work(started.id):
            pass
        async with database.read() as session:
            return await find_run(session, admin, started.id)

    return run


@pytest.fixture
def see(database: Database, admin: Principal) -> Callable[[uuid.UUID], Awaitable[RunRow]]:
    """Reads a run."""

    async def run(id: uuid.UUID) -> RunRow:
        async with database.read() as session:
            return await find_run(session, admin, id)

    return run


@pytest.fixture
async def worker(redis_url: str, database: Database, vault: Vault) -> Worker:
    """An arq worker for this process, not started."""
    return make_worker(redis_url, database, vault)


@pytest.fixture(scope="session")
def prepared_legacy(databases: Databases) -> str:
    """The name of a database that holds legacy.sql, as older software left it, migrated."""
    url = databases.make("template1", LEGACY)
    run_sql(url, (DATA / "legacy.sql").read_text())
    complete(upgrade(url))
    return LEGACY


@pytest.fixture
def template(migrated: str, request: pytest.FixtureRequest) -> str:
    """The database to copy: the one with legacy.sql where the test asks for that."""
    return request.getfixturevalue("prepared_legacy") if "legacy_rows" in request.fixturenames else migrated


@pytest.fixture
def legacy_rows(database_url: str) -> None:
    """The test's database holds legacy.sql, as older software left it, and is migrated."""


class Process(subprocess.Popen[bytes]):
    """A worker process, and where its log is."""

    log: Path


@pytest.fixture
def start_worker(database_url: str, redis_url: str, root_keys: str, tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """Starts `python -m workers`; whatever still runs afterwards is killed."""
    started: list[Process] = []
    environ = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STRONGROOM_HOME": str(tmp_path / "home"),
        "STRONGROOM_ROOT_KEYS": root_keys,
    }

    def start() -> Process:
        with (tmp_path / "worker.log").open("ab") as log:
            process = Process([sys.executable, "-m", "workers"], cwd=ROOT, env=environ, stdout=log, stderr=log)
        process.log = tmp_path / "worker.log"
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(20)
