"""Steps: one batch after another through a slice, past rows that raise."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import text

from db.audit.deeds import Deed
from db.sessions import Database, WriteSession
from db.vault import Transaction, Vault
from workers.failures import is_passing, name_of
from workers.keys import Key
from workers.pacing import Pace, wait_turn
from workers.slices import Lost, Picked, Picker, Position, Slice, advance, hold
from workers.tasks import Batch, Counts, Task
from workers.throttle import Throttle

_RETRIES: Final = (0.05, 0.2)
"""Seconds before a batch that raised is tried again as it is; afterwards it is halved at once, down to one row, which
is tried as often once more."""

_HOPELESS: Final = 20
"""Rows that raise, of all workers together, and not one that does not: the fault is not the rows'."""

_STATEMENTS: Final = 4
"""How many times the statements of a heartbeat a batch of no rows has."""

_logger = logging.getLogger("strongroom.backfill")


class EveryRowRaises(Exception):
    """The run is pointless as things are."""


@dataclass(frozen=True, slots=True)
class _Step:
    rows: int
    done: bool


class Steps:
    """One claimed slice. Each step is one transaction: check the claim, work on the rows, move the cursor."""

    def __init__(
        self, database: Database, vault: Vault, task: Task, held: Slice, *, pace: Pace, throttle: Throttle
    ) -> None:
        self._database = database
        self._vault = vault
        self._task = task
        self._held = held
        self._picker = Picker(task.candidates(held.source, held.run))
        self._pace = pace
        self._throttle = throttle
        self._retried = 0

    async def take(self) -> bool:
        """Take a step; True when the slice is done. Raises Lost, EveryRowRaises, or what a server's absence raises."""
        await self._throttle.hold_back(self._held)
        size = self._pace.size
        await wait_turn(self._database, self._held, size)
        began = time.monotonic()
        try:
            step = await self._database.write(self._work)
        except Lost:
            raise
        except Exception as error:
            if is_passing(error):
                raise
            return await self._overcome(error)
        if size == 1:
            # Whichever row comes next is another one, with retries of its own.
            self._retried = 0
        self._pace.succeed(time.monotonic() - began, step.rows, self._throttle.answer * _STATEMENTS)
        return step.done

    async def _overcome(self, error: Exception) -> bool:
        """Try again; then ever smaller batches; then the one row at fault again; then leave it as it is."""
        if self._retried < len(_RETRIES):
            await asyncio.sleep(_RETRIES[self._retried])
            self._retried += 1
            return False
        if self._pace.size > 1:
            self._pace.fail()
            if self._pace.size == 1:
                self._retried = 0
            return False
        self._retried = 0
        reason = f"raised {name_of(error)}"
        _logger.warning("run %s: a row %s", self._held.run.id, reason)
        step = await self._database.write(lambda session: self._skip_row(session, reason))
        await self._check_hope(reason)
        return step.done

    async def _check_hope(self, reason: str) -> None:
        async with self._database.read() as session:
            if await session.scalar(_IS_HOPELESS, {"run": self._held.run.id, "enough": _HOPELESS}):
                raise EveryRowRaises(f"every row {reason}")

    async def _work(self, session: WriteSession) -> _Step:
        position = await hold(session, self._held)
        batch, picked = await self._open(session, position, self._pace.ask(position.left))
        counts = await self._task.work(batch) if batch.ids else Counts()
        return await self._close(batch, picked, counts)

    async def _skip_row(self, session: WriteSession, reason: str) -> _Step:
        batch, picked = await self._open(session, await hold(session, self._held), 1)
        counts = await self._task.set_aside(batch, reason) if batch.ids else Counts()
        return await self._close(batch, picked, replace(counts, raised=len(batch.ids)))

    async def _open(self, session: WriteSession, position: Position, size: int) -> tuple[Batch, Picked]:
        held = self._held
        picked = await self._picker.pick(session, position, size)
        transaction = Transaction(session, held.run.principal, self._vault)
        return Batch(transaction, held.run, held.source, picked.ids), picked

    async def _close(self, batch: Batch, picked: Picked, counts: Counts) -> _Step:
        await advance(batch.transaction.session, self._held, picked.last, counts, done=not picked.more)
        if not batch.run.dry_run and (counts.changed or counts.quarantined):
            batch.transaction.record(_deed(batch, picked, counts))
        return _Step(len(batch.ids), not picked.more)


def _deed(batch: Batch, picked: Picked, counts: Counts) -> Deed:
    """One event a batch. The rows are those of the source from the first key to the last that the task concerned."""
    rows = {"source": batch.source.value, "first": _tell(picked.first), "last": _tell(picked.last)}
    done = {"changed": counts.changed, "quarantined": counts.quarantined}
    return Deed(f"backfill.{batch.run.kind}", detail={"run": str(batch.run.id), **rows, **done})


def _tell(key: Key | None) -> str:
    return "/".join(str(part) for part in key or ())


_IS_HOPELESS = text("""
SELECT sum(raised) = sum(processed) AND (sum(raised) >= :enough OR (sum(raised) > 0 AND bool_and(done)))
FROM backfill_slices WHERE run_id = :run
""")
"""Or all rows that there are, where they are fewer."""
