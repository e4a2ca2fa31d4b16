"""Snapshots in memory: never stale, never a plaintext secret, bounded."""

import uuid
from datetime import UTC, datetime

import pytest

from db import snapshots as module
from db.integrations import IntegrationRow
from db.organizations import OrganizationRow
from db.snapshot import Snapshot
from db.snapshots import FRESH_SECONDS, Snapshots

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INTEGRATION, OTHER, ORGANIZATION, ANOTHER = (uuid.UUID(int=number) for number in range(1, 5))


def make(integration_id: uuid.UUID = INTEGRATION, *, cacheable: bool = True, weight: int = 1_000) -> Snapshot:
    integration = IntegrationRow(integration_id, "halo", None, NOW, NOW)
    organization = OrganizationRow(ORGANIZATION, "Northwind")
    return Snapshot(integration, organization, True, "1", None, (), (), (), (), cacheable, weight)


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def snapshots(clock: list[float]) -> Snapshots:
    made = Snapshots(lambda: clock[0])
    made.vouch(clock[0])
    return made


def fill(snapshots: Snapshots, organization_id: uuid.UUID = ORGANIZATION, snapshot: Snapshot | None = None) -> None:
    with snapshots.fill("halo", organization_id) as filling:
        filling.keep(snapshot or make())


def test_served_only_within_a_second_of_the_last_sign_of_life(snapshots: Snapshots, clock: list[float]) -> None:
    """A snapshot is served while the feed was heard of within a second, and not a moment longer."""
    fill(snapshots)
    clock[0] += FRESH_SECONDS
    assert snapshots.get("halo", ORGANIZATION) is not None
    clock[0] += 0.001
    assert snapshots.get("halo", ORGANIZATION) is None
    snapshots.vouch(clock[0])
    assert snapshots.get("halo", ORGANIZATION) is not None


def test_nothing_is_served_before_the_feed_was_heard_of() -> None:
    """A new process, or one whose feed never came up, reads everything from the database."""
    snapshots = Snapshots()
    fill(snapshots)
    assert snapshots.get("halo", ORGANIZATION) is None


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ((INTEGRATION, ORGANIZATION), [ORGANIZATION]),
        ((INTEGRATION, None), [ORGANIZATION, ANOTHER]),
        ((None, ORGANIZATION), [ORGANIZATION]),
        ((None, None), [ORGANIZATION, ANOTHER]),
        ((OTHER, None), []),
        ((OTHER, ORGANIZATION), []),
        ((INTEGRATION, OTHER), []),
    ],
)
def test_a_change_forgets_what_it_concerns_and_nothing_else(
    snapshots: Snapshots, change: tuple[uuid.UUID | None, uuid.UUID | None], gone: list[uuid.UUID]
) -> None:
    """A change names an integration, an organization or both; exactly their snapshots go."""
    fill(snapshots, ORGANIZATION)
    fill(snapshots, ANOTHER)
    snapshots.forget(*change)
    assert [id for id in (ORGANIZATION, ANOTHER) if snapshots.get("halo", id) is None] == gone


@pytest.mark.parametrize(
    "change", [(INTEGRATION, ORGANIZATION), (INTEGRATION, None), (None, ORGANIZATION), (None, None)]
)
def test_what_changed_while_it_was_read_is_not_kept(
    snapshots: Snapshots, change: tuple[uuid.UUID | None, uuid.UUID | None]
) -> None:
    """A fill whose key was invalidated since its read began is thrown away."""
    with snapshots.fill("halo", ORGANIZATION) as filling:
        snapshots.forget(*change)
        filling.keep(make())
    assert len(snapshots) == 0


@pytest.mark.parametrize("owner", [ORGANIZATION, None])
def test_a_name_is_forgotten_whoever_bears_it(snapshots: Snapshots, owner: uuid.UUID | None) -> None:
    """By its name a snapshot goes, whatever its integration is, and a fill under way is void; other names stay."""
    fill(snapshots)
    with snapshots.fill("other", ORGANIZATION) as filling:
        filling.keep(make(OTHER))
    snapshots.forget_named("halo", owner)
    assert snapshots.get("halo", ORGANIZATION) is None
    assert snapshots.get("other", ORGANIZATION) is not None
    with snapshots.fill("halo", ORGANIZATION) as filling:
        filling.keep(make())
        snapshots.forget_named("other", owner)
        snapshots.forget_named("halo", ANOTHER)
    assert snapshots.get("halo", ORGANIZATION) is not None
    with snapshots.fill("halo", ORGANIZATION) as filling:
        filling.keep(make(OTHER))
        snapshots.forget_named("halo", owner)
    assert snapshots.get("halo", ORGANIZATION) is None


def test_a_change_between_reading_and_keeping_counts_too(snapshots: Snapshots) -> None:
    """The fill lasts until it is kept: an invalidation after the rows came is not missed."""
    with snapshots.fill("halo", ORGANIZATION) as filling:
        filling.keep(make())
        snapshots.forget(INTEGRATION, ORGANIZATION)
    assert len(snapshots) == 0


def test_a_change_of_something_else_does_not_void_a_fill(snapshots: Snapshots) -> None:
    """Under constant writes elsewhere the cache still fills."""
    with snapshots.fill("halo", ORGANIZATION) as filling:
        snapshots.forget(OTHER, None)
        snapshots.forget(INTEGRATION, ANOTHER)
        filling.keep(make())
    assert snapshots.get("halo", ORGANIZATION) is not None


def test_a_plaintext_secret_is_never_kept(snapshots: Snapshots) -> None:
    """A snapshot with a legacy plaintext secret in it is used once and not kept."""
    fill(snapshots, snapshot=make(cacheable=False))
    assert len(snapshots) == 0


def test_a_fill_that_fails_keeps_nothing(snapshots: Snapshots) -> None:
    """When the database does not answer, there is nothing to keep and no fill left behind."""
    with pytest.raises(OSError, match="gone"), snapshots.fill("halo", ORGANIZATION):
        raise OSError("gone")
    assert len(snapshots) == 0
    assert not snapshots._fills


def test_the_weight_is_bounded_and_the_least_recently_used_goes_first(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many organizations ask, the snapshots stay within their weight."""
    monkeypatch.setattr(module, "WEIGHT_LIMIT", 3_500)
    owners = [uuid.UUID(int=number) for number in range(10, 14)]
    for owner in owners[:3]:
        fill(snapshots, owner)
    assert snapshots.get("halo", owners[0]) is not None
    fill(snapshots, owners[3])
    assert [snapshots.get("halo", owner) is None for owner in owners] == [False, True, False, False]
    assert snapshots._weight == 3_000


def test_a_renamed_integration_leaves_nothing_behind(snapshots: Snapshots) -> None:
    """Two names of one integration for a moment: a change of the integration forgets both."""
    fill(snapshots)
    with snapshots.fill("halo-new", ORGANIZATION) as filling:
        filling.keep(make())
    snapshots.forget(INTEGRATION)
    assert snapshots.get("halo", ORGANIZATION) is None
    assert snapshots.get("halo-new", ORGANIZATION) is None
    assert len(snapshots) == 0
    assert not snapshots._places
