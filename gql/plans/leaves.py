"""Leaves of an answer: what graphql-core's `serialize` does to them, with a short way for what is usual."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, cast

from graphql import GraphQLBoolean, GraphQLEnumType, GraphQLID, GraphQLInt, GraphQLScalarType, GraphQLString

Leaf = Callable[[Any], Any]

_KEPT: Final[Sequence[tuple[GraphQLScalarType, type]]] = (
    (GraphQLString, str),
    (GraphQLID, str),
    (GraphQLBoolean, bool),
)
_INTS: Final = range(-(2**31), 2**31)


def kept_as_is(kind: GraphQLScalarType | GraphQLEnumType) -> type | None:
    """The type of the values that `serialize` gives back as they are, if it is known."""
    return next((kept for known, kept in _KEPT if known is kind), None)


def serializer(kind: GraphQLScalarType | GraphQLEnumType) -> Leaf:
    """What makes a value of this type a leaf; it answers and raises as the type's own `serialize` does."""
    if kind is GraphQLInt:
        return _serialize_int
    members = cast("Any", getattr(kind, "wrapped_cls", None))
    if isinstance(kind, GraphQLEnumType) and isinstance(members, type) and issubclass(members, Enum):
        return _name_members(kind, members)
    return kind.serialize


def _serialize_int(value: Any) -> Any:
    return value if type(value) is int and value in _INTS else GraphQLInt.serialize(value)


def _name_members(kind: GraphQLEnumType, members: type[Enum]) -> Leaf:
    """Members by their identity: there is one of each for as long as there is the enum, and hashing one is slow."""
    names = {id(member): kind.serialize(member) for member in members}
    serialize = kind.serialize

    def name(value: Any) -> Any:
        return names.get(id(value)) or serialize(value)

    return name
