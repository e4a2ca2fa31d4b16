"""Resolved configs in memory: current while somebody vouches for them, and the last known good when nobody can.

The feed vouches: as long as its events come, whatever it did not tell of has not changed. When it falls silent a
config counts as current for `max_age` seconds more, and is then fetched again. When that fails, the last known good
is served for `stale_for` seconds, and says so. All clocks are this process's own, monotonic one.

Plaintext secrets are in this memory; that is what it is for.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Tuple  # noqa: UP035 - an alias is evaluated, on 3.10 too

from strongroom.changes import Change
from strongroom.config import ResolvedConfig

Key = Tuple[str, str]  # noqa: UP006
"""An integration's name and an organization's id."""

SETTLING = 1.0
"""How far behind a write a process of the service may answer, in seconds. What was fetched so soon after a change may
have come from one that had not heard of it, and is fetched once more."""

DOWN = 1.0
"""For how many seconds after a failure the last known good is served without asking."""

NEVER = float("inf")


class Entry:
    """A config that was fetched; `ends` is when it stopped, or stops, being current whatever the feed says."""

    __slots__ = ("began", "config", "ends")

    def __init__(self, config: ResolvedConfig, began: float, ends: float) -> None:
        self.config = config
        self.began = began
        self.ends = ends


class Cache:
    """Configs by integration and organization. Safe to use from many threads."""

    def __init__(
        self,
        max_age: float = 10.0,
        stale_for: float = 3600.0,
        limit: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ages in seconds; `limit` is how many configs are kept, the oldest go first."""
        self._max_age = max_age
        self._stale_for = stale_for
        self._limit = limit
        self._clock = clock
        self._entries: dict[Key, Entry] = {}
        self._by_organization: dict[str, dict[Key, Entry]] = {}
        self._vouched = -NEVER
        self._down_until = -NEVER
        self._fetches: set[Fetch] = set()
        self._heard: deque[tuple[float, Change]] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: tuple[str, object]) -> ResolvedConfig | None:
        """The config, if it is current."""
        # Without the lock: whatever another thread does meanwhile, this is a state that there was a moment ago.
        entry = self._entries.get(key)  # pyright: ignore[reportArgumentType] - a UUID finds nothing
        if entry is None:
            return None
        now = self._clock()
        if now >= entry.ends or (now - self._vouched > self._max_age and now - entry.began > self._max_age):
            return None
        return entry.config

    def find_good(self, key: Key, *, only_while_down: bool = False) -> ResolvedConfig | None:
        """The last known good config, marked as stale, if it is not too old; `only_while_down`: and if the service
        failed to answer a moment ago."""
        entry = self._entries.get(key)
        now = self._clock()
        if entry is None or (only_while_down and now >= self._down_until):
            return None
        age = now - min(max(entry.began, self._vouched), entry.ends)
        return entry.config.with_age(max(age, 0.0)) if age <= self._stale_for else None

    def note_failure(self) -> None:
        """The service has just failed to answer."""
        self._down_until = self._clock() + DOWN

    @contextmanager
    def fetch(self, key: Key) -> Generator[Fetch, None, None]:
        """A fetch, from before its request is sent; what it `keep`s is kept, unless it changed meanwhile."""
        fetch = Fetch(key, self._clock())
        with self._lock:
            self._fetches.add(fetch)
        try:
            yield fetch
        finally:
            with self._lock:
                self._fetches.discard(fetch)
                if fetch.config is not None:
                    self._down_until = -NEVER
                    self._put(key, fetch.config, fetch.began)
                self._forget_heard()

    def drop(self, key: Key) -> None:
        """Forget a config for good: the service says that it is not to be had."""
        with self._lock:
            self._drop(key)

    def apply(self, change: Change) -> None:
        """Something changed: what it concerns is current no longer, nor is what is being fetched."""
        now = self._clock()
        with self._lock:
            self._heard.append((now, change))
            self._forget_heard()
            for entry in self._list_concerned(change):
                entry.ends = min(entry.ends, now)

    def vouch(self) -> None:
        """The feed is alive: all that had changed by now has been applied."""
        self._vouched = self._clock()

    def _list_concerned(self, change: Change) -> list[Entry]:
        if change.organization_id is None:
            entries = list(self._entries.values())
        else:
            entries = list(self._by_organization.get(change.organization_id, {}).values())
        if change.integration_id is None:
            return entries
        return [entry for entry in entries if entry.config.integration_id == change.integration_id]

    def _put(self, key: Key, config: ResolvedConfig, began: float) -> None:
        heard = [at for at, change in self._heard if change.concerns(config.integration_id, config.organization_id)]
        last = max(heard, default=-NEVER)
        if last >= began:
            return
        # Another fetch may have begun later and ended sooner.
        known = self._entries.get(key)
        if known is not None and known.began > began:
            return
        self._drop(key)
        entry = Entry(config, began, NEVER if began >= last + SETTLING else last + SETTLING)
        self._entries[key] = entry
        self._by_organization.setdefault(config.organization_id, {})[key] = entry
        while len(self._entries) > self._limit:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        owned = self._by_organization[entry.config.organization_id]
        del owned[key]
        if not owned:
            del self._by_organization[entry.config.organization_id]

    def _forget_heard(self) -> None:
        """Keep what was heard for as long as a fetch that is under way may have missed it."""
        oldest = min((fetch.began for fetch in self._fetches), default=self._clock()) - SETTLING
        while self._heard and self._heard[0][0] < oldest:
            self._heard.popleft()


class Fetch:
    """One request for a config, and when it began."""

    __slots__ = ("began", "config", "key")

    def __init__(self, key: Key, began: float) -> None:
        self.key = key
        self.began = began
        self.config: ResolvedConfig | None = None

    def keep(self, config: ResolvedConfig) -> None:
        """Have what was fetched kept."""
        self.config = config
