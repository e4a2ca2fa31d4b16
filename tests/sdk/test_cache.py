"""Configs in memory, by a clock of the test's own: when one is current, when it is not, and when it is all there is."""

import threading
from typing import Any

import pytest

from strongroom.cache import SETTLING, Cache, Key
from strongroom.changes import Change
from strongroom.config import ResolvedConfig

KEY: Key = ("halo", "org-1")
OTHER: Key = ("halo", "org-2")
NINJA: Key = ("ninja", "org-1")
ANYTHING = Change(reset=True)


class Clock:
    """Monotonic, and moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def make(key: Key = KEY, value: int = 1) -> ResolvedConfig:
    name, organization = key
    return ResolvedConfig(
        {
            "integration": {"name": name, "id": f"id-{name}"},
            "organization": {"name": organization, "id": organization},
            "entityId": "42",
            "entityName": None,
            "config": {"value": value},
            "entries": [{"key": "value", "type": "INT", "source": "OVERRIDE"}],
            "missing": [],
            "unfit": [],
        }
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    return Cache(max_age=10.0, stale_for=100.0, limit=3, clock=clock)


def put(cache: Cache, key: Key = KEY, value: int = 1) -> None:
    with cache.fetch(key) as fetch:
        fetch.keep(make(key, value))


def value_of(cache: Cache, key: Key = KEY) -> Any:
    found = cache.get(key)
    return None if found is None else found["value"]


def test_without_a_feed_a_config_ages(cache: Cache, clock: Clock) -> None:
    """A config is current for the maximum age after its fetch began, and not a moment longer."""
    put(cache)
    clock.now += 10.0
    assert value_of(cache) == 1
    clock.now += 0.001
    assert value_of(cache) is None


def test_a_feed_keeps_a_config_current(cache: Cache, clock: Clock) -> None:
    """As long as the feed vouches a config stays current; when that stops, for the maximum age more."""
    put(cache)
    for _ in range(100):
        clock.now += 2.0
        cache.vouch()
    assert value_of(cache) == 1
    clock.now += 10.001
    assert value_of(cache) is None
    cache.vouch()
    assert value_of(cache) == 1


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        (Change("id-halo", "halo", "org-1", ("value",)), {KEY}),
        (Change("id-halo", "halo", None), {KEY, OTHER}),
        (Change(None, None, "org-1"), {KEY, NINJA}),
        (Change("id-halo", "renamed", "org-1"), {KEY}),
        (Change("id-other", "halo", "org-1"), set[Key]()),
        (Change("id-halo", "halo", "org-3"), set[Key]()),
        (ANYTHING, {KEY, OTHER, NINJA}),
    ],
)
def test_a_change_drops_what_it_concerns(cache: Cache, change: Change, gone: set[Key]) -> None:
    """A change makes exactly the configs stale that it is about."""
    for key in (KEY, OTHER, NINJA):
        put(cache, key)
    cache.apply(change)
    cache.vouch()
    assert {key for key in (KEY, OTHER, NINJA) if cache.get(key) is None} == gone


@pytest.mark.parametrize("change", [Change("id-halo", "halo", "org-1"), ANYTHING])
def test_what_changed_while_it_was_fetched_is_not_kept(cache: Cache, clock: Clock, change: Change) -> None:
    """A reply whose fetch began before a change of the same config is handed out, and not kept."""
    with cache.fetch(KEY) as fetch:
        clock.now += 5.0
        cache.apply(change)
        clock.now += 5.0
        fetch.keep(make())
    assert len(cache) == 0


def test_anothers_change_is_in_nobodys_way(cache: Cache) -> None:
    """A change of something else while a config is fetched does not keep it from being kept."""
    with cache.fetch(KEY) as fetch:
        cache.apply(Change("id-halo", "halo", "org-2"))
        fetch.keep(make())
    assert value_of(cache) == 1


def test_what_was_fetched_soon_after_a_change_is_fetched_again(cache: Cache, clock: Clock) -> None:
    """Another process of the service may not have heard of a change for a second: what comes from within it is kept
    for no longer than that, though the feed is silent about it ever after; what comes later is kept."""
    cache.apply(Change("id-halo", "halo", "org-1"))
    clock.now += SETTLING - 0.001
    put(cache, value=1)
    assert value_of(cache) == 1
    clock.now += 0.001
    cache.vouch()
    assert value_of(cache) is None
    put(cache, value=2)
    clock.now += 9.0
    assert value_of(cache) == 2


def test_a_slow_fetch_does_not_undo_a_quick_one(cache: Cache, clock: Clock) -> None:
    """Of two fetches the one that began later is kept, whichever ends first."""
    with cache.fetch(KEY) as slow:
        clock.now += 1.0
        put(cache, value=2)
        slow.keep(make(value=1))
    assert value_of(cache) == 2


def test_the_last_known_good(cache: Cache, clock: Clock) -> None:
    """What is current no longer is at hand as stale, with its age, for the set time, and not after it."""
    put(cache)
    clock.now += 2.0
    cache.vouch()
    clock.now += 30.0
    good = cache.find_good(KEY)
    assert good is not None
    assert (good.stale, good.age, good["value"]) == (True, 30.0, 1)
    assert "stale for 30 s" in repr(good)
    clock.now += 70.1
    assert cache.find_good(KEY) is None


def test_what_changed_ages_from_then_on(cache: Cache, clock: Clock) -> None:
    """The age of a config that is known to have changed is counted from that change, though the feed lives on."""
    put(cache)
    clock.now += 5.0
    cache.apply(Change("id-halo", "halo", "org-1"))
    clock.now += 20.0
    cache.vouch()
    good = cache.find_good(KEY)
    assert good is not None
    assert good.age == 20.0


def test_while_the_service_is_down_nobody_waits(cache: Cache, clock: Clock) -> None:
    """For a moment after a failure the last known good is at hand without asking; a success ends that."""
    put(cache)
    clock.now += 11.0
    assert cache.find_good(KEY, only_while_down=True) is None
    cache.note_failure()
    assert cache.find_good(KEY, only_while_down=True) is not None
    put(cache, OTHER)
    assert cache.find_good(KEY, only_while_down=True) is None


def test_dropped_is_gone(cache: Cache) -> None:
    """What the service says is not to be had is no last known good either."""
    put(cache)
    cache.drop(KEY)
    cache.drop(KEY)
    assert cache.find_good(KEY) is None
    assert cache._by_organization == {}


def test_it_is_bounded(cache: Cache) -> None:
    """The oldest go when there are more than the limit; what was heard is not kept for ever either."""
    for number in range(10):
        put(cache, (f"halo-{number}", "org-1"))
        cache.apply(Change(f"id-{number}", None, "org-9"))
    assert len(cache) == 3
    assert value_of(cache, ("halo-9", "org-1")) == 1
    clock: Any = cache._clock
    clock.now += SETTLING + 0.1
    put(cache)
    assert len(cache._heard) == 0


def test_a_fetch_that_fails_leaves_no_trace(cache: Cache) -> None:
    """An error while fetching keeps nothing, and nothing waits for that fetch."""
    with pytest.raises(ValueError, match="broken"), cache.fetch(KEY):
        raise ValueError("broken")
    assert len(cache) == 0
    assert cache._fetches == set()


def test_many_threads() -> None:
    """Readers that fetch all the time, and a writer: once a change has been applied nobody is given an older value."""
    cache = Cache()
    committed = applied = 0
    wrong: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            least = applied
            found = cache.get(KEY)
            if found is None:
                with cache.fetch(KEY) as fetch:
                    fetch.keep(make(value=committed))
            elif found["value"] < least:
                wrong.append((found["value"], least))

    readers = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 60):
        committed = number
        cache.apply(Change("id-halo", "halo", "org-1"))
        applied = number
        stop.wait(0.001)
    stop.set()
    for reader in readers:
        reader.join(60)
        assert not reader.is_alive()
    assert wrong == []
