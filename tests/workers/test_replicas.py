"""A real replica that lags: a run holds back for it, says so, and goes on once it has caught up."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from db.embedded import EmbeddedServers, binary
from db.embedded.account import find_account
from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from db.sessions import WriteSession
from tests.folders import make_folder
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.engine import Engine
from workers.load import Bounds, Lag, read_lag

SEAL = BackfillKind.SEAL


@pytest.fixture
def replica(servers: EmbeddedServers) -> Iterator[Path]:
    """A hot standby of the tests' server; the folder of its socket."""
    sockets = servers.database_url.partition("?host=")[2]
    account = find_account(Path(sockets).parent / "data")
    user: dict[str, Any] = {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
    folder = make_folder()
    if account is not None:
        account.owns(folder)
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    data = folder / "data"
    backup = [str(binary("pg_basebackup")), "-D", str(data), "-R", "-X", "stream", "-c", "fast", "--no-sync"]
    subprocess.run(
        [*backup, "-h", sockets, "-U", "strongroom"],
        check=True,
        env=environ,
        cwd="/",
        capture_output=True,
        timeout=60,
        **user,
    )
    command = [
        str(binary("postgres")),
        "-D",
        str(data),
        "-k",
        str(folder),
        "-c",
        "listen_addresses=",
        "-c",
        "fsync=off",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, cwd="/", stdout=log, stderr=log, **user)
    try:
        yield folder
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


async def connect_to(replica: Path) -> asyncpg.Connection:
    async with asyncio.timeout(30):
        while True:
            try:
                return await asyncpg.connect(host=str(replica), user="strongroom", database="postgres")
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)


async def test_a_real_replica(replica, transact, see, sql, database, vault) -> None:
    """The lag is that which PostgreSQL measures: a replica that stands still has a backlog, one that applies late is
    seconds behind; the run goes on slowly meanwhile, and ends when the replica has caught up."""
    rows = 2_000  # More than are done before anybody looks at replicas.
    standby = await connect_to(replica)
    try:
        await standby.execute("SELECT pg_wal_replay_pause()")
        await plant_secrets(sql, rows)
        run = await transact(lambda t: start_backfill(t, SEAL, batch_size=5))
        # However slow the machine is, the backlog is what this run holds back for.
        engine = Engine(database, vault, bounds=Bounds(lag=600, backlog=1_000))
        working = asyncio.create_task(engine.work(run.id))
        async with asyncio.timeout(30):
            while (now := await see(run.id)).throttled_by is None:
                await asyncio.sleep(0.05)
        assert now.throttled_by.startswith("a replica has ")
        assert now.status is BackfillStatus.RUNNING
        await standby.execute("SELECT pg_wal_replay_resume()")
        async with asyncio.timeout(60):
            while await working:
                working = asyncio.create_task(engine.work(run.id))
        assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
        await assert_sealed_once(database, vault, rows)
        await standby.execute("ALTER SYSTEM SET recovery_min_apply_delay = '1200ms'")
        await standby.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while (lag := await look(sql, database)).seconds is None or lag.seconds < 1:
                await asyncio.sleep(0.2)
        assert lag.seconds < 10
    finally:
        await standby.close()


async def look(sql: Any, database: Any) -> Lag:
    await sql.execute("UPDATE configs SET description = 'x' WHERE id = (SELECT id FROM configs LIMIT 1)")
    async with database.read() as session:
        return await read_lag(session)


async def test_a_role_that_is_told_nothing(replica, sql, database) -> None:
    """To a role without pg_read_all_stats PostgreSQL hides its replicas: no lag is seen, and nothing fails."""
    standby = await connect_to(replica)
    await standby.close()

    async def ask(session: WriteSession) -> Lag:
        for statement in ("CREATE ROLE told_nothing", "SET LOCAL ROLE told_nothing"):
            await session.execute(text(statement))
        lag = await read_lag(session)
        for statement in ("RESET ROLE", "DROP ROLE told_nothing"):
            await session.execute(text(statement))
        return lag

    assert await database.write(ask) == Lag()
