"""SEAL: every legacy row gets its schema's type, every secret is sealed, what nobody can decide is quarantined.

No value changes by it, so version, time and author of a row stay. Integrations are locked first and
then configs written in one key order, as writers do. A write that commits before is seen; one after wins.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Select, Uuid, and_, exists, func, literal_column, select, text

from db import history
from db.crypto.sealing import random_nonces
from db.models import Config, QuarantinedConfig
from db.sessions import Database, ReadSession
from db.stored import SchemaField
from db.values import ConfigType
from db.vault import Vault
from db.writing import remove
from workers import seal_history
from workers.outcomes import Emptied, Kept, Left, Outcome, Quarantined, Sealed, decide, reseal
from workers.seal_rows import Found, is_unsettled, lock, look, write
from workers.tasks import Batch, Counts, Run, Source

_UNINTERRUPTED: Final = 100
"""Rows that are worked on before others on this event loop get their turn: about a millisecond."""

T = TypeVar("T")


class Seal:
    """The task."""

    sources = (Source.CONFIGS, Source.HISTORY)

    def candidates(self, source: Source, run: Run) -> Select[*tuple[Any, ...]]:
        """Legacy rows, and rows whose field older software made or changed without looking at them."""
        if source is Source.HISTORY:
            return seal_history.candidates()
        return select(*_IN_PLACES).where(is_unsettled())

    async def concerns(self, session: ReadSession, source: Source) -> bool:
        """The history is long, and mostly there is nothing to be done in it."""
        return source is not Source.HISTORY or await seal_history.is_in_clear(session)

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """Nothing comes before."""

    async def work(self, batch: Batch) -> Counts:
        """Decide each row and write what was decided, in one statement for all of them."""
        if batch.source is Source.HISTORY:
            return await seal_history.work(batch)
        found = await look(batch)
        outcomes = await _decide(batch, found)
        if not batch.run.dry_run:
            outcomes = await _settle(batch, found, outcomes)
        return _count(len(batch.ids), outcomes)

    async def set_aside(self, batch: Batch, reason: str) -> Counts:
        """Quarantine the row; one of the history has no quarantine, VERIFY will name it."""
        if batch.source is Source.CONFIGS and not batch.run.dry_run:
            await _quarantine(batch, list(batch.ids), [reason])
        return Counts(processed=len(batch.ids), quarantined=len(batch.ids))

    async def conclude(self, database: Database, vault: Vault, run: Run) -> str | None:
        """Nothing comes after; rows in quarantine are for VERIFY to fail on."""
        return None


_OF_ITS_SCHEMA = and_(SchemaField.integration_id == Config.integration_id, SchemaField.key == Config.key)


_NOBODY: Final = literal_column("'00000000-0000-0000-0000-000000000000'::uuid", Uuid())

_IN_PLACES: Final = (
    func.coalesce(Config.integration_id, _NOBODY).label("integration_id"),
    func.coalesce(Config.organization_id, _NOBODY).label("organization_id"),
    Config.id,
)
"""The order of ix_configs_unsettled: a batch is of few integrations. It finds its rows' entries in every index beside
each other, holds few schemas, and what it tells the API to read anew is few places and not all of them."""


def waiting() -> Select[*tuple[Any, ...]]:
    """What a new run would have something to do with: not what the last one left alone, unless it was written since, or
    has another type by now."""
    undecided = exists().where(
        QuarantinedConfig.config_id == Config.id,
        QuarantinedConfig.seen_writer == literal_column("CAST(CAST(configs.xmin AS text) AS bigint)"),
        QuarantinedConfig.seen_type == func.coalesce(SchemaField.field_type, Config.config_type),
    )
    left = and_(Config.sealed.is_not(None), (SchemaField.field_type != ConfigType.SECRET).is_(True))
    found = select(Config.id).outerjoin(SchemaField, _OF_ITS_SCHEMA)
    return found.where(is_unsettled(), ~left, ~undecided)


async def _decide(batch: Batch, found: Sequence[Found]) -> list[Outcome]:
    legacy_keys, outcomes = batch.transaction.vault.legacy_keys, list[Outcome]()
    async for part in _in_turns(found):
        outcomes += [decide(one.row, legacy_keys) for one in part]
    return outcomes


async def _in_turns(items: Sequence[T]) -> AsyncGenerator[Sequence[T]]:
    """The items, some at a time: in between, others on this event loop have a turn. They may hold locks meanwhile."""
    for start in range(0, len(items), _UNINTERRUPTED):
        yield items[start : start + _UNINTERRUPTED]
        await asyncio.sleep(0)


async def _settle(batch: Batch, found: Sequence[Found], outcomes: list[Outcome]) -> list[Outcome]:
    """Seal and write. Rows are not locked before, which would cost as much as a third of writing them, and would keep
    writers waiting while values are sealed: what is not as it was read is not written, but read again and locked."""
    done = await _seal(batch, found, outcomes)
    if len(done) == len(found):
        return done
    locked = await lock(batch)
    outcomes = await _decide(batch, locked)
    written = await _seal(batch, locked, outcomes)
    if len(written) != sum(isinstance(outcome, Sealed | Kept) for outcome in outcomes):
        raise RuntimeError("a locked row is not as it was read")
    return done + written + await _set_aside(batch, outcomes)


async def _seal(batch: Batch, found: Sequence[Found], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write what is sealed or kept; the outcomes of the rows that were as they had been read."""
    kept = [(outcome, one) for outcome, one in zip(outcomes, found, strict=True) if isinstance(outcome, Sealed | Kept)]
    if not kept:
        return []
    transaction = batch.transaction
    sealers = await transaction.sealers({o.row.organization_id for o, _ in kept if isinstance(o, Sealed)})
    written = list[Sealed | Kept]()
    async for part in _in_turns(kept):
        nonces = random_nonces(len(part))
        written += [reseal(outcome, sealers, nonce) for (outcome, _), nonce in zip(part, nonces, strict=True)]
    return [*await write(batch, written, [one for _, one in kept])]


