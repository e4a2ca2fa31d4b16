"""How fast: SEAL by worker processes, one plain UPDATE without it, and the replaced software's loop."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import asyncpg
import psutil
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.models import BackfillKind
from db.runs import start_backfill
from db.sessions import Database
from db.settings import asyncpg_dsn, sqlalchemy_url
from db.upgrade import upgrade
from db.vault import Transaction, Vault

ROOT: Final = Path(__file__).resolve().parent.parent
_TEMPLATE: Final = "planted"
_SEALED_BYTES: Final = 83
"""Of a sealed value: header, nonce, the JSON of an id's text, and tag."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything is."""

    server_url: str
    redis_url: str
    root_keys: str
    home: Path

    def at(self, database: str) -> str:
        """The URL of another database of the server."""
        head, _, query = self.server_url.partition("?")
        return f"{head.rsplit('/', 1)[0]}/{database}?{query}"

    def environ(self, database: str) -> dict[str, str]:
        """The environment of the parts that work on that database."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        ours |= {"DATABASE_URL": self.at(database), "REDIS_URL": self.redis_url}
        return ours | {"STRONGROOM_ROOT_KEYS": self.root_keys, "STRONGROOM_HOME": str(self.home)}

    def vault(self) -> Vault:
        """Data keys under the root keys."""
        keyring = RootKeyring.parse(self.root_keys)
        return Vault(DataKeys(keyring), LegacyKeys([]), AuditLog(keyring))


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows a second by the server's clock, and the processor time of a row: what other load does not change much."""

    rate: float
    server_us: float
    client_us: float


