"""Plans: a query's operation, compiled once per document into what is to be read, called and completed.

graphql-core walks the document's tree and Strawberry wraps each field at every request; a plan has looked all of
that up before. It answers exactly as they do (tests run both and compare), and where it does not know how
(directives, introspection, mutations), there is no plan and they answer themselves.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from strawberry.types.field import StrawberryField

from gql.plans.following import Follow
from gql.plans.leaves import Leaf, kept_as_is, serializer

Kind = type[Any]
Read = Callable[[Any], Any]
Fragments = dict[str, FragmentDefinitionNode]

_DEFINITION: Final = "strawberry-definition"


class Unplannable(Exception):
    """An operation that has no plan."""


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list, of what, and whether its items may be null."""

    item: "Shape"
    item_non_null: bool


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """An object and the fields that are asked of it.

    `follows` says whether it, or an object below it that is read straight from it, has fields to be followed.
    `steps` are the fields as they are gone through.
    """

    type: GraphQLObjectType
    fields: Sequence["FieldPlan"]
    follows: bool
    steps: Sequence["Step"]


Shape = Leaf | ListShape | ObjectShape


class Step(NamedTuple):
    """A field as an object's fields are gone through."""

    key: str
    read: Read | None
    kept: "Kind | None"
    leaf: Leaf | None
    field: "FieldPlan"


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field: how its value is come by, and what is made of it.

    `ask`, if there is one, is called with the info before anything else: the field's guard (gql/guard.py).
    At most one of `read` (called with the source) and `function` (called with source, info and arguments under their
    Python names) is how; with neither it is graphql's own resolver. In a list, `follow` is how, where there is one.
    `leaf` is the shape of a leaf, `kept` the type of the values that are leaves as they are.
    """

    key: str
    nodes: list[FieldNode]
    parent: GraphQLObjectType
    definition: GraphQLField
    field: StrawberryField | None
    shape: Shape
    non_null: bool
    leaf: Leaf | None = None
    kept: Kind | None = None
    read: Read | None = None
    follow: Follow[Any, Any, Any, Any] | None = None
    function: Callable[..., Any] | None = None
    arguments: dict[str, str] | None = None
    ask: Callable[[Any], None] | None = None

    @property
    def name(self) -> str:
        """As errors name it."""
        return f"{self.parent.name}.{self.nodes[0].name.value}"


def plan_operation(schema: GraphQLSchema, node: OperationDefinitionNode, fragments: Fragments) -> ObjectShape | None:
    """The plan of a valid operation, or None where graphql-core is to run it."""
    if node.operation is not OperationType.QUERY or schema.query_type is None or node.directives:
        return None
    try:
        return _plan_object(schema.query_type, [node.selection_set], fragments)
    except Unplannable:
        return None


def _plan_object(
    parent: GraphQLObjectType, selections: Sequence[SelectionSetNode], fragments: Fragments
) -> ObjectShape:
    collected: dict[str, list[FieldNode]] = {}
    for selection in selections:
        for node in _fields(selection, fragments):
            collected.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
    fields = [_plan_field(parent, key, nodes, fragments) for key, nodes in collected.items()]
    steps = [Step(field.key, field.read, field.kept, field.leaf, field) for field in fields]
    return ObjectShape(parent, fields, any(_follows(field) for field in fields), steps)


def _follows(field: FieldPlan) -> bool:
    if field.read is None:
        return field.follow is not None
    return isinstance(field.shape, ObjectShape) and field.shape.follows


def _fields(selection: SelectionSetNode, fragments: Fragments) -> Iterator[FieldNode]:
    """The fields of a selection, fragments included. There are no abstract types: a fragment always applies."""
    for node in selection.selections:
        if node.directives:
            raise Unplannable
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, FragmentSpreadNode):
            yield from _fields(fragments[node.name.value].selection_set, fragments)
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments)
        else:
            raise Unplannable


def _plan_field(parent: GraphQLObjectType, key: str, nodes: list[FieldNode], fragments: Fragments) -> FieldPlan:
    name = nodes[0].name.value
    if name == "__typename":
        return FieldPlan(key, nodes, parent, _TYPENAME, None, str, True, str, str, lambda _source: parent.name)
    definition = parent.fields.get(name)
    if definition is None:
        raise Unplannable
    non_null, shape = _plan_type(definition.type, nodes, fragments)
    field = cast("StrawberryField | None", definition.extensions.get(_DEFINITION))
    leaf = None if isinstance(shape, ListShape | ObjectShape) else shape
    kept = kept_as_is(_bare(definition.type)) if leaf else None
    call = _plan_call(definition, field)
    return FieldPlan(key, nodes, parent, definition, field, shape, non_null, leaf, kept, **call)


def _plan_type(kind: Any, nodes: list[FieldNode], fragments: Fragments) -> tuple[bool, Shape]:
    of_type = getattr(kind, "of_type", None)
    if isinstance(kind, GraphQLNonNull):
        return True, _plan_type(of_type, nodes, fragments)[1]
    if isinstance(kind, GraphQLList):
        non_null, item = _plan_type(of_type, nodes, fragments)
        return False, ListShape(item, non_null)
    if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
        return False, serializer(kind)
    if isinstance(kind, GraphQLObjectType):
        return False, _plan_object(kind, [node.selection_set for node in nodes if node.selection_set], fragments)
    raise Unplannable


def _bare(kind: Any) -> Any:
    return cast("Any", kind).of_type if isinstance(kind, GraphQLNonNull) else kind


def _plan_call(definition: GraphQLField, field: StrawberryField | None) -> dict[str, Any]:
    """The shortest way to a field's value; its own resolver where it is guarded or takes inputs."""
    if field is None or field.extensions:
        return {}
    ask = getattr(definition.resolve, "ask", None)
    resolver = cast("Any", field).base_resolver
    if resolver is None:
        return {} if definition.args or ask else {"read": attrgetter(field.python_name)}
    takes_self = resolver.self_parameter is not None
    info = resolver.info_parameter
    if not takes_self or resolver.parent_parameter is not None:
        return {}
    if info is None and not definition.args and not resolver.is_async and ask is None:
        return {"read": resolver.wrapped_func}
    arguments = _plain_arguments(definition, field)
    if info is None or info.name != "info" or arguments is None:
        return {}
    follow = getattr(resolver.wrapped_func, "follow", None) if ask is None and not arguments else None
    return {"function": resolver.wrapped_func, "arguments": arguments, "ask": ask, "follow": follow}


def _plain_arguments(definition: GraphQLField, field: StrawberryField) -> dict[str, str] | None:
    """GraphQL's names of the arguments and Python's, if all are plain scalars; None if any is not."""
    names: dict[str, str] = {}
    by_python_name = {argument.python_name: argument for argument in field.arguments}
    for name, argument in cast("dict[str, Any]", definition.args).items():
        kind: Any = argument.type
        if isinstance(kind, GraphQLNonNull):
            kind = cast("Any", kind).of_type
        own = argument.extensions.get(_DEFINITION)
        python_name = getattr(own, "python_name", None)
        if not isinstance(kind, GraphQLScalarType) or python_name not in by_python_name:
            return None
        names[name] = python_name
    return names


_TYPENAME: Final = GraphQLField(GraphQLNonNull(GraphQLString))
