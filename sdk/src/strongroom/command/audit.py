"""`strongroom audit`: what was done, by whom, and why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Optional

import typer

from strongroom.api import AuditEventFilter
from strongroom.api.audit_events import AuditEventsAuditEventsEdgesNode
from strongroom.command.moments import read_moment
from strongroom.command.output import clean, note, say, show_cell, show_line
from strongroom.command.session import PAGE, Integration, Json, Organization, connect, find_integration, walk
from strongroom.errors import Unavailable
from strongroom.synchronous import Strongroom

app = typer.Typer(no_args_is_help=True, help="Read the audit log.")

SECONDS = 1.0
OVERLAP = timedelta(minutes=2)
"""An event has the time at which it was done, and is there once its transaction has committed."""

Event = AuditEventsAuditEventsEdgesNode


@app.command("tail")
def tail(
    limit: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the newest to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is done from now on.")] = False,
    action: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--action", help="Exactly this action, such as config.reveal."),
    ] = None,
    actor: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Option("--actor", help="By tokens or people of exactly this name."),
    ] = None,
    integration: Integration = None,
    organization: Organization = None,
    since: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Option("--since", metavar="MOMENT", help="From this moment on: an ISO time, or 30m for so long ago."),
    ] = None,
    until: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Option("--until", metavar="MOMENT", help="Before this moment."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the newest events, oldest first, and with --follow those that come. With --json, an event a line."""
    with connect() as client:
        wanted = AuditEventFilter(
            action=action,
            actor=actor,
            integration_id=find_integration(client, integration).id if integration else None,
            organization_id=organization,
            since=read_moment(since) if since else None,
            until=read_moment(until) if until else None,
        )
        # The service's clock, not this one: where it stands is what its newest event says. What comes after this first
        # look and is not among the newest then is shown by following.
        newest = next(_walk(client, wanted), None) if follow else None
        start = None if newest is None else newest.at
        known = {event.id for event in _since(client, wanted, start)} if newest is not None else set[str]()
        _show(reversed(_take(_walk(client, wanted), limit)), known, as_json=as_json)
        if follow:
            _follow(client, wanted, start, known, as_json=as_json)


def _follow(
    client: Strongroom, wanted: AuditEventFilter, start: datetime | None, known: set[str], *, as_json: bool
) -> None:
    while True:
        time.sleep(SECONDS)
        try:
            events = list(_since(client, wanted, start))
        except Unavailable as error:
            note(f"{error.message}; trying again")
            continue
        fresh = [event for event in reversed(events) if event.id not in known]
        _show(iter(fresh), known, as_json=as_json)
        start = max((event.at for event in events), default=start)
        known = {event.id for event in events}


def _since(client: Strongroom, wanted: AuditEventFilter, start: datetime | None) -> Iterator[Event]:
    since = None if start is None else start - OVERLAP
    since = max((one for one in (since, wanted.since) if one is not None), default=None)
    return _walk(client, wanted.model_copy(update={"since": since}))


def _walk(client: Strongroom, wanted: AuditEventFilter) -> Iterator[Event]:
    return walk(lambda after: client.api.audit_events(filter_=wanted, first=PAGE, after=after).audit_events)


def _take(events: Iterator[Event], limit: int) -> list[Event]:
    return [event for _, event in zip(range(limit), events)]  # noqa: B905 - strict would ask for one more


def _show(events: Iterator[Event], shown: set[str], *, as_json: bool) -> None:
    for event in events:
        shown.add(event.id)
        if as_json:
            show_line(event)
        else:
            say(_tell(event))


def _tell(event: Event) -> str:
    parts: list[Any] = [show_cell(event.at), event.action, f"by {event.actor}"]
    parts += [f"from {event.address}"] if event.address else []
    parts += [f"keys {', '.join(event.keys)}"] if event.keys else []
    parts += [f"organization {event.organization_id}"] if event.organization_id else []
    parts += [f"integration {event.integration_id}"] if event.integration_id else []
    parts += [f"because: {event.reason}"] if event.reason else []
    parts += [show_cell(event.detail)] if event.detail else []
    return "  ".join(clean(str(part)) for part in parts)
