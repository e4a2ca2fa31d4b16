"""Prepared reads: statements that are compiled once and then run on asyncpg itself.

SQLAlchemy spends most of a millisecond on building, hashing and running a statement, and a list needs several. What
differs from one run to the next has a name (`bindparam`); what a statement is made for (a caller's limits, which
filters are given) is its shape, and a statement is kept by it.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

_SHAPES: Final = 256
"""Statements of one kind that are kept; a caller with new limits makes new ones."""

_DIALECT: Final = cast("Any", PGDialect_asyncpg)()


class Prepared:
    """A statement as asyncpg takes it. Rows come as asyncpg gives them: enums and JSON as text."""

    __slots__ = ("_names", "_values", "text")

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self._names: Sequence[str] = cast("Any", compiled).positiontup or ()
        self._values: Mapping[str, Any] = compiled.params

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """The statement's arguments in their order, with these values for its names."""
        return [given[name] if name in given else self._values[name] for name in self._names]


class Shapes:
    """The prepared statements of one kind, by their shapes."""

    def __init__(self, make: Callable[..., Select[*tuple[Any, ...]]]) -> None:
        self._make = make
        self._kept: dict[Hashable, Prepared] = {}

    def find(self, *shape: Any) -> Prepared:
        """The statement that `make` gives for this shape, whose parts are hashable."""
        found = self._kept.get(shape)
        if found is None:
            if len(self._kept) >= _SHAPES:
                del self._kept[next(iter(self._kept))]
            found = self._kept[shape] = Prepared(self._make(*shape))
        return found
