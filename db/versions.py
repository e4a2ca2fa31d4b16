"""Versions: a config's is above all that its place has in the history, whoever wrote the row."""

import uuid
from collections.abc import Iterable
from typing import Final

from sqlalchemy import text

from db.vault import Transaction


async def renumber(transaction: Transaction, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Raise the versions of these locked rows above all of their places' history; the new ones, by config id.

    Older software writes every row as version 1, and an insert that waited for a delete has counted without what
    that delete kept.
    """
    rows = await transaction.session.rows(_RENUMBER, {"ids": list(ids)})
    return {row.id: row.version for row in rows}


_RENUMBER: Final = text("""
UPDATE configs AS c SET version = h.version + 1
FROM (
    SELECT c.id, max(h.version) AS version FROM configs c JOIN config_history h
        ON coalesce(h.integration_id, '00000000-0000-0000-0000-000000000000')
            = coalesce(c.integration_id, '00000000-0000-0000-0000-000000000000')
        AND coalesce(h.organization_id, '00000000-0000-0000-0000-000000000000')
            = coalesce(c.organization_id, '00000000-0000-0000-0000-000000000000')
        AND h.key = c.key
    WHERE c.id = ANY(CAST(:ids AS uuid[])) GROUP BY c.id
) AS h
WHERE c.id = h.id AND c.version <= h.version
RETURNING c.id, c.version
""")
