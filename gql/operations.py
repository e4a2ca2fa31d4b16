"""The road of every operation, whatever transport brought it: found, checked, coerced, run."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, Generic, NamedTuple, TypeVar

import strawberry
from graphql import ExecutionResult, OperationType
from graphql.execution.values import VariableValues

from db.errors import Forbidden
from gql.coercion import coerce_variables
from gql.documents import Document, Operation
from gql.execution import SourceFailed, make_executor, open_source, run, run_event
from gql.failures import describe, describe_failures
from gql.params import Params
from gql.payloads import write_json
from gql.replies import Refusal
from gql.sharing import Shared
from gql.trusted import DocumentStore
from gql.volume import limit_volume

Context = TypeVar("Context")
Answer = dict[str, Any]


class Prepared(NamedTuple):
    """An operation that is ready to run."""

    document: Document
    operation: Operation
    variables: VariableValues

    @property
    def kind(self) -> OperationType:
        """Whether it is a query, a mutation or a subscription."""
        return self.operation.kind


class RequestFailed(Exception):
    """The operation never came to be executed; `errors` say why, ready to be sent."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("the request failed")
        self.errors = errors


class Operations(Generic[Context]):
    """Prepares and runs the operations of a schema."""

    def __init__(
        self,
        schema: strawberry.Schema,
        documents: DocumentStore,
        introspection_allowed: Callable[[Context], bool] | None,
    ) -> None:
        self._schema = schema
        self._documents = documents
        self._introspection_allowed = introspection_allowed

    def prepare(
        self, params: Params, context: Context, check_kind: Callable[[OperationType], None] | None = None
    ) -> Prepared:
        """The operation with its variables. Raises RequestFailed for a broken document, StrongroomError for
        what is refused, and whatever `check_kind` does."""
        document = self._documents.find(params)
        if document.errors:
            raise RequestFailed(document.errors)
        if document.introspects and self._introspection_allowed and not self._introspection_allowed(context):
            raise Forbidden("introspection is not allowed")
        operation = document.select(params.operation_name)
        if check_kind:
            check_kind(operation.kind)
        variables = coerce_variables(operation.variables, params.variables)
        operation.check_weight(variables.coerced)
        return Prepared(document, operation, variables)

    async def run(self, prepared: Prepared, context: Context) -> Answer:
        """The answer to a query or a mutation."""
        with limit_volume():
            return _show(await run(self._schema, *prepared, context))

    async def stream(
        self,
        prepared: Prepared,
        context: Context,
        open_context: Callable[[], AbstractAsyncContextManager[Context]],
    ) -> AsyncGenerator[bytes]:
        """The answers to any operation, as JSON: one to a query or a mutation, one to each event of a subscription.

        `open_context` makes a context for each event, since what a context has loaded is soon out of date.
        Raises RequestFailed if there are no events to be had, or no more of them, and whatever their source raises.
        """
        if prepared.kind is not OperationType.SUBSCRIPTION:
            yield write_json(await self.run(prepared, context))
            return
        executor = make_executor(self._schema, *prepared, context)
        try:
            source = await open_source(executor)
        except SourceFailed as error:
            raise RequestFailed(describe_failures(error.errors)) from None
        async with aclosing(source) as events:
            async for event in events:
                yield await _answer_event(executor, prepared.operation, event, open_context)


def list_errors(error: Exception) -> list[dict[str, Any]]:
    """What kept an operation from being executed, as an answer gives it; the unexpected is logged."""
    if isinstance(error, RequestFailed):
        return error.errors
    return [describe(error.error if isinstance(error, Refusal) else error)]


async def _answer_event(
    executor: Any,
    operation: Operation,
    event: object,
    open_context: Callable[[], AbstractAsyncContextManager[Context]],
) -> bytes:
    async with open_context() as context:
        if not operation.alike or not isinstance(event, Shared):
            return await _write_event(executor, event, context)
        answers = event.share(context)
        answer = answers.get(operation)
        if answer is None:
            answer = answers[operation] = await _write_event(executor, event, context)
        return answer
    raise AssertionError("a context must not swallow exceptions")


async def _write_event(executor: Any, event: object, context: Any) -> bytes:
    """RequestFailed where nothing is left of the event: the caller may hear it no longer, or it could not be read."""
    with limit_volume():
        result = await run_event(executor, event, context)
    if result.errors and result.data is None:
        raise RequestFailed(describe_failures(result.errors))
    return write_json(_show(result))


def _show(result: ExecutionResult) -> Answer:
    if not result.errors:
        return {"data": result.data}
    return {"errors": describe_failures(result.errors), "data": result.data}
