"""Which documents are valid; no error repeats a literal or suggests a name."""

from typing import Any

from graphql import (
    SKIP,
    ArgumentNode,
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    ValidationContext,
    ValueNode,
    VariableDefinitionNode,
    Visitor,
    VisitorAction,
    specified_rules,
    validate,
    visit,
)
from graphql.language import StringValueNode
from graphql.validation import ValuesOfCorrectTypeRule
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from db.errors import BadInput, LimitExceeded, Problem
from gql.literals import find_literal_problems

MAX_ERRORS = 20
# Comparing fields of one name is the one rule that is not linear; graphql-core counts its steps and
# gives up there. Its own limit of 500,000 takes seconds.
MAX_COMPARISONS = 10_000
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = MAX_COMPARISONS


class QuietValuesRule(ValuesOfCorrectTypeRule):
    """Literals fit the types of their places. Unlike the rule it stands for, it names the places
    (`extensions.problems`) and never repeats the values."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._place = ""

    def enter_argument(self, node: ArgumentNode, *_args: Any) -> None:
        """Remember which argument the next literal is for."""
        self._place = node.name.value

    def enter_variable_definition(self, node: VariableDefinitionNode, *_args: Any) -> None:
        """Remember which variable the next literal is the default of."""
        self._place = node.variable.name.value

    def is_valid_value_node(self, node: ValueNode, input_type: Any) -> VisitorAction:
        """Report what is wrong with a whole literal, nested ones included."""
        if input_type and (problems := find_literal_problems(node, input_type, (self._place,))):
            refusal = BadInput(problems)
            self.report_error(GraphQLError(refusal.message, node, extensions=refusal.extensions))
        return SKIP


rules: tuple[type[ASTValidationRule], ...] = (
    *(QuietValuesRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules),
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


def find_errors(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """What makes the document invalid: at most MAX_ERRORS errors and the word that there are more."""
    errors = validate(schema, document, rules, max_errors=MAX_ERRORS, hide_suggestions=True)
    if errors and errors[-1].message == "Validation aborted.":
        raise LimitExceeded("too many fields of the same name")
    return errors


def find_introspection(document: DocumentNode) -> FieldNode | None:
    """The first field that asks for the schema, if any does."""
    visitor = _IntrospectionVisitor()
    visit(document, visitor)
    return visitor.found


def refuse_unstorable_literals(document: DocumentNode) -> None:
    """BadInput if an escape in a string literal stands for NUL."""
    visitor = _StringVisitor()
    visit(document, visitor)
    if visitor.problems:
        raise BadInput(visitor.problems)


class _IntrospectionVisitor(Visitor):
    found: FieldNode | None = None

    def enter_field(self, node: FieldNode, *_args: Any) -> None:
        if self.found is None and node.name.value in ("__schema", "__type"):
            self.found = node


class _StringVisitor(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        self._place = "query"

    def enter_argument(self, node: ArgumentNode, *_args: Any) -> None:
        self._place = node.name.value

    def enter_string_value(self, node: StringValueNode, *_args: Any) -> None:
        if "\0" in node.value and len(self.problems) < MAX_ERRORS:
            self.problems.append(Problem((self._place,), "NUL in a string"))
