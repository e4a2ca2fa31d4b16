"""Watching runs from the server's command line, and the standing run."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from typing import Final

from sqlalchemy import select

from db.errors import NotFound, StrongroomError
from db.models import ACTIVE, BackfillRun, BackfillStatus
from db.runs import RunRow, find_run
from db.sessions import Database, ReadSession
from db.vault import Vault
from workers.failures import is_passing
from workers.reports import Report
from workers.standing import COMMAND_LINE, REST, is_door_shut, start_for_waiting

INTERVAL: Final = 0.5
"""Seconds between two looks at a run."""

_PATIENCE: Final = 60.0
"""Seconds without the database after which watching ends."""

_LOOKS_EVERY: Final = 5.0
"""Seconds between two looks for rows that wait for a SEAL."""


NO_RUN_YET: Final = "there is no backfill run yet"


class NoRun(NotFound):
    """No run was named, and there is none that could be meant."""

    def __init__(self, message: str) -> None:
        StrongroomError.__init__(self, message)


async def find_active(session: ReadSession) -> uuid.UUID | None:
    """The run that is not over, if there is one."""
    active = [status.value for status in ACTIVE]
    found: uuid.UUID | None = await session.scalar(select(BackfillRun.id).where(BackfillRun.status.in_(active)))
    return found


async def find_newest(session: ReadSession) -> uuid.UUID:
    """The active run, or else the newest. Raises NoRun where there never was one."""
    newest = select(BackfillRun.id).order_by(BackfillRun.created_at.desc(), BackfillRun.id.desc()).limit(1)
    found = await find_active(session) or await session.scalar(newest)
    if found is None:
        raise NoRun(NO_RUN_YET)
    return found


async def watch(database: Database, id: uuid.UUID, report: Report, stop: asyncio.Event) -> RunRow:
    """Report a run until it is over, or until `stop`; how it was last seen."""
    looks = _look(database, id, stop)
    async for row in looks:
        report.tell(row)
        if row.status not in ACTIVE or stop.is_set():
            await looks.aclose()
            return row
    raise AssertionError("a look at a run never ends by itself")


async def follow(
    database: Database,
    vault: Vault,
    report: Report,
    stop: asyncio.Event,
    *,
    every: float = _LOOKS_EVERY,
    rest: float = REST,
) -> None:
    """Report every run that is active, and start a SEAL whenever rows wait for one, until `stop` or until VERIFY has
    shut the door on such rows."""
    while not stop.is_set():
        try:
            async with database.read() as session:
                active = await find_active(session)
                shut = await is_door_shut(session)
            if active is None and shut:
                report.say("VERIFY has shut the door: no legacy row can come any more")
                return
            if active is None and (started := await start_for_waiting(database, vault, COMMAND_LINE, rest=rest)):
                active = started.id
            if active is not None:
                await watch(database, active, report, stop)
                continue
        except Exception as error:
            if not is_passing(error):
                raise
            report.say("the database does not answer")
        await pause(stop, every)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop`."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def _look(database: Database, id: uuid.UUID, stop: asyncio.Event) -> AsyncGenerator[RunRow]:
    seen = time.monotonic()
    while True:
        try:
            async with database.read() as session:
                row = await find_run(session, COMMAND_LINE, id)
        except Exception as error:
            if not is_passing(error) or stop.is_set() or time.monotonic() > seen + _PATIENCE:
                raise
        else:
            seen = time.monotonic()
            yield row
        await pause(stop, INTERVAL)


ENDS: Final = {BackfillStatus.SUCCEEDED: 0, BackfillStatus.FAILED: 4, BackfillStatus.CANCELLED: 5}
"""The exit code for each end of a run that was watched."""
STOPPED: Final = 6
"""The exit code where watching was stopped before the run was over."""
