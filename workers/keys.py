"""Keys: the order in which a task goes through a table, and the ranges of it that slices and batches are.

A task's candidates are selected by the columns that they are in order of; the last is the row's id, so that no two rows
have one key. None of the columns is ever null.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Uuid, bindparam, tuple_

Key = Sequence[uuid.UUID]
"""A row's, or the end of a range."""


def key_columns(candidates: Select[*tuple[Any, ...]]) -> Sequence[ColumnElement[Any]]:
    """The columns of the key."""
    return list(candidates.selected_columns)


def select_range(candidates: Select[*tuple[Any, ...]], *, after: bool, upper: bool) -> Select[*tuple[Any, ...]]:
    """Candidates in the order of their keys: those that come after one, up to another one. `bind` gives the two."""
    columns = key_columns(candidates)
    if after:
        candidates = candidates.where(tuple_(*columns) > tuple_(*_parameters("after", len(columns))))
    if upper:
        candidates = candidates.where(tuple_(*columns) <= tuple_(*_parameters("upper", len(columns))))
    return candidates.order_by(*columns)


def bind(after: Key | None, upper: Key | None) -> dict[str, uuid.UUID]:
    """The parameters of a range."""
    ends = {"after": after, "upper": upper}
    return {f"{end}_{number}": part for end, key in ends.items() for number, part in enumerate(key or ())}


def _parameters(end: str, count: int) -> list[ColumnElement[uuid.UUID]]:
    return [bindparam(f"{end}_{number}", type_=Uuid()) for number in range(count)]
