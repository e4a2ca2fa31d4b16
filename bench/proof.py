"""`python -m bench.proof`: how fast VERIFY, REWRAP and ROTATE are, beside what PostgreSQL does to the same rows alone.

    python -m bench.proof [--rows 50000] [--organizations 500]

One engine in one process, on the embedded PostgreSQL with its durable settings. The rows are all
secret and sealed. VERIFY is told beside a plain read of the sealed values, ROTATE beside one plain UPDATE of a copy of
the table (same indexes and constraints, no triggers) with other values of the same size, without any cipher.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.embedded import EmbeddedServers
from db.models import BackfillKind, BackfillStatus
from db.runs import RunRow, find_run, start_backfill
from db.sessions import Database, WriteSession
from db.upgrade import upgrade
from db.vault import Transaction, Vault
from workers.engine import Engine

ROOT: Final = Path(__file__).resolve().parent.parent
RESULT: Final = Path(__file__).with_name("results") / "proof.json"


_ADMIN: Final = Principal(uuid.uuid4(), "bench", frozenset(Permission))


class BenchError(Exception):
    """The measurement is worth nothing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is measured with."""

    sql: asyncpg.Connection
    database: Database
    vault: Vault


async def measure(database_url: str, rows: int, organizations: int) -> dict[str, Any]:
    """The figures: rows a second, and ratios to PostgreSQL alone."""
    await upgrade(database_url)
    keyring = RootKeyring.generate()
    vault = Vault(DataKeys(keyring), LegacyKeys([]), AuditLog(keyring))
    database, sql = Database(database_url), await asyncpg.connect(database_url)
    try:
        return await _measure(Parts(sql, database, vault), rows, organizations)
    finally:
        await sql.close()
        await database.close()


async def _measure(parts: Parts, rows: int, organizations: int) -> dict[str, Any]:
    await _plant(parts.sql, rows, organizations)
    await _run(parts, BackfillKind.SEAL)
    await parts.sql.execute(_COPY)
    read = await _time(parts.sql, _READ)
    plain = await _time(parts.sql, _PLAIN_UPDATE)
    await parts.sql.execute("DROP TABLE copied")
    await parts.sql.execute("VACUUM ANALYZE")
    verify = await _run(parts, BackfillKind.VERIFY)
    rewrap = await _run(parts, BackfillKind.REWRAP)
    rotate = await _run(parts, BackfillKind.ROTATE)
    again = await _run(parts, BackfillKind.VERIFY)
    return {
        "rows": rows,
        "organizations": organizations,
        "plain_read_rows_per_second": rows / read,
        "plain_update_rows_per_second": rows / plain,
        "verify_rows_per_second": rows / verify.seconds,
        "verify_after_rotate_rows_per_second": rows / again.seconds,
        "rotate_rows_per_second": rows / rotate.seconds,
        "rewrap_keys_per_second": rewrap.run.processed / rewrap.seconds,
        "rewrap_seconds": rewrap.seconds,
        "rotate_to_plain_update": plain / rotate.seconds,
        "verify_to_rotate": rotate.seconds / verify.seconds,
        "verify_python_cpu_us_per_row": verify.cpu / rows * 1e6,
        "rotate_python_cpu_us_per_row": rotate.cpu / rows * 1e6,
    }


@dataclass(frozen=True, slots=True)
class _Timed:
    run: RunRow
    seconds: float
    cpu: float


async def _run(parts: Parts, kind: BackfillKind) -> _Timed:
    """A run to its end, all of it: planning, the door, and the seconds that ROTATE waits before it destroys keys."""

    async def start(session: WriteSession) -> RunRow:
        return await start_backfill(Transaction(session, _ADMIN, parts.vault), kind)

    started = await parts.database.write(start)
    engine, began, cpu = Engine(parts.database, parts.vault), time.monotonic(), time.process_time()
    while await engine.work(started.id):
        pass
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    async with parts.database.read() as session:
        row = await find_run(session, _ADMIN, started.id)
    if row.status is not BackfillStatus.SUCCEEDED:
        raise BenchError(f"{kind} has {row.status}: {row.error}")
    return _Timed(row, seconds, cpu)


async def _time(sql: asyncpg.Connection, *statements: str) -> float:
    began = time.monotonic()
    for statement in statements:
        await sql.execute(statement)
    return time.monotonic() - began


async def _plant(sql: asyncpg.Connection, rows: int, organizations: int) -> None:
    fields = -(-rows // organizations)
    await sql.execute(f"""
        INSERT INTO integrations (id, name) VALUES (gen_random_uuid(), 'bench');
        INSERT INTO integration_config_schema (id, integration_id, key, type)
            SELECT gen_random_uuid(), id, 'key' || n, 'secret' FROM integrations, generate_series(1, {fields}) n;
        INSERT INTO organizations (id, name, created_by)
            SELECT gen_random_uuid(), 'o' || n, 'bench' FROM generate_series(1, {organizations}) n;
        INSERT INTO configs (id, organization_id, integration_id, key, value, config_type, updated_by)
            SELECT gen_random_uuid(), o.id, f.integration_id, f.key,
                jsonb_build_object('value', 'a secret of the usual length ' || gen_random_uuid()), 'string', 'bench'
            FROM organizations o, integration_config_schema f LIMIT {rows};
        ANALYZE
    """)  # noqa: S608 - numbers


_COPY: Final = """
CREATE TABLE copied (LIKE configs INCLUDING ALL);
ALTER TABLE copied
    ADD FOREIGN KEY (data_key_id) REFERENCES data_keys (id),
    ADD FOREIGN KEY (organization_id) REFERENCES organizations (id),
    ADD FOREIGN KEY (integration_id) REFERENCES integrations (id),
    ADD FOREIGN KEY (field_id, integration_id, key, config_type)
        REFERENCES integration_config_schema (id, integration_id, key, field_type);
INSERT INTO copied SELECT * FROM configs;
ANALYZE copied
"""
_READ: Final = "SELECT sum(octet_length(sealed)) FROM configs"
_PLAIN_UPDATE: Final = """
UPDATE copied SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)),
    data_key_id = (SELECT id FROM data_keys k WHERE k.organization_id = copied.organization_id)
"""


def main() -> int:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(prog="python -m bench.proof")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--organizations", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, EmbeddedServers(Path(home)) as servers:
        found = asyncio.run(measure(servers.database_url, given.rows, given.organizations))
    figures = {name: round(figure, 3) for name, figure in found.items()}
    for name, figure in figures.items():
        print(f"{name:40} {figure:>14,}")
    machine = {"cpus": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    recorded = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "figures": figures}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"recorded in {RESULT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
