"""ROTATE: sealed values under new data keys, of everybody or of some organizations, history included."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, select, text

from db.crypto.data_keys import Scope
from db.crypto.sealing import DataKey, Place, Purpose
from db.errors import SealError
from db.models import Config, ConfigVersion
from db.models import DataKey as StoredKey
from db.sessions import Database, ReadSession
from db.vault import Vault
from workers.key_change import drop_unused_keys, replace_keys, within
from workers.tasks import Batch, Counts, Run, Source, add_findings, tell_findings
from workers.verify import SHUT


class Rotate:
    """The task. Reads and writes go on meanwhile: an old key opens what it sealed until nothing is left of that."""

    sources = (Source.CONFIGS, Source.HISTORY)

    def candidates(self, source: Source, run: Run) -> Select[*tuple[Any, ...]]:
        """What is sealed by a retired key; in a dry run, which retires none, whatever is sealed."""
        model = Config if source is Source.CONFIGS else ConfigVersion
        rows = select(model.id).where(within(run, model.organization_id))
        if run.dry_run:
            return rows.where(model.data_key_id.is_not(None))
        # A subquery, not a join: PostgreSQL would start from the keys, and sort all of their rows for each batch.
        active = select(StoredKey.active).where(StoredKey.id == model.data_key_id).scalar_subquery()
        return rows.where(~active)

    async def concerns(self, session: ReadSession, source: Source) -> bool:
        """No quick look would tell."""
        return True

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """Put a new data key in the place of each active one that the run is about.

        Without limits it is about everything: the audit key is replaced as well, and what is kept is wrapped again.
        """
        if not run.dry_run:
            await replace_keys(database, vault, run)

    async def work(self, batch: Batch) -> Counts:
        """Seal each value again, under its scope's active key."""
        found = await batch.transaction.session.rows(_LOCK[batch.source], {"ids": list(batch.ids)})
        # Not asked of PostgreSQL: its statistics are of before SEAL, and it would look through all that is sealed.
        rows = [row for row in found if row.data_key_id is not None]
        old = await batch.transaction.vault.data_keys.find(batch.transaction.session, {row.data_key_id for row in rows})
        scopes = {row.organization_id for row in rows}
        new = await batch.transaction.sealers(() if batch.run.dry_run else scopes)
        opened = {row.id: _open(batch.source, row, old.get(row.data_key_id)) for row in rows}
        await _write(batch, [(row, opened[row.id]) for row in rows], new)
        # What did not open when it was kept in the history need not open now.
        shut = {row.id: SHUT for row in rows if opened[row.id] is None and not row.undecided}
        await add_findings(batch, shut)
        changed = sum(value is not None for value in opened.values())
        return Counts(len(batch.ids), changed, len(batch.ids) - changed - len(shut), len(shut))

    async def set_aside(self, batch: Batch, reason: str) -> Counts:
        """A row that cannot be sealed again is left as it is, and told."""
        await add_findings(batch, dict.fromkeys(batch.ids, reason))
        return Counts(processed=len(batch.ids), quarantined=len(batch.ids))

    async def conclude(self, database: Database, vault: Vault, run: Run) -> str | None:
        """Destroy the retired keys that nothing is sealed by any more."""
        if not run.dry_run:
            await drop_unused_keys(database, vault, run)
        return await tell_findings(database, run)


Opened = tuple[Place, Any]


def _open(source: Source, row: Any, key: DataKey | None) -> Opened | None:
    """The place that a value opens in, and the value; None where it opens in none."""
    purposes = [Purpose.CONFIG] if source is Source.CONFIGS else [Purpose.HISTORY]
    if row.undecided:
        # What did not open when it was overwritten was kept as it was: sealed for the config.
        purposes.append(Purpose.CONFIG)
    if key is None:
        return None
    for purpose in purposes:
        place = Place(purpose, row.organization_id, row.integration_id, row.key)
        try:
            return place, key.open(place, row.sealed)
        except SealError:
            continue
    return None


async def _write(batch: Batch, rows: Sequence[tuple[Any, Opened | None]], sealers: Mapping[Scope, DataKey]) -> None:
    if batch.run.dry_run:
        return
    sealed = [(row, sealers[row.organization_id], opened) for row, opened in rows if opened is not None]
    if not sealed:
        return
    parameters = {
        "ids": [row.id for row, _, _ in sealed],
        "sealed": [key.seal(place, value) for _, key, (place, value) in sealed],
        "data_key_ids": [key.id for _, key, _ in sealed],
        "places": [row.place for row, _, _ in sealed],
    }
    if await batch.transaction.session.execute(_UPDATE[batch.source], parameters) != len(sealed):
        raise RuntimeError("a locked row is not where it was")


_COLUMNS = "t.ctid AS place, t.id, t.organization_id, t.integration_id, t.key, t.sealed, t.data_key_id"

_LOCK: Final = {
    Source.CONFIGS: text(f"""
SELECT {_COLUMNS}, false AS undecided FROM configs t
WHERE t.id = ANY(CAST(:ids AS uuid[]))
ORDER BY t.integration_id, t.organization_id, t.key FOR UPDATE
"""),  # noqa: S608 - constants of ours
    Source.HISTORY: text(f"""
SELECT {_COLUMNS}, t.undecided FROM config_history t
WHERE t.id = ANY(CAST(:ids AS uuid[]))
ORDER BY t.id FOR UPDATE
"""),  # noqa: S608 - constants of ours
}

_UPDATE: Final = {
    source: text(f"""
UPDATE {source.value} AS t SET sealed = u.sealed, data_key_id = u.data_key_id
FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[]), CAST(:data_key_ids AS uuid[]),
    CAST(:places AS tid[])) AS u (id, sealed, data_key_id, place)
WHERE t.ctid = u.place AND t.id = u.id
""")  # noqa: S608 - constants of ours
    for source in (Source.CONFIGS, Source.HISTORY)
}
"""By the rows' places, as long as they are locked: joined by their ids, PostgreSQL would read the whole table."""
