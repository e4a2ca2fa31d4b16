"""Literals in query text against the types the schema gives them."""

from contextlib import suppress
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_required_input_field,
)
from graphql.utilities.replace_variables import replace_variables

from db.errors import Problem
from gql.coercion import Coercion, Enough, InputType, Path


def find_literal_problems(node: ValueNode, type_: InputType, path: Path) -> list[Problem]:
    """Every fault of a literal in the query text; variables in it are taken to fit."""
    check = _LiteralCheck()
    with suppress(Enough):
        check.check(node, type_, path)
    return check.problems


class _LiteralCheck(Coercion):
    def check(self, node: ValueNode, type_: InputType, path: Path) -> None:
        """Note what keeps the literal `node` from being a `type_`."""
        if isinstance(node, VariableNode):
            return
        expected = type_
        if isinstance(type_, GraphQLNonNull):
            type_ = cast("Any", type_).of_type
            if isinstance(node, NullValueNode):
                self.miss(path, expected)
        if isinstance(node, NullValueNode):
            return
        if isinstance(type_, GraphQLList):
            item_type = cast("Any", type_).of_type
            if not isinstance(node, ListValueNode):
                self.check(node, item_type, path)
                return
            for index, item in enumerate(node.values):
                self.check(item, item_type, (*path, index))
        elif isinstance(type_, GraphQLInputObjectType):
            self._check_object(node, type_, expected, path)
        else:
            leaf = cast("GraphQLScalarType | GraphQLEnumType", type_)
            self._check_leaf(node, leaf, expected, path)

    def _check_object(self, node: ValueNode, type_: GraphQLInputObjectType, expected: InputType, path: Path) -> None:
        if not isinstance(node, ObjectValueNode):
            self.miss(path, expected)
            return
        given = {field.name.value: field.value for field in node.fields}
        for name, field in type_.fields.items():
            if name in given:
                self.check(given[name], field.type, (*path, name))
            elif is_required_input_field(field):
                self.add((*path, name), "required")
        self.refuse_unknown(given, type_, path)

    def _check_leaf(
        self,
        node: ValueNode,
        leaf: GraphQLScalarType | GraphQLEnumType,
        expected: InputType,
        path: Path,
    ) -> None:
        try:
            if leaf.coerce_input_literal is None:
                result = leaf.parse_literal(node, None)
            else:
                result = leaf.coerce_input_literal(replace_variables(node))
        except Exception as error:  # noqa: BLE001 (scalars raise what they like)
            self.refuse_because(error, expected, path)
        else:
            if result is Undefined:
                self.miss(path, expected)
