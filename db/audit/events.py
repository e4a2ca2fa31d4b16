"""Reading the audit log: one page at a time, newest first, each caller what concerns it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, select

from db import access
from db.access import Principal
from db.audit.deeds import Event
from db.errors import NotFound, refuse
from db.limits import Problems
from db.models import AuditEvent
from db.pages import Order, Page, read_page
from db.policy import admit
from db.sessions import ReadSession

ORDER: Final = Order("audit events", (AuditEvent.at, AuditEvent.id), (datetime, uuid.UUID), descending=True)

EVENT_COLUMNS: Final = (
    AuditEvent.id,
    AuditEvent.at,
    AuditEvent.actor,
    AuditEvent.token_id,
    AuditEvent.action,
    AuditEvent.organization_id,
    AuditEvent.integration_id,
    AuditEvent.config_id,
    AuditEvent.keys,
    AuditEvent.detail,
    AuditEvent.address,
    AuditEvent.reason,
    AuditEvent.times,
    AuditEvent.last_at,
)
"""The columns of Event, in its order."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What a list of events is narrowed to; `until` is the first moment that is not shown."""

    organization_id: uuid.UUID | None = None
    integration_id: uuid.UUID | None = None
    config_id: uuid.UUID | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event and its place in its chain."""

    event: Event
    sequence: int


async def list_events(
    session: ReadSession, principal: Principal, wanted: EventFilter, first: int, after: str | None
) -> Page[RecordedEvent]:
    """One page of the events that a caller sees. What they are about may be long gone."""
    admit(principal, "Query.auditEvents")
    _check(principal, wanted)
    statement = select(*EVENT_COLUMNS, AuditEvent.sequence).where(access.events_of(principal), *_conditions(wanted))
    return await read_page(session, statement, ORDER, first, after, _recorded)


def event_of(row: Row[Any]) -> Event:
    """The event of a row that begins with EVENT_COLUMNS."""
    return Event(*tuple(row)[: len(EVENT_COLUMNS)])


def _recorded(row: Row[Any]) -> RecordedEvent:
    return RecordedEvent(event_of(row), row.sequence)


def _check(principal: Principal, wanted: EventFilter) -> None:
    if wanted.organization_id is not None and not principal.sees_organization(wanted.organization_id):
        raise NotFound("organization")
    if wanted.integration_id is not None and not principal.sees_integration(wanted.integration_id):
        raise NotFound("integration")
    problems = Problems()
    problems.name(wanted.actor, "filter", "actor")
    problems.name(wanted.action, "filter", "action")
    problems.check()
    for name, moment in (("since", wanted.since), ("until", wanted.until)):
        if moment is not None and moment.tzinfo is None:
            refuse("must have a time zone", "filter", name)


def _conditions(wanted: EventFilter) -> Sequence[ColumnElement[bool]]:
    equal = (
        (AuditEvent.organization_id, wanted.organization_id),
        (AuditEvent.integration_id, wanted.integration_id),
        (AuditEvent.config_id, wanted.config_id),
        (AuditEvent.actor, wanted.actor),
        (AuditEvent.action, wanted.action),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if wanted.since is not None:
        found.append(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditEvent.at < wanted.until)
    return found
