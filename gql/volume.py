"""The volume of an answer: how many bytes of values it may hold, whatever its pages, lists and aliases add up to.

A value has 64 KiB at most, and one query may ask for thousands, some of them thirty times over. Every value that goes
into an answer is a leaf of the type JSON, so the leaves are where they are counted.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

import strawberry

from db.errors import LimitExceeded
from gql.execution import open_schema

MAX_VOLUME: Final = 64 * 2**20
"""Bytes of the values of one answer, about: characters of texts, and a few for anything else."""

_EACH: Final = 8

_counted: Final[ContextVar[list[int] | None]] = ContextVar("volume", default=None)


@contextmanager
def limit_volume() -> Generator[None]:
    """What is made ready within this block, in its tasks too, is one answer."""
    token = _counted.set([0])
    try:
        yield
    finally:
        _counted.reset(token)


def measure_values(schema: strawberry.Schema) -> strawberry.Schema:
    """The schema, whose values are counted: LimitExceeded in the place of those that come past MAX_VOLUME."""
    kind = cast("Any", open_schema(schema).type_map["JSON"])
    kind.serialize = kind.coerce_output_value = _count(kind.coerce_output_value)
    return schema


def weigh(value: Any) -> int:
    """Bytes of a JSON value, about."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(map(weigh, cast("list[Any]", value)), _EACH)
    if isinstance(value, dict):
        return sum(len(key) + weigh(inner) for key, inner in cast("dict[str, Any]", value).items()) + _EACH
    return _EACH


def _count(serialize: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def serialize_counted(value: Any) -> Any:
        counted = _counted.get()
        if counted is not None:
            counted[0] += weigh(value)
            if counted[0] > MAX_VOLUME:
                raise LimitExceeded(f"the values of this answer have more than {MAX_VOLUME >> 20} MiB, ask for fewer")
        return serialize(value)

    return serialize_counted