class Cpu:
    """The processor time, in seconds, that the server's processes have used since this was made."""

    def __init__(self, bench: Bench) -> None:
        pid = int((bench.home / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
        self._server = psutil.Process(pid)
        self._before = self._used()

    @property
    def seconds(self) -> float:
        """Of all backends and helpers, those that have ended included."""
        return self._used() - self._before

    def _used(self) -> float:
        own = self._server.cpu_times()
        found = own.user + own.system + own.children_user + own.children_system
        for child in self._server.children():
            with suppress(psutil.Error):
                times = child.cpu_times()
                found += times.user + times.system
        return found


@asynccontextmanager
async def connect(url: str) -> AsyncGenerator[Any]:
    """A raw connection."""
    connection: Any = await cast("Any", asyncpg).connect(asyncpg_dsn(url))
    try:
        yield connection
    finally:
        await connection.close()


async def plant(bench: Bench, rows: int) -> None:
    """A database of legacy plaintext secrets, and beside `configs` a copy with the same indexes and constraints."""
    async with connect(bench.server_url) as server:
        await server.execute(f"CREATE DATABASE {_TEMPLATE}")
    await upgrade(bench.at(_TEMPLATE))
    async with connect(bench.at(_TEMPLATE)) as sql:
        for statement in _PLANT.format(rows=rows, integrations=-(-rows // 100)).split(";\n"):
            await sql.execute(statement)
        for row in await sql.fetch(_FOREIGN_KEYS):
            await sql.execute(f"ALTER TABLE copy ADD {row['definition']}")
        # A plain UPDATE has to find the value of each row's new columns somewhere.
        await sql.execute(_TIE)
        for statement in ("VACUUM FULL configs", "VACUUM FULL copy", "VACUUM ANALYZE"):
            await sql.execute(statement)


@asynccontextmanager
async def copy_database(bench: Bench) -> AsyncGenerator[str]:
    """The name of a fresh copy of the planted database, nothing of it left to be flushed."""
    name = f"b{uuid.uuid4().hex}"
    async with connect(bench.server_url) as server:
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
        await server.execute("CHECKPOINT")
        try:
            yield name
        finally:
            await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def measure_plain(bench: Bench, rows: int) -> Measured:
    """Rows a second of one plain UPDATE."""
    async with copy_database(bench) as name, connect(bench.at(name)) as sql:
        await sql.execute(_MAKE_KEY)
        cpu = Cpu(bench)
        began = await sql.fetchval("SELECT clock_timestamp()")
        done = await sql.execute(_PLAIN)
        ended = await sql.fetchval("SELECT clock_timestamp()")
        _check(int(done.split()[1]) == rows)
        used = cpu.seconds
    return Measured(rows / (ended - began).total_seconds(), used / rows * 1e6, 0)


async def measure_seal(bench: Bench, rows: int, workers: int) -> Measured:
    """Rows a second of a run, by its own times; the workers are there before it is."""
    async with copy_database(bench) as name, connect(bench.at(name)) as sql:
        with start_workers(bench, name, workers) as processes:
            await wait_for_workers(sql, workers)
            cpu, before = Cpu(bench), _used_by(processes)
            await start_run(bench, name)
            seconds = await wait_for_end(sql)
            server, client = cpu.seconds, _used_by(processes) - before
        sealed = await sql.fetchval("SELECT count(*) FROM configs WHERE octet_length(sealed) = $1", _SEALED_BYTES)
        _check(sealed == rows)
    return Measured(rows / seconds, server / rows * 1e6, client / rows * 1e6)


async def measure_loop(bench: Bench, rows: int) -> Measured:
    """Rows a second of the replaced software's migration: one transaction, one UPDATE a row, Fernet."""
    fernet = Fernet(Fernet.generate_key())
    async with copy_database(bench) as name, connect(bench.at(name)) as sql:
        engine = create_async_engine(sqlalchemy_url(bench.at(name)), poolclass=NullPool)
        cpu, before = Cpu(bench), time.process_time()
        began = await sql.fetchval("SELECT clock_timestamp()")
        async with engine.begin() as connection:
            found = await connection.execute(text("SELECT id, value FROM copy LIMIT :rows"), {"rows": rows})
            for row in found.all():
                token = base64.b64encode(fernet.encrypt(row.value["value"].encode())).decode()
                await connection.execute(_LOOP, {"id": row.id, "value": json.dumps({"value": token})})
        ended = await sql.fetchval("SELECT clock_timestamp()")
        server, client = cpu.seconds, time.process_time() - before
        await engine.dispose()
    return Measured(rows / (ended - began).total_seconds(), server / rows * 1e6, client / rows * 1e6)


@contextmanager
def start_workers(bench: Bench, database: str, count: int) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Worker processes, ended afterwards."""
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "workers"]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=bench.environ(database), stderr=quiet, stdout=quiet)
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(20)


async def wait_for_workers(sql: Any, count: int) -> None:
    """Wait until so many workers look for runs: each has connections of its own."""
    for _ in range(600):
        if await sql.fetchval(_WORKERS) >= count:
            await asyncio.sleep(1)
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("the workers do not start")


async def start_run(bench: Bench, database: str) -> None:
    """Enqueue a SEAL; a worker's clock finds it within two seconds."""
    starter = Database(bench.at(database), connections=1)
    admin = Principal(uuid.uuid4(), "bench", frozenset(Permission))
    vault = bench.vault()
    await starter.write(lambda session: start_backfill(Transaction(session, admin, vault), BackfillKind.SEAL))
    await starter.close()


async def wait_for_end(sql: Any) -> float:
    """The seconds that the run took."""
    while True:
        row = await sql.fetchrow("SELECT status, finished_at - started_at AS took FROM backfill_runs")
        if row["took"] is not None:
            _check(row["status"] == "succeeded")
            return float(row["took"].total_seconds())
        await asyncio.sleep(0.1)


def _used_by(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    times = [psutil.Process(process.pid).cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def _check(right: bool) -> None:
    if not right:
        raise RuntimeError("the measurement is worth nothing")


_PLANT: Final = """
INSERT INTO organizations (id, name, created_by)
    SELECT gen_random_uuid(), 'o' || g, 'bench' FROM generate_series(1, 5) g;
INSERT INTO integrations (id, name) SELECT gen_random_uuid(), 'i' || g FROM generate_series(1, {integrations}) g;
INSERT INTO integration_config_schema (id, integration_id, key, type)
    SELECT gen_random_uuid(), i.id, 'k' || g, 'secret' FROM integrations i, generate_series(1, 20) g;
INSERT INTO configs (id, organization_id, integration_id, key, value, config_type, updated_by)
    SELECT gen_random_uuid(), o.id, f.integration_id, f.key, '{{}}', 'string', 'bench'
    FROM organizations o, integration_config_schema f LIMIT {rows};
UPDATE configs SET value = jsonb_build_object('value', id::text);
CREATE TABLE copy (LIKE configs INCLUDING ALL);
INSERT INTO copy SELECT * FROM configs
"""

_TIE: Final = """
UPDATE copy SET description = f.id::text FROM integration_config_schema f
WHERE f.key = copy.key AND f.integration_id = copy.integration_id
"""

_FOREIGN_KEYS: Final = """
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'configs'::regclass AND contype = 'f'
"""

_MAKE_KEY: Final = """
INSERT INTO data_keys (id, root_key_id, wrapped) VALUES ('00000000-0000-4000-8000-000000000001', 'bench', '')
"""

_PLAIN: Final = f"""
UPDATE copy SET value = NULL, sealed = decode(repeat('01', {_SEALED_BYTES}), 'hex'), config_type = 'secret',
    data_key_id = '00000000-0000-4000-8000-000000000001', field_id = description::uuid, legacy = false
"""  # noqa: S608 - a constant of ours

_LOOP: Final = text("UPDATE copy SET value = CAST(:value AS jsonb), config_type = 'secret' WHERE id = :id")

_WORKERS: Final = """
SELECT count(DISTINCT client_port || '/' || backend_start::text) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
