"""Relay connections over keyset pages."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import strawberry

from db.pages import Page
from gql.context import GraphQLInfo

Node = TypeVar("Node")
Row = TypeVar("Row")
Count = Callable[[GraphQLInfo], Awaitable[int]]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether some came before.")
    start_cursor: str | None = strawberry.field(description="The first item's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last item's cursor, to ask for what follows it.")


@strawberry.type(description="One item of a list and its cursor.")
class Edge(Generic[Node]):
    """One item of a list and its cursor."""

    node: Node = strawberry.field(description="The item.")
    cursors: strawberry.Private[Sequence[str]]
    place: strawberry.Private[int]

    @strawberry.field(description="Where this item stands, to ask for what follows it.")
    def cursor(self) -> str:
        """Where this item stands."""
        return self.cursors[self.place]


@strawberry.type(description="One page of a list that can grow.")
class Connection(Generic[Node]):
    """One page of a list that can grow."""

    edges: list[Edge[Node]] = strawberry.field(description="The items of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in its list.")
    count: strawberry.Private[Count]

    @strawberry.field(description="How many items the whole list has; counted only when asked for.")
    async def total_count(self, info: GraphQLInfo) -> int:
        """Count the whole list."""
        return await self.count(info)


def connect(page: Page[Row], make: Callable[[Row], Node], count: Count | None = None) -> Connection[Node]:
    """A page as a connection, each row made into a node. `count` is for pages that do not count by themselves."""

    async def count_page(info: GraphQLInfo) -> int:
        async with info.context.read() as session:
            return 0 if page.total is None else await page.total(session)

    cursors = page.cursors
    return Connection(
        edges=[Edge(node=make(row), cursors=cursors, place=place) for place, row in enumerate(page.items)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
        count=count or count_page,
    )
