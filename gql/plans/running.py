"""Running a plan: what graphql-core's executor does, for operations that are planned (gql/plans/planning.py)."""

import asyncio
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, GraphQLResolveInfo, GraphQLSchema, located_error
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.execution import optimized_is_awaitable
from strawberry.types import Info

from gql.documents import Document, Operation
from gql.plans.batches import Batch, Lead, Unshared
from gql.plans.pending import Pending, abandon, fill
from gql.plans.planning import FieldPlan, ListShape, ObjectShape, Shape
from gql.plans.trails import Trail, list_steps, make_path


async def run_plan(
    schema: GraphQLSchema,
    plan: ObjectShape,
    document: Document,
    operation: Operation,
    variables: VariableValues,
    context: object,
) -> ExecutionResult:
    """Execute a planned operation."""
    run = _Run(schema, document, operation, variables, context)
    try:
        data = run.complete_object(plan, None, None)
        if isawaitable(data):
            data = await data
    except GraphQLError as error:
        return ExecutionResult(None, [error])
    return ExecutionResult(cast("dict[str, Any]", data), run.errors or None)


def complete_plain(shape: ObjectShape, source: object) -> dict[str, Any]:
    """What the answer has for an object, where nothing of its shape has to be asked for (gql/plans/outlines.py)."""
    unused = cast("Any", None)
    run = _Run(unused, unused, unused, unused, unused)
    completed = run.complete_object(shape, source, None)
    if run.errors:
        raise run.errors[0]
    return completed


