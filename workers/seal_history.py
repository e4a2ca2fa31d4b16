"""SEAL in the history: earlier values of what older software turned into a secret since."""

from typing import Any

from sqlalchemy import Select, and_, select, text

from db.history import PastValue, select_history
from db.models import ConfigField, ConfigVersion
from db.stored import unwrap
from db.values import ConfigType
from db.vault import history_place
from workers.tasks import Batch, Counts


def candidates() -> Select[Any]:
    """Entries in the clear whose key is a secret by now."""
    secret = and_(
        ConfigField.integration_id == ConfigVersion.integration_id,
        ConfigField.key == ConfigVersion.key,
        ConfigField.field_type == ConfigType.SECRET,
    )
    in_clear = and_(ConfigVersion.sealed.is_(None), ~ConfigVersion.undecided)
    return select(ConfigVersion.id).join(ConfigField, secret).where(in_clear)


async def work(batch: Batch) -> Counts:
    """Seal the batch's entries."""
    count = len(batch.ids)
    if not batch.run.dry_run:
        await _seal(batch)
    return Counts(processed=count, changed=count)


async def _seal(batch: Batch) -> None:
    session = batch.transaction.session
    statement = select_history().where(batch.rows, ConfigVersion.sealed.is_(None))
    locked = statement.order_by(ConfigVersion.id).with_for_update()
    entries = [PastValue(*row) for row in await session.rows(locked)]
    sealers = await batch.transaction.sealers(entry.organization_id for entry in entries)
    sealed = [
        sealers[entry.organization_id].seal(
            history_place(entry.organization_id, entry.integration_id, entry.key), unwrap(entry.value)
        )
        for entry in entries
    ]
    keys = [sealers[entry.organization_id].id for entry in entries]
    parameters = {"ids": [entry.id for entry in entries], "sealed": sealed, "data_key_ids": keys}
    if entries:
        await session.execute(_UPDATE, parameters)


_UPDATE = text("""
UPDATE config_history AS h
SET value = NULL, config_type = 'secret', sealed = u.sealed, data_key_id = u.data_key_id
FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[]), CAST(:data_key_ids AS uuid[]))
    AS u (id, sealed, data_key_id)
WHERE h.id = u.id
""")
