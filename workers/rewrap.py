"""REWRAP: all data keys and audit keys under the primary root key. No row is touched, so it takes seconds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, Select, Uuid, cast, func, null, select, text

from db.audit.deeds import Deed
from db.errors import SealError
from db.models import AuditKey, DataKey
from db.sessions import Database, ReadSession
from db.vault import Vault
from workers.key_change import drop_unused_keys
from workers.tasks import Batch, Counts, Run, Source, add_findings, tell_findings

SHUT: Final = "is a {} that does not open"

_NAMES: Final = {Source.DATA_KEYS: "data key", Source.AUDIT_KEYS: "audit key"}


class Rewrap:
    """The task. Reads and writes go on meanwhile: the keys themselves stay what they are."""

    sources = (Source.DATA_KEYS, Source.AUDIT_KEYS)

    def candidates(self, source: Source, run: Run) -> Select[*tuple[Any, ...]]:
        """Every key: which root key is the primary one, the batch knows."""
        return select(source.model.id)

    async def concerns(self, session: ReadSession, source: Source) -> bool:
        """No quick look would tell."""
        return True

    async def prepare(self, database: Database, vault: Vault, run: Run) -> None:
        """Nothing comes before."""

    async def work(self, batch: Batch) -> Counts:
        """Wrap each key again that is under another root key."""
        rows = await batch.transaction.session.rows(_lock(batch))
        shut = await _wrap_again(batch, [row for row in rows if row.root_key_id != _primary(batch)])
        # Under the primary root key already: whether it opens is worth knowing all the same.
        kept = [row for row in rows if row.root_key_id == _primary(batch)]
        shut += [row for row in kept if _unwrap(batch, row) is None]
        await add_findings(batch, {row.id: SHUT.format(_NAMES[batch.source]) for row in shut})
        changed = len(rows) - len(kept) - sum(row.root_key_id != _primary(batch) for row in shut)
        return Counts(len(batch.ids), changed, len(batch.ids) - changed - len(shut), len(shut))

    async def set_aside(self, batch: Batch, reason: str) -> Counts:
        """A key that cannot be wrapped again is left as it is, and told."""
        await add_findings(batch, dict.fromkeys(batch.ids, reason))
        return Counts(processed=len(batch.ids), quarantined=len(batch.ids))

    async def conclude(self, database: Database, vault: Vault, run: Run) -> str | None:
        """Destroy retired data keys that nothing is sealed by; tell keys that another process wrapped otherwise."""
        if run.dry_run:
            return await tell_findings(database, run)
        await drop_unused_keys(database, vault, run)
        return await tell_findings(database, run) or await _tell_late(database, vault)


def _primary(batch: Batch) -> str:
    return batch.transaction.vault.data_keys.root_keys.primary_id


def _lock(batch: Batch) -> Select[*tuple[Any, ...]]:
    # Weak enough for rows to be sealed with the keys meanwhile.
    return _KEYS[batch.source].where(batch.rows).order_by(batch.source.model.id).with_for_update(key_share=True)


def _unwrap(batch: Batch, row: Row[Any]) -> bytes | None:
    root_keys = batch.transaction.vault.data_keys.root_keys
    try:
        return root_keys.unwrap(row.root_key_id, row.wrapped, data_key_id=row.id, organization_id=row.organization_id)
    except SealError:
        return None


async def _wrap_again(batch: Batch, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those that do not open; the others are wrapped again."""
    root_keys = batch.transaction.vault.data_keys.root_keys
    secrets = {row.id: _unwrap(batch, row) for row in rows}
    opened = [(row, secret) for row in rows if (secret := secrets[row.id]) is not None]
    if opened and not batch.run.dry_run:
        wrapped = [
            root_keys.wrap(secret, data_key_id=row.id, organization_id=row.organization_id) for row, secret in opened
        ]
        parameters = {
            "ids": [row.id for row, _ in opened],
            "root_key_ids": [root_key_id for root_key_id, _ in wrapped],
            "wrapped": [body for _, body in wrapped],
        }
        await batch.transaction.session.execute(_UPDATE[batch.source], parameters)
        name = "dataKeys" if batch.source is Source.DATA_KEYS else "auditKeys"
        batch.transaction.record(Deed("key.wrap", detail={name: len(opened), "rootKey": root_keys.primary_id}))
    return [row for row in rows if secrets[row.id] is None]


async def _tell_late(database: Database, vault: Vault) -> str | None:
    """Keys that are under another root key now although all were wrapped again."""
    primary = vault.data_keys.root_keys.primary_id
    async with database.read() as session:
        count = 0
        for model in (DataKey, AuditKey):
            late = select(func.count()).select_from(model).where(model.root_key_id != primary)
            count += await session.scalar(late)
    if not count:
        return None
    return (
        f"{count} {'key was' if count == 1 else 'keys were'} wrapped meanwhile by a root key other than {primary}: "
        "restart every API and worker with the same primary root key, and start another run"
    )


_NO_SCOPE: Final = cast(null(), Uuid).label("organization_id")

_KEYS: Final[Mapping[Source, Select[*tuple[Any, ...]]]] = {
    Source.DATA_KEYS: select(DataKey.id, DataKey.organization_id, DataKey.root_key_id, DataKey.wrapped),
    Source.AUDIT_KEYS: select(AuditKey.id, _NO_SCOPE, AuditKey.root_key_id, AuditKey.wrapped),
}

_UPDATE: Final = {
    source: text(f"""
UPDATE {source.value} AS t SET root_key_id = u.root_key_id, wrapped = u.wrapped
FROM unnest(CAST(:ids AS uuid[]), CAST(:root_key_ids AS varchar[]), CAST(:wrapped AS bytea[]))
    AS u (id, root_key_id, wrapped)
WHERE t.id = u.id
""")  # noqa: S608 - constants of ours
    for source in _NAMES
}
