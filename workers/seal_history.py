"""SEAL in the history: earlier values of what older software turned into a secret since."""

from typing import Any, Final

from sqlalchemy import Select, and_, select, text

from db.history import PastValue, seal_entries, select_history
from db.models import ConfigField, ConfigVersion
from db.sessions import ReadSession
from db.values import ConfigType
from workers.tasks import Batch, Counts


def candidates() -> Select[*tuple[Any, ...]]:
    """Entries in the clear whose key is a secret by now."""
    secret = and_(
        ConfigField.integration_id == ConfigVersion.integration_id,
        ConfigField.key == ConfigVersion.key,
        ConfigField.field_type == ConfigType.SECRET,
    )
    in_clear = and_(ConfigVersion.sealed.is_(None), ~ConfigVersion.undecided)
    return select(ConfigVersion.id).join(ConfigField, secret).where(in_clear)


async def is_in_clear(session: ReadSession) -> bool:
    """Whether there is any such entry: of each secret field one is looked for, in an index of those in the clear."""
    return bool(await session.scalar(_IN_CLEAR))


async def work(batch: Batch) -> Counts:
    """Seal the batch's entries."""
    count = len(batch.ids)
    if not batch.run.dry_run:
        await _seal(batch)
    return Counts(processed=count, changed=count)


async def _seal(batch: Batch) -> None:
    statement = select_history().where(batch.rows, ConfigVersion.sealed.is_(None))
    locked = statement.order_by(ConfigVersion.id).with_for_update()
    rows = await batch.transaction.session.rows(locked)
    await seal_entries(batch.transaction, [PastValue(*row) for row in rows])


_IN_CLEAR: Final = text("""
SELECT EXISTS (
    SELECT FROM integration_config_schema f, LATERAL (
        SELECT FROM config_history h
        WHERE h.integration_id = f.integration_id AND h.key = f.key AND h.sealed IS NULL AND NOT h.undecided
        LIMIT 1
    ) AS found
    WHERE f.field_type = 'secret'
)
""")
"""LIMIT has PostgreSQL look field by field: joined, it would read the whole history."""
