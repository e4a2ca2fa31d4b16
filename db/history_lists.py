"""Lists of the history: the earlier values of many configs at once, a page of each."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, String, TableValuedAlias, Uuid, func, select, true

from db.arrays import rows_of
from db.history import PastValue, select_history
from db.models import ConfigVersion
from db.models.config import NOWHERE
from db.pages import Order, Page
from db.sessions import ReadSession
from db.stored import StoredConfig

ORDER: Final = Order("history", (ConfigVersion.version,), (int,), descending=True)


async def histories(
    session: ReadSession, places: Sequence[StoredConfig], first: int, after: str | None
) -> dict[uuid.UUID, Page[PastValue]]:
    """The first page of many configs' histories, newest first, by config id, in one statement."""
    limit = ORDER.apply(select_history(), first, after)
    spots = _spots(places)
    entry = limit.where(*_same_place(spots)).lateral("entry")
    found: dict[uuid.UUID, list[Row[Any]]] = {row.id: [] for row in places}
    for row in await session.rows(select(spots.c.config_id, entry).join(entry, true())):
        found[row.config_id].append(row)
    return {row.id: _page(found[row.id], first, after) for row in places}


async def history_lengths(session: ReadSession, places: Sequence[StoredConfig]) -> dict[uuid.UUID, int]:
    """How many earlier values each of these configs has, by config id, in one statement."""
    spots = _spots(places)
    length = select(func.count().label("length")).where(*_same_place(spots)).lateral("counted")
    statement = select(spots.c.config_id, length.c.length).join(length, true())
    return {row.config_id: row.length for row in await session.rows(statement)}


def _page(rows: Sequence[Row[Any]], first: int, after: str | None) -> Page[PastValue]:
    shown = rows[:first]
    return Page(
        items=[PastValue(*tuple(row)[1:]) for row in shown],
        cursors=[ORDER.cursor(row.version) for row in shown],
        has_next=len(rows) > first,
        has_previous=after is not None,
    )


def _spots(places: Sequence[StoredConfig]) -> TableValuedAlias:
    return rows_of(
        "spots",
        {
            "config_id": (Uuid(), [row.id for row in places]),
            "integration_id": (Uuid(), [row.integration_id or NOWHERE for row in places]),
            "organization_id": (Uuid(), [row.organization_id or NOWHERE for row in places]),
            "key": (String(), [row.key for row in places]),
        },
    )


def _same_place(spots: TableValuedAlias) -> Sequence[ColumnElement[bool]]:
    return (
        func.coalesce(ConfigVersion.integration_id, NOWHERE) == spots.c.integration_id,
        func.coalesce(ConfigVersion.organization_id, NOWHERE) == spots.c.organization_id,
        ConfigVersion.key == spots.c.key,
    )
