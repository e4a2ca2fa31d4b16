"""How large the answer to an operation can get, by the sizes of the pages it asks for."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from db.pages import PAGE_LIMIT
from gql.cost import list_fragments

# Fields of the answer, as far as the sizes of pages tell.
MAX_ANSWER_FIELDS = 50_000
_UNSTATED_PAGE = 50


class Page(NamedTuple):
    """The size of a list: a number, or the variable that gives it, or else `size`."""

    size: int
    variable: str | None = None


class Weight(NamedTuple):
    """`own` fields, and for each page the weight of what it repeats."""

    own: int
    pages: tuple[tuple[Page, "Weight"], ...] = ()

    def count_fields(self, variables: Mapping[str, Any]) -> int:
        """How many fields the answer has at most, with these variables."""
        total = self.own
        for page, repeated in self.pages:
            stated = variables.get(page.variable) if page.variable else None
            total += _clamp(stated if isinstance(stated, int) else page.size) * repeated.count_fields(variables)
        return total


def weigh(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Weight:
    """The weight of a valid operation."""
    scale = _Scale(schema, list_fragments(document))
    return scale.weigh(operation.selection_set, schema.get_root_type(operation.operation))


class _Scale:
    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments

    def weigh(self, selection_set: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Weight:
        own = 0
        pages: list[tuple[Page, Weight]] = []
        for selection in selection_set.selections if selection_set else ():
            inner, page = self._weigh_selection(selection, parent)
            if page is None:
                own += inner.own
                pages.extend(inner.pages)
            else:
                own += 1
                pages.append((page, inner))
        return Weight(own, tuple(pages))

    def _weigh_selection(self, selection: SelectionNode, parent: GraphQLNamedType | None) -> tuple[Weight, Page | None]:
        if isinstance(selection, FragmentSpreadNode):
            fragment = self._fragments[selection.name.value]
            return self.weigh(fragment.selection_set, self._narrow(fragment, parent)), None
        if isinstance(selection, InlineFragmentNode):
            return self.weigh(selection.selection_set, self._narrow(selection, parent)), None
        node = cast("FieldNode", selection)
        field = _find_field(parent, node.name.value)
        inner = self.weigh(node.selection_set, _name_type(field))
        page = _find_page(node, field) if field and inner.own else None
        return (inner, page) if page else (Weight(inner.own + 1, inner.pages), None)

    def _narrow(
        self, node: FragmentDefinitionNode | InlineFragmentNode, parent: GraphQLNamedType | None
    ) -> GraphQLNamedType | None:
        condition = cast("Any", node.type_condition)
        return self._schema.get_type(condition.name.value) if condition else parent


def _find_field(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        return parent.fields.get(name)
    return None


def _name_type(field: GraphQLField | None) -> GraphQLNamedType | None:
    return cast("GraphQLNamedType", get_named_type(cast("Any", field).type)) if field else None


def _find_page(node: FieldNode, field: GraphQLField) -> Page | None:
    sized = [name for name in ("first", "last") if name in field.args]
    if not sized:
        return None
    for argument in node.arguments or ():
        if argument.name.value in sized:
            if isinstance(argument.value, IntValueNode):
                return Page(_clamp(int(argument.value.value)))
            if isinstance(argument.value, VariableNode):
                return Page(_UNSTATED_PAGE, argument.value.name.value)
    return Page(_UNSTATED_PAGE)


def _clamp(size: int) -> int:
    # Larger pages are refused by the fields themselves, which tell it better.
    return max(1, min(size, PAGE_LIMIT))
