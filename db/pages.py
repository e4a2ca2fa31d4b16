"""Keyset paging: a cursor is the sort values of a row, so page 1,000 costs what page 1 costs."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from db.errors import BadInput, Problem, refuse
from db.sessions import ReadSession
from db.values import dump, storable

PAGE_LIMIT: Final = 200
"""Rows of one page, at most."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its items with their cursors.

    `total` counts the whole list; it is run only when asked for. None where many lists are counted at once.
    """

    items: Sequence[T]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool
    total: Select[int] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """How one kind of list is sorted: its columns, the last one unique, all in one direction."""

    kind: str
    columns: Sequence[InstrumentedAttribute[Any]]
    types: Sequence[type]
    descending: bool = False

    @property
    def names(self) -> Sequence[str]:
        """The columns' names."""
        return [column.key for column in self.columns]

    def apply(
        self, statement: Select[*tuple[Any, ...]], first: int, after: str | None
    ) -> Select[*tuple[Any, ...]]:
        """The statement for `first` rows after a cursor, and one more to know whether more follow."""
        if not 1 <= first <= PAGE_LIMIT:
            raise BadInput([Problem(("first",), f"must be between 1 and {PAGE_LIMIT}")])
        if after is not None:
            here, there = tuple_(*self.columns), tuple_(*self._read(after))
            statement = statement.where(here < there if self.descending else here > there)
        ordered = [column.desc() if self.descending else column.asc() for column in self.columns]
        return statement.order_by(*ordered).limit(first + 1)

    def cursor(self, *values: object) -> str:
        """The cursor of a row with these sort values."""
        text = dump([self.kind, *map(_show, values)])
        return base64.urlsafe_b64encode(text.encode()).decode()

    def _read(self, cursor: str) -> list[Any]:
        try:
            kind, *values = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
            if kind != self.kind or len(values) != len(self.types):
                raise ValueError
            return [_convert(value, wanted) for value, wanted in zip(values, self.types, strict=True)]
        except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
            refuse("is no cursor of this list", "after")


async def read_page(
    session: ReadSession,
    statement: Select[*tuple[Any, ...]],
    order: Order,
    first: int,
    after: str | None,
    make: Callable[[Row[Any]], T],
) -> Page[T]:
    """One page of a statement whose rows have the order's columns as attributes."""
    rows = await session.rows(order.apply(statement, first, after))
    shown = rows[:first]
    return Page(
        items=[make(row) for row in shown],
        cursors=[order.cursor(*(getattr(row, name) for name in order.names)) for row in shown],
        has_next=len(rows) > first,
        has_previous=after is not None,
        total=select(func.count()).select_from(statement.order_by(None).subquery()),
    )


def _show(value: object) -> str | int:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int) else str(value)


def _convert(value: Any, wanted: type) -> Any:
    if wanted is int and type(value) is int and abs(value) < 2**31:
        return value
    if wanted is int or not isinstance(value, str) or not storable(value):
        raise ValueError
    if wanted is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    return uuid.UUID(value) if wanted is uuid.UUID else value
