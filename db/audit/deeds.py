"""Deeds: what the log keeps. Who did what, on which row and keys, when, from where, and why; never a value."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from db.access import Principal
from db.limits import NAME_LIMIT

REASON_LIMIT: Final = 500
"""Characters of a reason, at most."""

TOLD_LIMIT: Final = 1_000
"""Ids that one event names, at most."""

_NO_TOKEN: Final = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from and, if its caller gave one, its reason. What the service does itself has neither."""

    address: str | None = None
    reason: str | None = None


NOWHERE: Final = Origin()


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, and where. `detail` holds texts, whole numbers and truth values: they return as they were."""

    action: str
    organization_id: uuid.UUID | None = None
    integration_id: uuid.UUID | None = None
    config_id: uuid.UUID | None = None
    keys: Sequence[str] | None = None
    detail: dict[str, Any] | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def by(
        self,
        principal: Principal,
        origin: Origin = NOWHERE,
        *,
        at: datetime | None = None,
        times: int = 1,
        last_at: datetime | None = None,
    ) -> "Event":
        """The deed with who did it and from where; if it was done at other times than its own, with these."""
        return Event(
            id=uuid.uuid4(),
            at=at or self.at,
            actor=_storable(principal.name),
            token_id=None if principal.token_id == _NO_TOKEN else principal.token_id,
            action=self.action,
            organization_id=self.organization_id,
            integration_id=self.integration_id,
            config_id=self.config_id,
            keys=None if self.keys is None else sorted(self.keys),
            detail=self.detail,
            address=origin.address,
            reason=origin.reason,
            times=times,
            last_at=last_at,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """A deed as the log holds it. It belongs to its organization's chain; None is the chain of what is global."""

    id: uuid.UUID
    at: datetime
    actor: str
    token_id: uuid.UUID | None
    action: str
    organization_id: uuid.UUID | None
    integration_id: uuid.UUID | None
    config_id: uuid.UUID | None
    keys: list[str] | None
    detail: dict[str, Any] | None
    address: str | None
    reason: str | None
    times: int = 1
    last_at: datetime | None = None
    """When it was done for the last time, where that was more than once."""

    def told(self) -> dict[str, Any]:
        """The event as JSON has it. `times` and `lastAt` are told of what was done more than once only."""
        told: dict[str, Any] = {
            "id": str(self.id),
            "at": _tell_moment(self.at),
            "actor": self.actor,
            "tokenId": show_id(self.token_id),
            "action": self.action,
            "organizationId": show_id(self.organization_id),
            "integrationId": show_id(self.integration_id),
            "configId": show_id(self.config_id),
            "keys": self.keys,
            "detail": self.detail,
            "address": self.address,
            "reason": self.reason,
        }
        if self.times != 1:
            told["times"] = self.times
        if self.last_at is not None:
            told["lastAt"] = _tell_moment(self.last_at)
        return told


def tell_ids(ids: Sequence[uuid.UUID | None]) -> list[str]:
    """Ids for an event's detail: no more than it may name. Its counts tell how many there were."""
    return sorted(str(id) for id in ids if id is not None)[:TOLD_LIMIT]


def _storable(name: str) -> str:
    """A name as the log can hold it: an identity provider's may be anything, and must not keep others' events out."""
    return name.replace("\0", " ").encode(errors="replace").decode()[:NAME_LIMIT]


def _tell_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def show_id(id: uuid.UUID | None) -> str | None:
    """An id as JSON has it."""
    return None if id is None else str(id)
