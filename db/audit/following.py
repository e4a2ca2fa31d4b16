"""Following one chain of the audit log from event to event, and naming what is wrong with it."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from db.audit.chain import GENESIS, Head, Link, encode
from db.audit.deeds import Event
from db.crypto.audit_keys import AuditKey
from db.crypto.data_keys import Scope

_CANDIDATES: Final = 64
"""Places at which an event that does not fit its own is tried."""

_REMEMBERED: Final = 10_000
"""Events of one chain that may be wrong without being told at once."""


class Wrong(StrEnum):
    """What can be wrong."""

    CHANGED = "changed or inserted"
    REORDERED = "reordered"
    REMOVED = "removed"
    INSERTED = "inserted"
    CUT_OFF = "cut off"
    FORKED = "does not follow the event before it"
    REPLACED = "is not the one that the checkpoint has"
    HEAD = "is not where the chain's head is"
    UNKNOWN_KEY = "cannot be verified: its audit key is not there or does not open"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with which event; of one that is gone, only the number is known. `last` ends a range of numbers."""

    wrong: Wrong
    organization_id: Scope
    sequence: int
    id: uuid.UUID | None = None
    last: int | None = None
    was: int | None = None

    def __str__(self) -> str:
        chain = "global" if self.organization_id is None else str(self.organization_id)
        numbers = f"{self.sequence} to {self.last}" if self.last not in (None, self.sequence) else str(self.sequence)
        named = "" if self.id is None else f" id {self.id}"
        was = "" if self.was is None else f" (its number was {self.was})"
        return f"{self.wrong.value}: chain {chain} sequence {numbers}{named}{was}"


@dataclass(frozen=True, slots=True)
class Stored:
    """An event of the log, its place, and the MAC that is to vouch for both."""

    event: Event
    link: Link
    mac: bytes


@dataclass(slots=True)
class Chain:
    """One chain, followed from its first event, or from what a checkpoint has of it, to its head."""

    organization_id: Scope
    keys: Mapping[uuid.UUID, AuditKey | None]
    head: Head | None
    known: Head = field(default_factory=Head)
    last: int = 0
    _mac: bytes | None = GENESIS
    _next: int = 1
    _doubted: list[Stored] = field(default_factory=list[Stored])
    _missing: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        if self.known.sequence:
            # The event that the checkpoint knows is read again, and must be the same.
            self._next, self._mac = self.known.sequence, None

    def follow(self, stored: Stored) -> Iterator[Fault]:
        """Whatever the next event, by its number, gives to complain of."""
        sequence = stored.link.sequence
        if sequence < self._next:
            yield self._fault(Wrong.INSERTED, stored)
            return
        if self._is_beyond(stored):
            yield from self._doubt(stored)
            return
        if sequence > self._next:
            yield self._gone(Wrong.REMOVED, self._next, sequence - 1)
            self._mac = None
        yield from self._judge(stored)
        self._next, self.last = sequence + 1, sequence

    def _judge(self, stored: Stored) -> Iterator[Fault]:
        previous, self._mac = self._mac, None
        key = self.keys.get(stored.link.key_id)
        if key is None:
            yield self._fault(Wrong.UNKNOWN_KEY, stored)
        elif not _holds(key, stored):
            yield from self._doubt(stored)
        else:
            self._mac = stored.mac
            if previous is not None and stored.link.previous != previous:
                yield self._fault(Wrong.FORKED, stored)
        if stored.link.sequence == self.known.sequence and stored.mac != self.known.mac:
            yield self._fault(Wrong.REPLACED, stored)

    def _is_beyond(self, stored: Stored) -> bool:
        """Whether it is behind the chain's head and nothing vouches for it: then the chain does not end with it."""
        key = self.keys.get(stored.link.key_id)
        beyond = self.head is None or stored.link.sequence > self.head.sequence
        return beyond and key is not None and not _holds(key, stored)

    def _doubt(self, stored: Stored) -> Iterator[Fault]:
        if len(self._doubted) < _REMEMBERED:
            self._doubted.append(stored)
        else:
            yield self._fault(Wrong.CHANGED, stored)

    def end(self) -> Iterator[Fault]:
        """Whatever there is to complain of once the chain's last event has been followed."""
        yield from (self._explain(stored) for stored in self._doubted)
        end = max(self.head.sequence if self.head else 0, self.known.sequence)
        if end > self.last:
            yield self._gone(Wrong.CUT_OFF, max(self.last + 1, self.known.sequence), end)
        elif self.head is None or self.head.sequence < self.last or self._mac not in (None, self.head.mac):
            yield Fault(Wrong.HEAD, self.organization_id, self.last)

    def _explain(self, stored: Stored) -> Fault:
        """One that holds at another number was moved from there."""
        key = self.keys[stored.link.key_id]
        own = stored.link.sequence
        others = [*self._missing, *(other.link.sequence for other in self._doubted[:_CANDIDATES])]
        for sequence in (own - 1, own + 1, *others):
            moved = Link(sequence, stored.link.key_id, stored.link.previous)
            if key is not None and key.vouches(encode(stored.event, moved), stored.mac):
                return self._fault(Wrong.REORDERED, stored, sequence)
        return self._fault(Wrong.INSERTED if self._is_beyond(stored) else Wrong.CHANGED, stored)

    def _fault(self, wrong: Wrong, stored: Stored, was: int | None = None) -> Fault:
        return Fault(wrong, self.organization_id, stored.link.sequence, stored.event.id, was=was)

    def _gone(self, wrong: Wrong, first: int, last: int) -> Fault:
        if len(self._missing) < _CANDIDATES:
            self._missing.extend(range(first, min(last, first + _CANDIDATES) + 1))
        return Fault(wrong, self.organization_id, first, last=last)


def _holds(key: AuditKey, stored: Stored) -> bool:
    return key.vouches(encode(stored.event, stored.link), stored.mac)
