"""Snapshots kept in memory: sealed rows, never a plaintext secret, and only while they are known to be fresh.

    get      the snapshot, if the change feed was heard of within the last second
    fill     reads one; what was invalidated since the reading began is thrown away
    forget   invalidates: called by the change feed, and by a writing request before it answers

A writing request forgets by the integration's name as well (`forget_named`): what is kept under it may be of one that
had the name before, whose end, in another process, was not heard of yet.

The bound is by weight, so that a flood of organizations cannot fill the memory.
"""

import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from db.sessions import Touched
from db.snapshot import Snapshot

FRESH_SECONDS: Final = 1.0
"""How old the last sign of life of the change feed may be."""

WEIGHT_LIMIT: Final = 48 * 1024 * 1024
"""Bytes that the snapshots may take, about."""

Key = tuple[str, uuid.UUID]


class Snapshots:
    """A cache that is empty for everybody while nobody vouches for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._vouched = float("-inf")
        self._kept: OrderedDict[Key, Snapshot] = OrderedDict()
        self._places: dict[uuid.UUID, dict[uuid.UUID, set[str]]] = {}
        self._weight = 0
        self._fills: set[Fill] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def vouch(self, moment: float) -> None:
        """The change feed was alive at this moment of the clock: whatever changed before it has been forgotten."""
        self._vouched = max(self._vouched, moment)

    def get(self, integration: str, organization_id: uuid.UUID) -> Snapshot | None:
        """The snapshot of an integration for an organization, if it is fresh."""
        if self._clock() - self._vouched > FRESH_SECONDS:
            return None
        key = (integration, organization_id)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    @contextmanager
    def fill(self, integration: str, organization_id: uuid.UUID) -> Generator["Fill"]:
        """A reading of a snapshot, from before its statement is sent until what it `keep`s is kept."""
        fill = Fill((integration, organization_id))
        self._fills.add(fill)
        try:
            yield fill
        finally:
            self._fills.discard(fill)
        if fill.snapshot is not None and not fill.is_void():
            self._keep(fill.key, fill.snapshot)

    def forget(self, integration_id: uuid.UUID | None = None, organization_id: uuid.UUID | None = None) -> None:
        """Drop what concerns an integration, an organization, or the one for the other; without either, all."""
        for fill in self._fills:
            fill.changes.append((integration_id, organization_id))
        places = self._places.values() if integration_id is None else [self._places.get(integration_id, {})]
        for keys in list(places):
            owners = list(keys) if organization_id is None else [organization_id]
            for owner in owners:
                for name in list(keys.get(owner, ())):
                    self._drop((name, owner))

    def forget_named(self, integration: str, organization_id: uuid.UUID | None) -> None:
        """Drop what is kept under a name, of whatever integration it is, for one organization or for all."""
        for fill in self._fills:
            name, owner = fill.key
            if name == integration and organization_id in (None, owner):
                fill.changes.append((None, owner))
        if organization_id is not None:
            self._drop((integration, organization_id))
            return
        for key in [key for key in self._kept if key[0] == integration]:
            self._drop(key)

    def _keep(self, key: Key, snapshot: Snapshot) -> None:
        self._drop(key)
        self._kept[key] = snapshot
        self._places.setdefault(snapshot.integration.id, {}).setdefault(key[1], set()).add(key[0])
        self._weight += snapshot.weight
        while self._weight > WEIGHT_LIMIT:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        if gone is None:
            return
        self._weight -= gone.weight
        name, owner = key
        places = self._places[gone.integration.id]
        # A set: an integration that was renamed is kept under both of its names for a moment.
        places[owner].discard(name)
        if not places[owner]:
            del places[owner]
        if not places:
            del self._places[gone.integration.id]


class Fill:
    """One reading. What changes while it lasts is noted: whether it saw the change is not known."""

    __slots__ = ("changes", "key", "snapshot")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.changes: list[Touched] = []
        self.snapshot: Snapshot | None = None

    def keep(self, snapshot: Snapshot | None) -> None:
        """Have what was read kept, unless it may be stale already or holds a plaintext secret."""
        if snapshot is not None and snapshot.cacheable:
            self.snapshot = snapshot

    def is_void(self) -> bool:
        """Whether anything that changed meanwhile concerns what was read."""
        integration = None if self.snapshot is None else self.snapshot.integration.id
        return any(changed in (None, integration) and owner in (None, self.key[1]) for changed, owner in self.changes)
