"""Values of variables against the types the schema gives them.

graphql-core's own errors repeat the whole input, secrets included; these name the place and the type
that is expected there, and never the value.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    Undefined,
    get_named_type,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value

from db.errors import BadInput, Problem
from db.limits import KEYS_LIMIT, MAPPINGS_LIMIT
from gql.payloads import MAX_PROBLEMS, show_key

_MOST_OBJECTS: Final = 2 * KEYS_LIMIT
_MOST_OF: Final[Mapping[str, int]] = {"MappingInput": MAPPINGS_LIMIT + KEYS_LIMIT}
_MOST_LEAVES: Final = 20_000
"""Items of a list, by what they are: somewhat more than the rules of `db` allow. Those say it better; but before they
are asked an object is made of each item, and a body has room for hundreds of thousands."""

Path = tuple[str | int, ...]
# graphql-core's own name for these is generic and leaves its parameter out.
InputType = Any


class Variable(NamedTuple):
    """A variable that an operation declares; `default` is Undefined if it declares none."""

    signature: GraphQLVariableSignature
    default: Any


def coerce_variables(variables: Iterable[Variable], given: Mapping[str, Any]) -> VariableValues:
    """The operation's variables, coerced once; BadInput names every fault, its path beginning with
    the variable's name. Names that the operation does not declare are ignored, as GraphQL asks."""
    coercion = Coercion()
    with suppress(Enough):
        values = coercion.coerce_all(variables, given)
        if not coercion.problems:
            return values
    raise BadInput(coercion.problems)


class Enough(Exception):
    """MAX_PROBLEMS problems are found; a caller has no use for more, and finding them costs time."""


class Coercion:
    """One walk over inputs; Enough ends it when it has gathered MAX_PROBLEMS problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: Path, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, message))
        if len(self.problems) == MAX_PROBLEMS:
            raise Enough

    def coerce_all(self, variables: Iterable[Variable], given: Mapping[str, Any]) -> VariableValues:
        """The variables as the executor takes them; meaningless if there are problems."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, default in variables:
            name, type_ = signature.name, cast("Any", signature).type
            value = given.get(name, Undefined)
            sources[name] = VariableValueSource(signature, value)
            if value is not Undefined:
                coerced[name] = self.coerce(value, type_, (name,))
            elif default is not Undefined:
                coerced[name] = default
            elif isinstance(type_, GraphQLNonNull):
                self.add((name,), "required")
        return VariableValues(sources, coerced)

    def coerce(self, value: Any, type_: InputType, path: Path) -> Any:
        """What `value` is as a `type_`; Undefined, with a problem noted, if it is none."""
        inner = cast("Any", type_).of_type if isinstance(type_, GraphQLNonNull) else type_
        if value is None:
            return self.miss(path, type_) if inner is not type_ else None
        if isinstance(inner, GraphQLList):
            items, item_type = cast("list[Any]", value), cast("Any", inner).of_type
            if not isinstance(value, list):
                return [self.coerce(value, item_type, path)]
            if len(items) > (most := _find_most(item_type)):
                self.add(path, f"must have {most:,} items at most")
                return Undefined
            return [self.coerce(item, item_type, (*path, index)) for index, item in enumerate(items)]
        if isinstance(inner, GraphQLInputObjectType):
            return self._coerce_object(value, inner, type_, path)
        return self._coerce_leaf(value, cast("GraphQLScalarType | GraphQLEnumType", inner), type_, path)

    def _coerce_leaf(
        self, value: Any, leaf: GraphQLScalarType | GraphQLEnumType, expected: InputType, path: Path
    ) -> Any:
        try:
            result = leaf.coerce_input_value(value)
        except Exception as error:  # noqa: BLE001 (scalars raise what they like)
            return self.refuse_because(error, expected, path)
        return self.miss(path, expected) if result is Undefined else result

    def _coerce_object(self, value: Any, type_: GraphQLInputObjectType, expected: InputType, path: Path) -> Any:
        if not isinstance(value, dict):
            return self.miss(path, expected)
        given = cast("dict[str, Any]", value)
        coerced: dict[str, Any] = {}
        for name, field in type_.fields.items():
            if name in given:
                coerced[field.out_name or name] = self.coerce(given[name], field.type, (*path, name))
            elif is_required_input_field(field):
                self.add((*path, name), "required")
            elif (default := coerce_default_value(field)) is not Undefined:
                coerced[field.out_name or name] = default
        self.refuse_unknown(given, type_, path)
        if self.problems:
            return Undefined
        try:
            return type_.out_type(coerced)
        except Exception as error:  # noqa: BLE001 (scalars raise what they like)
            return self.refuse_because(error, expected, path)

    def refuse_unknown(self, given: Mapping[str, Any], type_: GraphQLInputObjectType, path: Path) -> None:
        """Note every given name that the type does not have."""
        for name in given:
            if name not in type_.fields:
                self.add((*path, show_key(name)), "unknown field")
        if type_.is_one_of and len(given) != 1:
            self.add(path, "exactly one field is needed")

    def refuse_because(self, error: Exception, expected: InputType, path: Path) -> Any:
        """Note what a scalar or an input made an exception of; Undefined."""
        # A scalar of ours says what is wrong without the value; any other's text may repeat it.
        if not isinstance(error, BadInput):
            return self.miss(path, expected)
        for problem in error.problems:
            self.add((*path, *problem.path), problem.message)
        return Undefined

    def miss(self, path: Path, expected: InputType) -> Any:
        """Note that there is no such value here; Undefined."""
        self.add(path, f"expected {expected}")
        return Undefined


def _find_most(item_type: InputType) -> int:
    named = cast("Any", get_named_type)(item_type)
    if isinstance(named, GraphQLInputObjectType):
        return _MOST_OF.get(named.name, _MOST_OBJECTS)
    return _MOST_LEAVES
