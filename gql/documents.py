"""Query text to documents: parsed and validated once, then found again by their text."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    parse,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.utilities.coerce_input_value import coerce_default_value

from db.errors import LimitExceeded, StrongroomError, refuse
from gql.coercion import Variable
from gql.cost import check_size
from gql.failures import describe_refusal, describe_request_error
from gql.plans.outlines import find_outline
from gql.plans.planning import Fragments, plan_operation
from gql.rules import find_errors, find_introspection, refuse_unstorable_literals
from gql.sharing import answers_alike
from gql.weight import MAX_ANSWER_FIELDS, Weight, weigh

MAX_TOKENS = 3_000
MAX_COMMENTS = 1_000
MAX_DOCUMENTS = 1_000
# A parsed token takes about 400 bytes, so the cache takes about 64 MiB at most.
MAX_WEIGHT = 64 * 2**20
_TOKEN_WEIGHT = 400


class Operation:
    """One executable operation of a valid document. `alike`: its variables leave the answer to an event as it is."""

    __slots__ = ("__weakref__", "_weight", "alike", "kind", "node", "outline", "plan", "variables")

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode, fragments: Fragments
    ) -> None:
        self.node = node
        self.kind: OperationType = node.operation
        self.variables = tuple(_declare(schema, node))
        self._weight: Weight = weigh(schema, document, node)
        self.plan = plan_operation(schema, node, fragments)
        self.outline = find_outline(self.plan)
        self.alike = answers_alike(node, fragments)

    def check_weight(self, variables: Mapping[str, Any]) -> None:
        """LimitExceeded if pages of the asked-for sizes could make too large an answer."""
        if self._weight.pages and self._weight.count_fields(variables) > MAX_ANSWER_FIELDS:
            raise LimitExceeded(f"pages of these sizes can hold more than {MAX_ANSWER_FIELDS} fields")


class Document:
    """A parsed document: either `errors`, ready to be sent, or operations that are valid."""

    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []
        self.weight = 0
        self.fragment_definitions: dict[str, FragmentDefinitionNode] = {}
        self.fragments: dict[str, FragmentDetails] = {}
        self.operations: dict[str | None, Operation] = {}
        self.introspects = False

    def select(self, name: str | None) -> Operation:
        """The operation to run; BadInput if `name` does not tell which."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            refuse("an operation name is needed, there are several operations", "operationName")
        operation = self.operations.get(name)
        if operation is None:
            refuse("there is no operation of this name", "operationName")
        return operation


class DocumentCache:
    """The last-used documents, bounded by number and by memory. Broken ones are kept like valid
    ones: a caller that repeats one shall not be validated again each time."""

    def __init__(self, schema: GraphQLSchema, max_documents: int = MAX_DOCUMENTS, max_weight: int = MAX_WEIGHT) -> None:
        self._schema = schema
        self._max_documents = max_documents
        self._max_weight = max_weight
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._documents)

    def open(self, text: str) -> Document:
        """The document of this text, from the cache if it was asked for before."""
        document = self._documents.get(text)
        if document is None:
            document = read_document(self._schema, text)
            self._keep(text, document)
        else:
            self._documents.move_to_end(text)
        return document

    def _keep(self, text: str, document: Document) -> None:
        self._documents[text] = document
        self.weight += document.weight
        while len(self._documents) > self._max_documents or self.weight > self._max_weight:
            _, dropped = self._documents.popitem(last=False)
            self.weight -= dropped.weight


def read_document(schema: GraphQLSchema, text: str) -> Document:
    """Parse and validate; whatever is wrong is in the document's `errors`."""
    document = Document()
    document.weight = 4 * len(text) + _TOKEN_WEIGHT
    try:
        _fill(document, schema, text)
    except StrongroomError as error:
        document.errors = [describe_refusal(error)]
    except GraphQLError as error:
        document.errors = [describe_request_error(error)]
    return document


def _fill(document: Document, schema: GraphQLSchema, text: str) -> None:
    node = _parse(text)
    check_size(node)
    if "\\u" in text:
        refuse_unstorable_literals(node)
    if errors := find_errors(schema, node):
        document.errors = [describe_request_error(error) for error in errors]
        return
    document.introspects = find_introspection(node) is not None
    for definition in node.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            document.fragment_definitions[definition.name.value] = definition
            document.fragments[definition.name.value] = FragmentDetails(definition)
    for definition in node.definitions:
        if isinstance(definition, OperationDefinitionNode):
            name = definition.name.value if definition.name else None
            document.operations[name] = Operation(schema, node, definition, document.fragment_definitions)
    document.weight += _TOKEN_WEIGHT * node.token_count


def _parse(text: str) -> DocumentNode:
    try:
        return parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS)
    except GraphQLSyntaxError as error:
        if error.description.endswith("Parsing aborted."):
            raise LimitExceeded("the query is too long or nests too deeply") from None
        # graphql-core's text repeats the token, which may be a piece of a secret.
        line, column = error.locations[0] if error.locations else (1, 1)
        refuse(f"Syntax error at line {line}, column {column}", "query")


def _declare(schema: GraphQLSchema, node: OperationDefinitionNode) -> list[Variable]:
    variables: list[Variable] = []
    for definition in node.variable_definitions or ():
        signature = get_variable_signature(schema, definition)
        if isinstance(signature, GraphQLError):
            raise signature
        default = coerce_default_value(signature) if signature.default else Undefined
        variables.append(Variable(signature, default))
    return variables
