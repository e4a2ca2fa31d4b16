"""`python -m db audit verify|checkpoint|export`."""

import argparse
import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select

from db.audit.chain import AuditLog
from db.audit.checkpoints import read_checkpoint, take_checkpoint
from db.audit.events import EVENT_COLUMNS, event_of
from db.audit.verification import LINK_COLUMNS, Verification
from db.errors import SettingsError
from db.models import AuditEvent
from db.opening import open_database
from db.sessions import Database
from db.settings import Settings
from db.start import open_vault

_SHOWN: Final = 1_000
"""Faults that are named, at most: a log that somebody took apart has as many as it has events."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind `python -m db audit`."""
    steps = parser.add_subparsers(dest="step", required=True)
    verify = steps.add_parser("verify", help="find what was changed, removed, inserted, reordered or cut off")
    verify.add_argument("--from-checkpoint", type=Path, metavar="FILE", help="begin where this checkpoint ends")
    steps.add_parser("checkpoint", help="print where every chain ends, to be kept elsewhere")
    export = steps.add_parser("export", help="print events as JSON lines, oldest first")
    for name, told in (("--since", "from this moment on"), ("--until", "before this moment")):
        export.add_argument(name, type=_read_moment, metavar="MOMENT", help=f"{told}, such as 2025-01-31T00:00:00Z")


async def run(environ: Mapping[str, str], given: argparse.Namespace) -> int:
    """The exit code: 1 if the log is not what it was."""
    async with _open(environ) as (database, log):
        if given.step == "verify":
            return await verify(database, log, given.from_checkpoint)
        if given.step == "checkpoint":
            print(await database.write(lambda session: take_checkpoint(session, log)), end="")
        else:
            await export(database, given.since, given.until)
    return 0


async def verify(database: Database, log: AuditLog, path: Path | None) -> int:
    """Print what is wrong, one event or range of events a line, and what was looked at."""
    checkpoint = None
    if path is not None:
        async with database.read() as session:
            checkpoint = await read_checkpoint(session, log, _read_file(path))
    verification, found = Verification(database, log, checkpoint), 0
    async for fault in verification.faults():
        found += 1
        if found <= _SHOWN:
            print(fault)
    if found > _SHOWN:
        print(f"and {found - _SHOWN} more")
    state = "intact" if not found else "NOT intact"
    print(f"{verification.events} events of {verification.chains} chains: {state}", flush=True)
    return 1 if found else 0


async def export(database: Database, since: datetime | None, until: datetime | None) -> None:
    """Print events as JSON lines, oldest first, with what vouches for them. Memory does not grow with their number."""
    statement = select(*EVENT_COLUMNS, *LINK_COLUMNS).order_by(AuditEvent.at, AuditEvent.id)
    if since is not None:
        statement = statement.where(AuditEvent.at >= since)
    if until is not None:
        statement = statement.where(AuditEvent.at < until)
    async with database.steady() as session:
        async for row in session.stream(statement):
            place = {"sequence": row.sequence, "keyId": str(row.key_id)}
            vouching = {"previous": row.previous.hex(), "mac": row.mac.hex()}
            print(json.dumps(event_of(row).told() | place | vouching))
    sys.stdout.flush()


@asynccontextmanager
async def _open(environ: Mapping[str, str]) -> AsyncGenerator[tuple[Database, AuditLog]]:
    settings = Settings.from_env(environ)
    async with open_database(settings) as database:
        yield database, (await open_vault(settings, database)).audit


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({type(error).__name__})") from None


def _read_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"is no moment in ISO 8601: {text!r}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
