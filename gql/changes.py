"""The feed of changes: what changed of what a caller may resolve, never a value."""

import dataclasses
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Annotated, Final

import strawberry

from db.change_log import Change
from db.change_selection import Selection, select_changes
from db.positions import Position, read_position
from gql.change_stream import ChangeStream, News
from gql.context import Context, GraphQLInfo
from gql.ids import show_id

BEAT_SECONDS: Final = 2.0
"""How long a watcher hears nothing at most, as long as the feed is alive."""

_AT_ONCE: Final = 200
"""Changes of one event: more would keep the process from everything else meanwhile."""


@strawberry.type(description="One change. What is null is any: an integration's default concerns any organization.")
class ConfigChange:
    """One change."""

    integration_id: strawberry.ID | None = strawberry.field(description="The integration; null is any.")
    integration: str | None = strawberry.field(description="The integration's name; null is any, or is not known.")
    organization_id: strawberry.ID | None = strawberry.field(description="The organization; null is any.")
    keys: list[str] | None = strawberry.field(description="The keys that changed; null is any.")
    version: int | None = strawberry.field(
        description="The highest version that the keys have now; null where they are gone or no value changed."
    )


@strawberry.type(description="What changed, up to a cursor.")
class ConfigChanges:
    """What changed, up to a cursor."""

    cursor: str = strawberry.field(description="Where to go on: hand it in as after.")
    reset: bool = strawberry.field(
        description="Anything may have changed: too much did, or what did is kept no longer. Forget all that you know."
    )
    more: bool = strawberry.field(description="Whether more of what changed up to now follows at once.")
    told: strawberry.Private[Sequence[Change]]
    answers: strawberry.Private[dict[object, dict[object, bytes]]] = dataclasses.field(
        default_factory=dict[object, dict[object, bytes]], repr=False
    )

    def share(self, context: Context) -> dict[object, bytes]:
        """As gql.sharing: what is answered differs by what the caller may, and by its limits if anything is told."""
        caller = context.principal
        limits = (caller.organization_ids, caller.integration_ids) if self.told else None
        return self.answers.setdefault((caller.permissions, limits), {})

    @strawberry.field(description="What changed; empty where only the cursor moved. A change may come twice.")
    def changes(self, info: GraphQLInfo) -> list[ConfigChange]:
        """What changed, for the caller as it is now."""
        return [show_change(change) for change in self.told if change.is_seen_by(info.context.principal)]


def show_change(change: Change) -> ConfigChange:
    """A change as callers see it."""
    return ConfigChange(
        integration_id=show_id(change.integration_id),
        integration=change.name,
        organization_id=show_id(change.organization_id),
        keys=None if change.keys is None else list(change.keys),
        version=change.version,
    )


Names = Annotated[
    list[str] | None, strawberry.argument(description="Only of integrations of these names; null is all of them.")
]
OrganizationIds = Annotated[
    list[strawberry.ID] | None, strawberry.argument(description="Only of these organizations; null is all of them.")
]
AfterCursor = Annotated[
    str | None,
    strawberry.argument(description="The cursor of the last event that was heard; null begins with what comes now."),
]


@strawberry.type
class ChangeSubscription:
    """The subscription to changes."""

    @strawberry.subscription(
        description=(
            "What changes of what the caller may resolve, never a value. The first event comes at once; later ones as "
            "something changes, and every two seconds though nothing does. What the caller may not see is left "
            "out. Needs config:resolve."
        )
    )
    async def config_changed(
        self,
        info: GraphQLInfo,
        integrations: Names = None,
        organization_ids: OrganizationIds = None,
        after: AfterCursor = None,
    ) -> AsyncGenerator[ConfigChanges]:
        """What changes, batch by batch."""
        context = info.context
        stream = context.service.changes
        wanted = select_changes(context.principal, integrations, organization_ids)
        selection = stream.share(wanted)
        position = None if after is None else read_position(after, "after")
        async with aclosing(_follow(stream, selection, position)) as events:
            async for event in events:
                yield event


async def _follow(stream: ChangeStream, selection: Selection, after: Position | None) -> AsyncGenerator[ConfigChanges]:
    told: float | None = None
    async with aclosing(stream.watch(after)) as news:
        async for batch in news:
            events = _list_events(batch, selection)
            now = time.monotonic()
            if events[0].told or batch.is_reset or told is None or now - told >= BEAT_SECONDS:
                for event in events:
                    yield event
                told = now


def _list_events(news: News, selection: Selection) -> Sequence[ConfigChanges]:
    """The events of some news, made once for all who want the same; one without changes where that is nothing."""
    events: Sequence[ConfigChanges] | None = news.made.get(selection)
    if events is None:
        chosen = selection.choose(news.changes)
        key = selection if chosen else None
        made: Sequence[ConfigChanges] = news.made.setdefault(key, list(_split(news, chosen)))
        news.made[selection] = made
        return made
    return events


def _split(news: News, chosen: Sequence[Change]) -> Iterator[ConfigChanges]:
    """Events of a bounded size. Only the last has the new cursor: whoever is cut off before hears it all again."""
    while len(chosen) > _AT_ONCE and news.before is not None:
        yield ConfigChanges(cursor=news.before.encode(), reset=False, more=True, told=chosen[:_AT_ONCE])
        chosen = chosen[_AT_ONCE:]
    yield ConfigChanges(cursor=news.position.encode(), reset=news.is_reset, more=False, told=chosen)
