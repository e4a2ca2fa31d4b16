"""A subscription that lives for days holds no more than it did at its first event."""

import gc
from contextlib import aclosing

import strawberry
from graphql.execution.collect_fields import FieldDetails

from gql.coercion import coerce_variables
from gql.documents import DocumentCache
from gql.execution import make_executor, open_schema, open_source, run_event
from tests.gql.live.stage import Event, Mutation, Query, Subscription


def count_details() -> int:
    # Not isinstance, which asks weak proxies of what is gone.
    return sum(type(found) is FieldDetails for found in gc.get_objects())


async def test_events_leave_nothing_behind() -> None:
    """What the executor remembers while it answers one event is gone with the event."""
    schema = strawberry.Schema(Query, Mutation, Subscription)
    document = DocumentCache(open_schema(schema)).open("subscription { count(to: 200) { number } }")
    operation = document.select(None)
    executor = make_executor(schema, document, operation, coerce_variables(operation.variables, {}), None)
    held: list[int] = []
    async with aclosing(await open_source(executor)) as events:
        async for event in events:
            assert isinstance(event, Event)
            assert (await run_event(executor, event, None)).errors is None
            if event.number % 100 == 0:
                held.append(count_details())
    assert held[1] <= held[0] + 5
