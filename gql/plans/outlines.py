"""Outlines: which operations are answered with one resolve and nothing else, and what exactly they ask of it.

Two operations of one outline have the same answer but for their arguments, whatever their texts.
"""

from dataclasses import dataclass
from typing import Final

from gql.plans.planning import FieldPlan, ListShape, ObjectShape, Shape

_LONGEST: Final = 2_000
"""Characters of an outline: it is kept beside whatever was made ready for it."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What is asked of `resolve`: the field, the shape of its object, and the name of all that is answered the same."""

    field: FieldPlan
    shape: ObjectShape
    name: str


def find_outline(plan: ObjectShape | None) -> Outline | None:
    """The outline of a planned operation; None if it is more than one `resolve`, or more than can be read off it."""
    if plan is None or len(plan.fields) != 1:
        return None
    (field,) = plan.fields
    shape = field.shape
    if field.name != "Query.resolve" or not isinstance(shape, ObjectShape) or not is_plain(shape):
        return None
    name = _tell(field)
    return Outline(field, shape, name) if len(name) <= _LONGEST else None


def is_plain(shape: Shape) -> bool:
    """Whether what has this shape is read off its source alone: nothing is looked up, and nobody is asked."""
    if isinstance(shape, ListShape):
        return is_plain(shape.item)
    if not isinstance(shape, ObjectShape):
        return True
    return all(field.read is not None and field.ask is None and is_plain(field.shape) for field in shape.fields)


def _tell(field: FieldPlan) -> str:
    shape = field.shape
    while isinstance(shape, ListShape):
        shape = shape.item
    below = f"{{{','.join(map(_tell, shape.fields))}}}" if isinstance(shape, ObjectShape) else ""
    return f"{field.key}:{field.nodes[0].name.value}{below}"
