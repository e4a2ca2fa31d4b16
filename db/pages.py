"""Keyset paging: a cursor is the sort values of a row, so page 1,000 costs what page 1 costs."""

import base64
import binascii
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar, overload

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from db.errors import BadInput, Problem, refuse
from db.prepared import Shapes
from db.sessions import QuickSession, ReadSession
from db.values import dump, storable

PAGE_LIMIT: Final = 200
"""Rows of one page, at most."""

T = TypeVar("T")
Count = Callable[[QuickSession], Awaitable[int]]
"""Counts a whole list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its items with their cursors.

    `total` counts the whole list; it is run only when asked for. None where many lists are counted at once.
    """

    items: Sequence[T]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool
    total: Count | None = None


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

    def apply(self, statement: Select[*tuple[Any, ...]], first: int, after: str | None) -> Select[*tuple[Any, ...]]:
        """The statement for `first` rows after a cursor, and one more to know whether more follow."""
        check_size(first)
        if after is not None:
            statement = statement.where(self._follows(self._read(after)))
        return self._sort(statement).limit(first + 1)

    def prepare(self, statement: Select[*tuple[Any, ...]], *, after: bool) -> Select[*tuple[Any, ...]]:
        """As `apply`, with names for what `values` gives."""
        if after:
            there = [bindparam(f"after_{index}", type_=column.type) for index, column in enumerate(self.columns)]
            statement = statement.where(self._follows(there))
        return self._sort(statement).limit(bindparam("most", type_=Integer))

    def values(self, first: int, after: str | None) -> dict[str, Any]:
        """The values for the names of `prepare`."""
        check_size(first)
        there = [] if after is None else self._read(after)
        return {"most": first + 1} | {f"after_{index}": value for index, value in enumerate(there)}

    def _follows(self, there: Sequence[Any]) -> ColumnElement[bool]:
        here = tuple_(*self.columns)
        return here < tuple_(*there) if self.descending else here > tuple_(*there)

    def _sort(self, statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
        return statement.order_by(*(column.desc() if self.descending else column.asc() for column in self.columns))

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


def check_size(first: int) -> None:
    """Refuse a page of no rows, or of more than PAGE_LIMIT."""
    if not 1 <= first <= PAGE_LIMIT:
        raise BadInput([Problem(("first",), f"must be between 1 and {PAGE_LIMIT}")])


class Cursors(Sequence[str]):
    """The cursors of a page's rows, each made when somebody looks at it: most lists show only the last one."""

    def __init__(self, order: Order, rows: Sequence[Any]) -> None:
        self._order = order
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        """One cursor, or some."""
        if isinstance(index, slice):
            return Cursors(self._order, self._rows[index])
        row = self._rows[index]
        return self._order.cursor(*(row[name] for name in self._order.names))


async def fetch_page(
    session: QuickSession,
    shapes: tuple[Shapes, Shapes],
    shape: tuple[Any, ...],
    values: Mapping[str, Any],
    place: tuple[Order, int, str | None],
    make: Callable[[Any], T],
) -> Page[T]:
    """One page of a prepared list: of `shapes`, the first gives the page (for a shape, and whether it follows a
    cursor), the second the count. `values` are the names' that both have; `place` is the order, how many rows at most,
    and the cursor."""
    order, first, after = place
    rows = await session.fetch(shapes[0].find(*shape, after is not None), **values, **order.values(first, after))
    shown = rows[:first]

    async def count(session: QuickSession) -> int:
        (counted,) = await session.fetch(shapes[1].find(*shape), **values)
        return counted[0]

    return Page([make(row) for row in shown], Cursors(order, shown), len(rows) > first, after is not None, count)


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
        cursors=Cursors(order, [row._mapping for row in shown]),  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - SQLAlchemy's documented accessor
        has_next=len(rows) > first,
        has_previous=after is not None,
        total=lambda session: session.scalar(count_rows(statement)),
    )


def count_rows(statement: Select[*tuple[Any, ...]]) -> Select[int]:
    """A statement that counts another one's rows."""
    return select(func.count()).select_from(statement.order_by(None).subquery())


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
