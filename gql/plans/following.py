"""Following: fields that lead from a row to another one, so that a list follows them for all of its rows at once.

Awaiting each row's field by itself costs more than everything else in a list: a coroutine, a task and an info each.
A resolver that says what it follows is still called where it stands alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from strawberry.dataloader import DataLoader

from gql.context import GraphQLInfo
from gql.loaders import Loaders

Source = TypeVar("Source")
Key = TypeVar("Key")
Row = TypeVar("Row")
Shown = TypeVar("Shown")
Resolver = TypeVar("Resolver", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Follow(Generic[Source, Key, Row, Shown]):
    """How to get from a source to what it leads to: its key (None: nowhere), the loader, and how a row is shown."""

    key: Callable[[Source], Key | None]
    loader: Callable[[Loaders], DataLoader[Key, Row]]
    show: Callable[[Row], Shown | None]

    async def load(self, source: Source, info: GraphQLInfo) -> Shown | None:
        """What one source leads to."""
        key = self.key(source)
        return None if key is None else self.show(await self.loader(info.context.loaders).load(key))


def followed(follow: Follow[Any, Any, Any, Any]) -> Callable[[Resolver], Resolver]:
    """Mark the resolver whose whole work is `follow.load`."""

    def mark(resolver: Resolver) -> Resolver:
        resolver.__dict__["follow"] = follow
        return resolver

    return mark
