"""VERIFY: opens every secret again, names every row that is wrong, and if none is, shuts the door on legacy rows."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, and_, select

from db.arrays import among
from db.crypto.witness import CONFIG, HISTORY, Witness
from db.history import PastValue, select_history
from db.models import Config, ConfigField, ConfigVersion, QuarantinedConfig
from db.sessions import Database, ReadSession
from db.stored import StoredConfig, rewrap, select_stored, stored
from db.values import ConfigType, Unfit, coerce, dump, is_empty
from db.vault import Vault
from workers.certificate import add_tally, certify, tell_shut_keys
from workers.door import shut
from workers.tasks import Batch, Counts, Run, Source, add_findings, tell_findings

LEGACY: Final = "is legacy: no run has sealed it yet"
EMPTY: Final = "holds nothing"
SHUT: Final = "holds a secret that does not open"
IN_CLEAR: Final = "holds a secret in the clear"
UNTIED: Final = "is not tied to its schema's field"
IN_HISTORY: Final = "is an entry of the history that"


@dataclass(frozen=True, slots=True)
class _Look:
    """What became of looking at a row."""

    fault: str | None = None
    opened: bool = False
    undecided: bool = False


class Verify:
    """The task. It reads, and writes its findings and its tally only."""

    sources = (Source.CONFIGS, Source.HISTORY)

    def __init__(self) -> None:
        self._witnesses: dict[uuid.UUID, Witness] = {}

    def candidates(self, source: Source, run: Run) -> Select[*tuple[Any, ...]]:
        """Every row."""
        return select(source.model.id)

    async def concerns(self, session: ReadSession, source: Source) -> bool:
        """No quick look would tell."""
        return True

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """Nothing comes before."""

    async def work(self, batch: Batch) -> Counts:
        """Look at each row; wrong ones count as quarantined, history that was never decided as skipped."""
        look = _look_at_configs if batch.source is Source.CONFIGS else _look_at_history
        witness = self._witness_of(batch)
        looks = await look(batch, batch.ids, witness)
        wrong = [id for id, seen in looks.items() if seen.fault is not None]
        if wrong:
            # Once more: a row that was deleted between two statements, its organization's key with it, is not wrong.
            looks = {id: seen for id, seen in looks.items() if seen.fault is None}
            looks |= await look(batch, wrong, witness)
        found = {id: seen.fault for id, seen in looks.items() if seen.fault is not None}
        await add_findings(batch, found)
        undecided = sum(seen.undecided for seen in looks.values())
        await add_tally(batch, opened=sum(seen.opened for seen in looks.values()), undecided=undecided)
        return Counts(processed=len(batch.ids), skipped=undecided, quarantined=len(found))

    async def set_aside(self, batch: Batch, reason: str) -> Counts:
        """A row that cannot even be looked at is wrong."""
        await add_findings(batch, dict.fromkeys(batch.ids, reason))
        return Counts(processed=len(batch.ids), quarantined=len(batch.ids))

    async def conclude(self, database: Database, vault: Vault, run: Run) -> str | None:
        """Fail on any finding; otherwise have PostgreSQL refuse such rows from now on, and certify what was proved."""
        self._witnesses.pop(run.id, None)
        found = await tell_findings(database, run) or await tell_shut_keys(database, vault)
        if found is not None or run.dry_run:
            return found
        return await shut(database, run.id, lambda: certify(database, vault, run))

    def _witness_of(self, batch: Batch) -> Witness:
        """The run's own: what it opened in an earlier run proves nothing now."""
        witness = self._witnesses.get(batch.run.id)
        if witness is None:
            witness = Witness(batch.transaction.vault.data_keys.root_keys)
            self._witnesses = {batch.run.id: witness}
        return witness


async def _look_at_configs(batch: Batch, ids: Sequence[uuid.UUID], witness: Witness) -> dict[uuid.UUID, _Look]:
    session = batch.transaction.session
    rows = [stored(row) for row in await session.rows(select_stored().where(among(Config.id, ids)))]
    quarantine = select(QuarantinedConfig.config_id, QuarantinedConfig.reason)
    of_batch = quarantine.where(among(QuarantinedConfig.config_id, ids))
    reasons = {row.config_id: row.reason for row in await session.rows(of_batch)}
    await witness.fetch(session, _key_ids(rows))
    return {row.id: _look_at(row, reasons.get(row.id), witness) for row in rows}


async def _look_at_history(batch: Batch, ids: Sequence[uuid.UUID], witness: Witness) -> dict[uuid.UUID, _Look]:
    session = batch.transaction.session
    field_of = and_(ConfigField.integration_id == ConfigVersion.integration_id, ConfigField.key == ConfigVersion.key)
    statement = select_history().add_columns(ConfigField.field_type).outerjoin(ConfigField, field_of)
    rows = await session.rows(statement.where(among(ConfigVersion.id, ids)))
    entries = [_entry_and_type(*row) for row in rows]
    await witness.fetch(session, _key_ids([entry for entry, _ in entries]))
    return {entry.id: _look_at_entry(entry, current, witness) for entry, current in entries}


def _entry_and_type(*columns: Any) -> tuple[PastValue, ConfigType | None]:
    *entry, current = columns
    return PastValue(*entry), current


def _key_ids(rows: Collection[StoredConfig] | Collection[PastValue]) -> set[uuid.UUID]:
    return {row.data_key_id for row in rows if row.data_key_id is not None}


def _look_at(row: StoredConfig, quarantined: str | None, witness: Witness) -> _Look:
    fault = quarantined or _fault(row)
    if fault is not None or not row.is_secret:
        return _Look(fault)
    return _Look(opened=True) if _opens(witness, CONFIG, row) else _Look(SHUT)


def _fault(row: StoredConfig) -> str | None:
    """What is wrong with a row before it is opened, if anything is."""
    if row.legacy:
        return LEGACY
    if row.field_type is not None and row.field_type is not row.config_type:
        return f"is typed {row.config_type}, its schema says {row.field_type}"
    if row.field_id != row.schema_field_id:
        return UNTIED
    if row.is_secret:
        return IN_CLEAR if row.sealed is None or row.value is not None else None
    if is_empty(row.raw):
        return EMPTY
    return None if row.is_unknown else _value_fault(row)


def _value_fault(row: StoredConfig) -> str | None:
    try:
        fits = dump(rewrap(row.value, coerce(row.raw, row.type))) == dump(row.value)
    except Unfit as error:
        return f"does not fit its type {row.type}: {error}"
    return None if fits else f"is not stored as its type {row.type}"


def _look_at_entry(entry: PastValue, current: ConfigType | None, witness: Witness) -> _Look:
    if entry.sealed is None:
        secret = entry.undecided or ConfigType.SECRET in (entry.config_type, current)
        return _Look(f"{IN_HISTORY} {IN_CLEAR}" if secret else None)
    if _opens(witness, HISTORY, entry):
        return _Look(opened=True)
    if entry.undecided:
        # What did not open when it was overwritten was kept as it was, sealed for the config, and need not open now.
        opens = _opens(witness, CONFIG, entry)
        return _Look(opened=opens, undecided=not opens)
    return _Look(f"{IN_HISTORY} {SHUT}")


def _opens(witness: Witness, purpose: bytes, row: StoredConfig | PastValue) -> bool:
    place = (row.organization_id, row.integration_id, row.key)
    return witness.opens(purpose, place, row.data_key_id, row.sealed or b"")
