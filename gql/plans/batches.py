"""Batches: what the rows of a list lead to, gathered while they are completed and loaded once for all of them."""

from collections.abc import Awaitable, Hashable
from typing import Any, NamedTuple, cast

from gql.plans.planning import FieldPlan
from gql.plans.trails import Trail

Places = list[tuple[dict[str, Any], Trail]]
"""Objects of the answer in which a field waits for the same thing, and where they stand."""


class Unshared(Exception):
    """What is shared cannot be completed for all at once: each row has to do it by itself."""


class Lead(NamedTuple):
    """One thing that is led to: by which field, what its loader gives, and who waits for it."""

    field: FieldPlan
    found: Awaitable[Any]
    places: Places


class Batch:
    """What is to be followed, each thing once."""

    def __init__(self) -> None:
        self._wanted: dict[int, tuple[FieldPlan, dict[Hashable, Places]]] = {}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def add(self, field: FieldPlan, key: Hashable, answer: dict[str, Any], trail: Trail) -> None:
        """Have `answer` filled in, later."""
        wanted = self._wanted.get(id(field))
        if wanted is None:
            wanted = self._wanted[id(field)] = (field, {})
        wanted[1].setdefault(key, []).append((answer, trail))

    def load(self, loaders: Any) -> list[Lead]:
        """Begin to load all of it."""
        return [
            Lead(field, cast("Any", field.follow).loader(loaders).load(key), places)
            for field, places_by_key in self._wanted.values()
            for key, places in places_by_key.items()
        ]