async def _set_aside(batch: Batch, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Move empty values to the history, and quarantine what nobody can decide; the outcomes that were not written."""
    await remove(batch.transaction, [o.row for o in outcomes if isinstance(o, Emptied)], history.EMPTY)
    undecided = [outcome for outcome in outcomes if isinstance(outcome, Quarantined)]
    await _quarantine(batch, [o.row.id for o in undecided], [o.reason for o in undecided])
    return [outcome for outcome in outcomes if not isinstance(outcome, Sealed | Kept)]


async def _quarantine(batch: Batch, ids: list[uuid.UUID], reasons: list[str]) -> None:
    if ids:
        parameters = {"run": batch.run.id, "ids": ids, "reasons": reasons}
        await batch.transaction.session.execute(_QUARANTINE, parameters)


def _count(picked: int, outcomes: Sequence[Outcome]) -> Counts:
    """Rows that somebody wrote since they were picked count as skipped: there was nothing left to do."""
    quarantined = sum(isinstance(outcome, Quarantined) for outcome in outcomes)
    changed = sum(not isinstance(outcome, Left | Quarantined) and outcome.changes for outcome in outcomes)
    return Counts(picked, changed, picked - changed - quarantined, quarantined)


_QUARANTINE = text("""
INSERT INTO quarantined_configs (config_id, run_id, reason, seen_writer, seen_type)
SELECT u.id, :run, u.reason, seen.writer, seen.type
FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS varchar[])) AS u (id, reason), LATERAL (
    SELECT CAST(CAST(c.xmin AS text) AS bigint) AS writer, coalesce(f.field_type, c.config_type) AS type
    FROM configs c
    LEFT JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
    WHERE c.id = u.id OFFSET 0
) AS seen
ON CONFLICT (config_id) DO UPDATE
SET run_id = excluded.run_id, reason = excluded.reason, seen_writer = excluded.seen_writer,
    seen_type = excluded.seen_type
""")
"""OFFSET 0 has each row looked up by its id: joined, PostgreSQL would read the whole table for each batch."""