class _Run:
    """One execution: what its fields share, and the errors that nulled some of them."""

    __slots__ = ("_context", "_document", "_operation", "_schema", "_variables", "errors")

    def __init__(
        self,
        schema: GraphQLSchema,
        document: Document,
        operation: Operation,
        variables: VariableValues,
        context: object,
    ) -> None:
        self._schema = schema
        self._document = document
        self._operation = operation
        self._variables = variables
        self._context = context
        self.errors: list[GraphQLError] = []

    def complete_object(self, plan: ObjectShape, source: Any, trail: Trail, batch: Batch | None = None) -> Any:
        """The object's fields, or an awaitable of them. With a batch, what is to be followed is left to it."""
        answer: dict[str, Any] = {}
        pending: list[tuple[str, Awaitable[Any]]] = []
        for key, read, kept, leaf, field in plan.steps:
            try:
                if read is not None:
                    value = read(source)
                    if value is None or (type(value) is not kept and leaf is None):
                        value = self._complete_field(field, value, trail, batch)
                    elif type(value) is not kept and leaf is not None:
                        value = leaf(value)
                elif batch is not None and field.follow is not None:
                    value = self._lead(field, field.follow.key(source), answer, trail, batch)
                else:
                    value = self._read(field, source, trail)
            except Exception as error:  # noqa: BLE001 - whatever a resolver raises becomes an error of its field
                try:
                    value = self._fail(field, error, trail)
                except GraphQLError as fatal:
                    return abandon(pending, fatal)
            if type(value) is Pending:
                pending.append((key, Pending(self._settle(field, value, trail))))
                value = None
            answer[key] = value
        return Pending(fill(answer, pending)) if pending else answer

    def _lead(self, field: FieldPlan, key: Any, answer: dict[str, Any], trail: Trail, batch: Batch) -> None:
        if key is None:
            self._complete_field(field, None, trail)
        else:
            batch.add(field, key, answer, trail)

    def _read(self, field: FieldPlan, source: Any, trail: Trail) -> Any:
        value = self._call(field, source, trail)
        if optimized_is_awaitable(value):
            return Pending(self._await_value(field, Pending(value), trail))
        return self._complete_field(field, value, trail)

    def _call(self, field: FieldPlan, source: Any, trail: Trail) -> Any:
        definition, node = field.definition, field.nodes[0]
        arguments: dict[str, Any] = {}
        if definition.args:
            arguments = get_argument_values(definition, node, self._variables, hide_suggestions=True)
        info = self._info(field, trail)
        if field.function is not None and field.arguments is not None:
            if field.ask is not None:
                field.ask(info)
            named = {field.arguments[name]: value for name, value in arguments.items()}
            return field.function(source, info=Info(_raw_info=info, _field=cast("Any", field.field)), **named)
        resolve = cast("Any", definition.resolve)
        return resolve(source, info, **arguments)

    def _info(self, field: FieldPlan, trail: Trail) -> GraphQLResolveInfo[Any]:
        return GraphQLResolveInfo[Any](
            field.nodes[0].name.value,
            field.nodes,
            cast("Any", field.definition).type,
            field.parent,
            make_path((trail, field.key)),
            self._schema,
            self._document.fragment_definitions,
            None,
            self._operation.node,
            cast("Any", self._variables.coerced),
            self._context,
            cast("Any", optimized_is_awaitable),
            None,
            cast("Any", None),
        )

    def _complete_field(self, field: FieldPlan, value: Any, trail: Trail, batch: Batch | None = None) -> Any:
        if value is None:
            if field.non_null:
                raise TypeError(f"Cannot return null for non-nullable field {field.name}.")
            return None
        if field.leaf is not None:
            return field.leaf(value)
        return self._complete(field, field.shape, value, (trail, field.key), batch)

    def _complete(self, field: FieldPlan, shape: Shape, value: Any, trail: Trail, batch: Batch | None = None) -> Any:
        if isinstance(shape, ObjectShape):
            return self.complete_object(shape, value, trail, batch)
        if not isinstance(shape, ListShape):
            return shape(value)
        if batch is None and isinstance(shape.item, ObjectShape) and shape.item.follows:
            return Pending(self._complete_together(field, shape, list(value), trail))
        return self._complete_list(field, shape, value, trail, batch)

    async def _complete_together(self, field: FieldPlan, shape: ListShape, values: list[Any], trail: Trail) -> Any:
        """A list whose rows are followed all at once, or each by itself where anything goes wrong with that."""
        batch = Batch()
        answer = self._complete_list(field, shape, values, trail, batch)
        parts = [answer] if isinstance(answer, Pending) else []
        shared, *own = await asyncio.gather(self._follow(batch), *parts, return_exceptions=True)
        if isinstance(shared, Unshared):
            self._forget_errors(trail)
            answer = self._complete_list(field, shape, values, trail, None)
            return await answer if isinstance(answer, Pending) else answer
        for result in (shared, *own):
            if isinstance(result, BaseException):
                raise result
        return own[0] if own else answer

    async def _follow(self, batch: Batch) -> None:
        """Load what a batch leads to, and what that leads to: each thing once, for all who share it."""
        while batch:
            leads = batch.load(cast("Any", self._context).loaders)
            batch = Batch()
            await asyncio.gather(*(lead.found for lead in leads), return_exceptions=True)
            for lead in leads:
                completed = await self._complete_shared(lead, batch)
                for answer, _ in lead.places:
                    answer[lead.field.key] = completed

    async def _complete_shared(self, lead: Lead, batch: Batch) -> Any:
        """What a field is for all who share it. An error would name one of their places only: Unshared, then."""
        field, before = lead.field, len(self.errors)
        try:
            value = cast("Any", field.follow).show(await lead.found)
            completed = self._complete_field(field, value, lead.places[0][1], batch)
        except Exception:  # noqa: BLE001 - whatever it is comes again, for each row by itself, and is told there
            raise Unshared from None
        if isinstance(completed, Pending) or len(self.errors) != before:
            raise Unshared
        return completed

    def _complete_list(self, field: FieldPlan, shape: ListShape, values: Any, trail: Trail, batch: Batch | None) -> Any:
        answer: list[Any] = []
        pending: list[tuple[int, Awaitable[Any]]] = []
        for index, value in enumerate(values):
            here = (trail, index)
            try:
                if value is None and shape.item_non_null:
                    raise TypeError(f"Cannot return null for non-nullable field {field.name}.")
                item = None if value is None else self._complete(field, shape.item, value, here, batch)
            except Exception as error:  # noqa: BLE001 - becomes an error of its item
                try:
                    item = self._fail_item(field, shape, error, here)
                except GraphQLError as fatal:
                    return abandon(pending, fatal)
            if isinstance(item, Pending):
                pending.append((index, Pending(self._settle_item(field, shape, item, here))))
                item = None
            answer.append(item)
        return Pending(fill(answer, pending)) if pending else answer

    async def _await_value(self, field: FieldPlan, value: Awaitable[Any], trail: Trail) -> Any:
        completed = self._complete_field(field, await value, trail)
        return await completed if isinstance(completed, Pending) else completed

    async def _settle(self, field: FieldPlan, value: "Pending", trail: Trail) -> Any:
        try:
            return await value
        except Exception as error:  # noqa: BLE001 - as in complete_object
            return self._fail(field, error, trail)

    async def _settle_item(self, field: FieldPlan, shape: ListShape, value: "Pending", trail: Trail) -> Any:
        try:
            return await value
        except Exception as error:  # noqa: BLE001 - as in _complete_list
            return self._fail_item(field, shape, error, trail)

    def _fail(self, field: FieldPlan, error: Exception, trail: Trail) -> None:
        """Null for a nullable field, with the error on record; for another, the error goes on to its parent."""
        here = (trail, field.key)
        self._note(located_error(error, field.nodes, list_steps(here)), here, field.shape, field.non_null)

    def _fail_item(self, field: FieldPlan, shape: ListShape, error: Exception, trail: Trail) -> None:
        self._note(located_error(error, field.nodes, list_steps(trail)), trail, shape.item, shape.item_non_null)

    def _note(self, error: GraphQLError, trail: Trail, shape: Shape, non_null: bool) -> None:
        if non_null:
            raise error
        # What is nulled takes the errors below it along. Below a leaf there are none; looking for them all the same
        # would cost a long list of refused leaves the square of its length.
        if isinstance(shape, ObjectShape | ListShape):
            self._forget_errors(trail)
        self.errors.append(error)

    def _forget_errors(self, trail: Trail) -> None:
        here = list_steps(trail)
        self.errors = [kept for kept in self.errors if (kept.path or [])[: len(here)] != here]
