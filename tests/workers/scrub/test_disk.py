"""SCRUB on a server of our own: what was planted is found in its files before, and in none of them after."""

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.fernet import Fernet

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.embedded import EmbeddedPostgres
from db.errors import Conflict
from db.models import BackfillKind
from db.runs import find_run, start_backfill
from db.sessions import Database
from db.stored import select_stored, stored
from db.upgrade import upgrade
from db.values import ConfigType
from db.vault import Opened, Transaction, Vault, open_rows
from workers.engine import Engine
from workers.scrub.wal import remove_wal

ROOT = Path(__file__).resolve().parents[3]
LEGACY_KEY = Fernet.generate_key()
CHANCE = random.Random(6)


def noise(count: int) -> str:
    """Text that pglz does not compress: what is compressed, nobody finds by looking for its bytes."""
    return base64.b64encode(CHANCE.randbytes(count)).decode()


PLANTED = {
    "inline": "canary-inline-0123456789",
    "typed": "canary-typed-0123456789",
    "large": f"canary-large-0123456789 {noise(30_000)}",
    "token": Fernet(LEGACY_KEY).encrypt(b"canary-token-0123456789").decode(),
}
"""Legacy rows of one integration. The large one is out of line, in the table's TOAST."""

CANARIES = ["canary-inline-", "canary-typed-", "canary-large-", PLANTED["token"], "canary-default-", "canary-past-"]


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def root_keys() -> str:
    return f"root-1:{base64.b64encode(os.urandom(32)).decode()}"


@pytest.fixture
def vault(root_keys: str) -> Vault:
    keyring = RootKeyring.parse(root_keys)
    legacy = LegacyKeys.from_settings((LEGACY_KEY.decode(),), None, None, None)
    return Vault(DataKeys(keyring), legacy, AuditLog(keyring))


