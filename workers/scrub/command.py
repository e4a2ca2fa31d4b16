"""`python -m workers scrub`: asks, does, and tells what is left."""

import argparse
import getpass
import json
import socket
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from db.access import Principal
from db.audit.deeds import Deed
from db.embedded import EmbeddedPostgres, hold
from db.embedded.postgres import find_running
from db.errors import Conflict, SettingsError
from db.reachability import check_postgres
from db.sessions import Database, WriteSession
from db.settings import Settings
from db.vault import Transaction, Vault
from workers.scrub import credentials, remaining
from workers.scrub.places import connect
from workers.scrub.rewriting import rewrite, wait_for_readers
from workers.scrub.statistics import remove_statistics
from workers.scrub.survey import Survey, survey
from workers.scrub.wal import remove_wal
from workers.worker import open_parts

_DECLINED: Final = 1
_UNCONFIRMED: Final = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """The database, as the service uses it and as its tables' owner; and whether the server is our own."""

    database_url: str
    owner_url: str
    own: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind `python -m workers scrub`."""
    parser.add_argument("--yes", action="store_true", help="do not ask; for scripts")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be locked and for how long; no more")
    parser.add_argument("--checklist", action="store_true", help="only print what SCRUB cannot reach")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--before-verify", action="store_true", help="scrub although VERIFY has not shut the door yet")
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS", help="how long to wait for readers")


async def run(environ: Mapping[str, str], given: argparse.Namespace) -> int:
    """The exit code. Conflict says what is in the way; what was not done yet, another try does."""
    settings = Settings.from_env(environ)
    async with _find(settings) as place:
        await check_postgres(place.database_url)
        async with open_parts(settings, place.database_url) as (database, vault), connect(place.owner_url) as owner:
            return await _Scrub(place, database, vault, owner, given).run()


@asynccontextmanager
async def _find(settings: Settings) -> AsyncGenerator[_Place]:
    """The database of the settings, or the home's: running, or else started for as long as this lasts."""
    if settings.database_url is not None:
        yield _Place(settings.database_url, settings.migration_database_url or settings.database_url, own=False)
    elif (running := find_running(settings.home)) is not None:
        yield _Place(running, running, own=True)
    elif not (settings.home / "postgres" / "data").exists():
        raise SettingsError(
            f"DATABASE_URL is not set, and there is no embedded PostgreSQL in {settings.home} (STRONGROOM_HOME)"
        )
    else:
        with hold(settings.home) as home, EmbeddedPostgres(home) as server:
            yield _Place(server.database_url, server.database_url, own=True)


class _Scrub:
    """One call of the command."""

    def __init__(self, place: _Place, database: Database, vault: Vault, owner: Any, given: argparse.Namespace) -> None:
        self._place = place
        self._database = database
        self._vault = vault
        self._owner = owner
        self._given = given
        self._report: dict[str, Any] = {}

    async def run(self) -> int:
        """Survey, ask, scrub, tell."""
        found = await survey(self._owner, own=self._place.own)
        if self._given.checklist:
            await self._tell_remaining(found)
            return self._end(0)
        self._tell(*found.lines())
        self._report["plan"] = found.told()
        _refuse(found, self._given)
        if self._given.dry_run:
            return self._end(0)
        if (code := self._ask()) is not None:
            return code
        await self._scrub(found)
        await self._tell_remaining(await survey(self._owner, own=self._place.own))
        return self._end(1 if self._report["statisticsLeft"] else 0)

    def _ask(self) -> int | None:
        """None to go on, or the exit code."""
        if self._given.yes:
            return None
        if self._given.json or not sys.stdin.isatty():
            print("strongroom: nothing was done: this asks for confirmation, and --yes gives it", file=sys.stderr)
            return _UNCONFIRMED
        try:
            agreed = input("Go on? [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:
            agreed = False
        if not agreed:
            print("Nothing was done.")
        return None if agreed else _DECLINED

    async def _scrub(self, found: Survey) -> None:
        """Statistics first: what would be collected meanwhile is not. The WAL last: it holds what all else has done."""
        if not await self._owner.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            raise Conflict("another SCRUB is under way")
        began = time.monotonic()
        await self._record("scrub.start", {"tables": ", ".join(table.name for table in found.tables)})
        await wait_for_readers(self._owner, self._given.patience)
        left = await remove_statistics(self._owner, found.rights)
        for table in found.tables:
            at = time.monotonic()
            await rewrite(self._owner, [table.name])
            self._tell(f"rewrote {table.name} in {time.monotonic() - at:.1f} s")
        files = await remove_wal(self._place.owner_url) if self._place.own else 0
        if self._place.own:
            self._tell(f"files of the write-ahead log removed: {files}")
        seconds = round(time.monotonic() - began, 1)
        self._report |= {"seconds": seconds, "walFilesRemoved": files, "statisticsLeft": left}
        self._tell(*(f"STATISTICS ARE LEFT of {name}: a superuser can remove them" for name in left))
        await self._record("scrub.finish", {"walFiles": files, "statisticsLeft": len(left), "legacyRows": found.legacy})

    async def _tell_remaining(self, found: Survey) -> None:
        items = await remaining.list_remaining(self._owner, found)
        exposed = await credentials.list_credentials(self._owner)
        self._report["notReached"] = [asdict(item) for item in items]
        self._report["credentials"] = [credential.told() for credential in exposed]
        self._tell("", "What SCRUB cannot reach:", *(f"  [ ] {item.place}: {item.what}" for item in items))
        self._tell("", "Credentials that copies elsewhere may hold:", *credentials.tell(exposed))

    async def _record(self, action: str, detail: dict[str, Any]) -> None:
        principal = Principal(uuid.UUID(int=0), _who(), frozenset())

        async def record(session: WriteSession) -> None:
            Transaction(session, principal, self._vault).record(Deed(action, detail=detail))

        await self._database.write(record)

    def _tell(self, *lines: str) -> None:
        if not self._given.json:
            print(*lines, sep="\n", flush=True)

    def _end(self, code: int) -> int:
        if self._given.json:
            print(json.dumps(self._report))
        return code


def _refuse(found: Survey, given: argparse.Namespace) -> None:
    if not found.rights.owns_tables:
        raise SettingsError("only the tables' owner can rewrite them: set STRONGROOM_MIGRATION_DATABASE_URL")
    if found.active_run is not None:
        raise Conflict(f"a backfill is in the way: {found.active_run}")
    if not found.shut and not given.before_verify:
        raise Conflict(
            "VERIFY has not shut the door yet: plaintext could be there, and be written, all the time. "
            "Run VERIFY first; --before-verify scrubs all the same"
        )


def _who() -> str:
    """The operator, as the system knows them."""
    name = "somebody"
    with suppress(KeyError, OSError):
        name = getpass.getuser()
    return f"{name}@{socket.gethostname()} (command line)"


_LOCK: Final = 0x57_53_43_52
"""The advisory lock that keeps two of these apart."""
