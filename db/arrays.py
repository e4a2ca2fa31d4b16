"""Many values as one parameter: PostgreSQL takes 32,767 parameters a statement, and an array is one."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, TableValuedAlias, any_, column, func, literal
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine


def among(attribute: InstrumentedAttribute[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column's value is one of these."""
    return attribute == any_(literal(list(values), ARRAY(attribute.type)))


def rows_of(name: str, columns: Mapping[str, tuple[TypeEngine[Any], Iterable[Any]]]) -> TableValuedAlias:
    """A table of these columns, each given as its type and its values, to join with."""
    arrays = [literal(list(values), ARRAY(kind)) for kind, values in columns.values()]
    table = func.unnest(*arrays).table_valued(*(column(key, kind) for key, (kind, _) in columns.items()))
    return table.render_derived(name=name)