@pytest.fixture
async def server(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    with EmbeddedPostgres(home, durable=False) as server:
        yield server


def find(home: Path, text: str, folder: str = "") -> list[str]:
    """The files below a folder of the home that hold a text."""
    files = [path for path in (home / folder).rglob("*") if path.is_file()]
    return [str(path.relative_to(home)) for path in files if text.encode() in path.read_bytes()]


async def plant(url: str) -> None:
    """What older software has left behind, and its traces: statistics, and a log whose files were used again."""
    await upgrade(url, "0001")
    sql = await asyncpg.connect(url)
    integration = uuid.uuid4()
    await sql.execute("INSERT INTO integrations (id, name) VALUES ($1, 'halo')", integration)
    for key, value in PLANTED.items():
        await sql.execute(
            "INSERT INTO integration_config_schema (id, integration_id, key, type)"
            " VALUES (gen_random_uuid(), $1, $2, 'secret')",
            integration,
            key,
        )
        await sql.execute(
            "INSERT INTO configs (id, integration_id, key, value, config_type, updated_by)"
            " VALUES (gen_random_uuid(), $1, $2, $3, $4, 'old')",
            integration,
            key,
            json.dumps({"value": value}),
            "secret" if key == "typed" else "string",
        )
    await sql.execute("CREATE STATISTICS sampled (mcv) ON key, value FROM configs")
    await sql.execute("CREATE INDEX looked_up ON configs ((value ->> 'value')) WHERE length(value ->> 'value') < 1000")
    await sql.execute("ANALYZE")
    await sql.close()
    await upgrade(url)


async def plant_ours(url: str, transact: Any) -> None:
    """A field's default and an earlier value that were no secrets when they were written, and are since."""
    sql = await asyncpg.connect(url)
    write = [StandaloneWrite(None, "past", ConfigType.STRING, f"canary-past-{n}") for n in range(2)]
    for one in write:
        await transact(lambda t, one=one: set_config(t, one))
    await transact(lambda t: set_config(t, StandaloneWrite(None, "past", ConfigType.SECRET, "sealed at once")))
    await sql.execute(
        "UPDATE integration_config_schema SET default_value = $1", json.dumps({"value": "canary-default-0123456789"})
    )
    await sql.execute("UPDATE integration_config_schema SET default_value = NULL")
    await sql.close()


async def reuse_wal(url: str) -> None:
    """Have PostgreSQL rename files of its log for later use, as it does all the time."""
    sql = await asyncpg.connect(url)
    for _ in range(2):
        await sql.execute("SELECT pg_logical_emit_message(false, 'test', 'x')")
        await sql.execute("SELECT pg_switch_wal()")
    await sql.execute("CHECKPOINT")
    await sql.close()


async def seal(url: str, vault: Vault, kinds: list[BackfillKind]) -> None:
    database = Database(url)
    admin = Principal(uuid.uuid4(), "admin", frozenset(Permission))
    for kind in kinds:
        run = await database.write(lambda s, kind=kind: start_backfill(Transaction(s, admin, vault), kind))
        engine = Engine(database, vault)
        while await engine.work(run.id):
            pass
        async with database.read() as session:
            assert (await find_run(session, admin, run.id)).error is None
    await database.close()


async def read(url: str, vault: Vault) -> dict[str, Any]:
    database = Database(url)
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        opened = await open_rows(session, vault, rows)
    await database.close()
    assert all(isinstance(opened[row.id], Opened) for row in rows)
    return {row.key: getattr(opened[row.id], "value", None) for row in rows}


def scrub(home: Path, root_keys: str, *options: str) -> dict[str, Any]:
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environ |= {"STRONGROOM_HOME": str(home), "STRONGROOM_ROOT_KEYS": root_keys}
    command = [sys.executable, "-m", "workers", "scrub", "--yes", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not [canary for canary in CANARIES if canary in done.stdout + done.stderr]
    return json.loads(done.stdout)


@pytest.mark.parametrize("running", [True, pytest.param(False, marks=pytest.mark.soak)])
async def test_nothing_planted_is_left(home: Path, server: EmbeddedPostgres, vault, root_keys: str, running) -> None:
    """Whether the server runs or is started by SCRUB: no file of it holds any planted plaintext or token afterwards.

    Compressed values cannot be found this way, so none is planted; they lie in the same files, which are all new.
    """
    url = server.database_url
    await plant(url)
    database = Database(url)
    admin = Principal(uuid.uuid4(), "admin", frozenset(Permission))
    await plant_ours(url, lambda work: database.write(lambda s: work(Transaction(s, admin, vault))))
    await database.close()
    await reuse_wal(url)
    await seal(url, vault, [BackfillKind.SEAL, BackfillKind.VERIFY])
    sql = await asyncpg.connect(url)
    await sql.execute("CHECKPOINT")
    heap = await sql.fetchval("SELECT pg_relation_filepath('configs')")
    statistics = await sql.fetchval("SELECT pg_relation_filepath('pg_statistic')")
    current = await sql.fetchval("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    await sql.close()
    for canary in CANARIES:
        assert find(home, canary, "postgres/data/base"), f"{canary} was never there"
        assert find(home, canary, "postgres/data/pg_wal"), f"{canary} was never there"
    assert find(home, "canary-inline-", "postgres/data/base/" + heap.split("/", 1)[1].rsplit("/", 1)[0])
    assert f"postgres/data/{statistics}" in find(home, "canary-inline-")
    assert any(path.rsplit("/", 1)[1] > current for path in find(home, "canary-inline-", "postgres/data/pg_wal"))
    before = await read(url, vault)
    if not running:
        server.stop()
    report = scrub(home, root_keys)
    for canary in CANARIES:
        assert find(home, canary) == []
    server.stop()
    for canary in CANARIES:
        assert find(home, canary) == []
    assert scrub(home, root_keys, "--checklist")["credentials"] == report["credentials"], "it starts the server itself"
    server.start()
    assert await read(server.database_url, vault) == before
    assert before["large"] == PLANTED["large"]
    assert {credential["key"]: credential["state"] for credential in report["credentials"]} == {
        **dict.fromkeys(PLANTED, "SAME"),
        "past": "WRITTEN",
    }
    await look(server.database_url)


async def test_wal_that_somebody_holds_is_told_of(server: EmbeddedPostgres) -> None:
    """A replication slot keeps files of the log: that is a conflict, and the server's settings are as they were."""
    sql = await asyncpg.connect(server.database_url)
    await sql.execute("SELECT pg_create_physical_replication_slot('held', true)")
    with pytest.raises(Conflict, match="a replication slot"):
        await remove_wal(server.database_url)
    await sql.execute("SELECT pg_drop_replication_slot('held')")
    assert await remove_wal(server.database_url) > 0
    assert await sql.fetchval("SELECT count(*) FROM pg_file_settings WHERE name = 'wal_recycle'") == 0
    await sql.close()


async def look(url: str) -> None:
    """Nothing samples those columns any more, settings are as they were, and the deed is on record."""
    sql = await asyncpg.connect(url)
    await sql.execute("ANALYZE")
    assert await sql.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'looked_up' OR attname = 'value'") == 0
    assert await sql.fetchval("SELECT count(*) FROM pg_statistic_ext") == 0
    assert await sql.fetchval("SHOW wal_recycle") == "on"
    actions = await sql.fetch("SELECT action FROM audit_log WHERE action LIKE 'scrub.%' ORDER BY sequence")
    assert [row["action"] for row in actions] == ["scrub.start", "scrub.finish"]
    await sql.close()
