"""Clients with caches against a real service: fresh, cut off, alone, and back again."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import strongroom.wiring
from strongroom import Change, NotFound, Strongroom, Unauthenticated, Unavailable
from strongroom.api import CreateTokenInput, DeleteMappingInput
from strongroom.cache import SETTLING
from tests.sdk.clients import Awaited, Client
from tests.sdk.network import Network
from tests.timing import allowed


@pytest.fixture
def network(service: Any) -> Iterator[Network]:
    network = Network(service.port)
    yield network
    network.close()


@pytest.fixture(params=[Strongroom, Awaited], ids=["sync", "async"])
def connect(
    request: pytest.FixtureRequest, network: Network, make_token: Callable[..., str]
) -> Iterator[Callable[..., Client]]:
    """Makes clients with caches, through the network."""
    made: list[Client] = []

    def connect(**options: Any) -> Client:
        token = options.pop("token", None) or make_token("config:resolve")
        client = request.param(network.url, token=token, **{"cache": True, **options})
        made.append(client)
        return client

    yield connect
    for client in made:
        client.close()


def port_of(client: Client, place: Any) -> Any:
    return client.resolve("halo-psa", place.organization)["port"]


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> float:
    """How long a condition took to hold."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.002)
    return time.monotonic() - started


def settle(client: Client, place: Any) -> None:
    """Resolve until the config is kept for good."""
    client.resolve("halo-psa", place.organization)
    wait_for(lambda: client.feed_age is not None)
    time.sleep(SETTLING + 0.05)
    client.resolve("halo-psa", place.organization)


def test_fresh_within_a_second(connect: Callable[..., Client], network: Network, place: Any) -> None:
    """A kept config costs no request, and a change of it is seen within a second of its commit."""
    client = connect()
    settle(client, place)
    asked = network.requests
    first = client.resolve("halo-psa", place.organization)
    for _ in range(1_000):
        assert client.resolve("halo-psa", place.organization) is first
    assert network.requests == asked
    assert not first.stale
    for number in range(9001, 9004):
        place.write(port=number)
        assert wait_for(lambda number=number: port_of(client, place) == number) < allowed(1)


def test_what_changes_what_is_resolved(connect: Callable[..., Client], place: Any, admin: Strongroom) -> None:
    """Defaults, mappings, schemas and deleted integrations are seen as soon as values are."""
    client = connect()
    settle(client, place)
    api = admin.api
    given = {"integrationId": place.integration, "config": {"url": "https://new.example.com"}}
    write = (
        "mutation ($input: SetIntegrationConfigInput!) { setIntegrationConfig(input: $input) { integration { id } } }"
    )
    admin.execute(write, {"input": given})
    wait_for(lambda: client.resolve("halo-psa", place.organization)["url"] == "https://new.example.com", 1)
    change = "mutation ($input: UpdateMappingInput!) { updateMapping(input: $input) { mapping { id } } }"
    admin.execute(change, {"input": {"id": place.mapping, "entityId": "77"}})
    wait_for(lambda: client.resolve("halo-psa", place.organization).entity_id == "77", 1)
    rename = "mutation ($input: UpdateIntegrationInput!) { updateIntegration(input: $input) { migrated } }"
    admin.execute(rename, {"input": {"id": place.integration, "name": "renamed"}})

    def is_gone(name: str) -> bool:
        try:
            client.resolve(name, place.organization)
        except NotFound:
            return True
        return False

    wait_for(lambda: is_gone("halo-psa"), 1)
    assert not is_gone("renamed")
    api.delete_mapping(DeleteMappingInput(id=place.mapping))
    wait_for(lambda: is_gone("renamed"), 1)


def test_callbacks(connect: Callable[..., Client], place: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A callback is told of a reset first, then of every change, with or without a cache, until it is taken back;
    one that fails is in nobody's way."""
    client = connect(cache=False)
    heard: list[Change] = []

    def fail(change: Change) -> None:
        raise ValueError("hunter2")

    client.on_change(fail)
    stop = client.on_change(heard.append)
    wait_for(lambda: len(heard) == 1)
    place.write(port=9001)
    wait_for(lambda: len(heard) == 2)
    assert heard == [
        Change(reset=True),
        Change(place.integration, "halo-psa", place.organization, ("port",), 1),
    ]
    stop()
    stop()
    place.write(port=9002)
    time.sleep(0.2)
    assert len(heard) == 2
    assert "a callback of on_change failed: ValueError" in caplog.text
    assert "hunter2" not in caplog.text


def test_the_feed_is_cut(connect: Callable[..., Client], network: Network, place: Any) -> None:
    """A feed that is cut comes back by itself and hears what it missed: nothing is lost, and nothing is a reset."""
    client = connect()
    heard: list[Change] = []
    client.on_change(heard.append)
    settle(client, place)
    wait_for(lambda: len(heard) == 1)
    for number in range(9001, 9011):
        network.cut_feed()
        place.write(port=number)
    # A change may come twice: the connection that brought it may be cut before the cursor is there.
    wait_for(lambda: {change.version or 0 for change in heard} == set(range(11)))
    assert [change.reset for change in heard].count(True) == 1
    assert wait_for(lambda: port_of(client, place) == 9010) < allowed(1)


def test_without_a_feed(connect: Callable[..., Client], network: Network, place: Any) -> None:
    """While the feed is down a config is kept for the maximum age, and a change is seen no later than that."""
    client = connect(max_age=0.4)
    settle(client, place)
    network.feed_allowed = False
    network.cut_feed()
    time.sleep(0.05)
    place.write(port=9001)
    took = wait_for(lambda: port_of(client, place) == 9001)
    assert took < allowed(1)
    asked = network.requests
    for _ in range(100):
        port_of(client, place)
    assert network.requests - asked < 10  # the feed's own tries among them
    network.feed_allowed = True
    wait_for(lambda: client.feed_age is not None and client.feed_age < 0.5)


def test_a_feed_that_falls_silent(
    connect: Callable[..., Client], network: Network, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is open and carries nothing any more vouches for nothing: the maximum age holds, and the
    feed is opened anew."""
    monkeypatch.setattr(strongroom.wiring, "SILENCE", 0.5)
    client = connect(max_age=0.4)
    settle(client, place)
    network.frozen = True
    place.write(port=9001)
    assert wait_for(lambda: port_of(client, place) == 9001) < allowed(1)
    network.frozen = False
    wait_for(lambda: client.feed_age is not None and client.feed_age < 0.3)


def test_the_service_is_down(connect: Callable[..., Client], service: Any, place: Any) -> None:
    """Without a service the last known good is handed out for the set time, and says so; then there is an error. Once
    the service is back, so are current configs."""
    client = connect(max_age=0.3, stale_for=3.0)
    settle(client, place)
    place.write(port=9001)
    wait_for(lambda: port_of(client, place) == 9001)
    service.stop()
    wait_for(lambda: client.resolve("halo-psa", place.organization).stale)
    stale = client.resolve("halo-psa", place.organization)
    assert stale["port"] == 9001
    assert 0.2 < stale.age < allowed(2)
    started = time.monotonic()
    for _ in range(50):
        assert client.resolve("halo-psa", place.organization).stale
    assert time.monotonic() - started < allowed(0.5)
    with pytest.raises(Unavailable):
        wait_for(lambda: not client.resolve("halo-psa", place.organization))
    with pytest.raises(Unavailable):
        client.resolve("other", place.organization)
    service.start()
    wait_for(lambda: is_current(client, place))
    place.write(port=9002)
    assert wait_for(lambda: port_of(client, place) == 9002) < allowed(1)


def is_current(client: Client, place: Any) -> bool:
    try:
        return not client.resolve("halo-psa", place.organization).stale
    except Unavailable:
        return False


def test_a_revoked_token_is_served_nothing(connect: Callable[..., Client], place: Any, admin: Strongroom) -> None:
    """What the service refuses is not had from memory either, once it has to be asked."""
    made = admin.api.create_token(CreateTokenInput(name="x", permissions=["config:resolve"]))
    client = connect(token=made.create_token.token, max_age=0.2)
    settle(client, place)
    admin.api.revoke_token(made.create_token.id)

    def is_refused() -> bool:
        try:
            client.resolve("halo-psa", place.organization)
        except Unauthenticated:
            return True
        return False

    wait_for(is_refused, 3)
    with pytest.raises(Unauthenticated):
        client.resolve("halo-psa", place.organization)


def test_clocks_apart(connect: Callable[..., Client], place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock may be set, and be years away from the service's: nothing looks at it."""
    client = connect(max_age=0.5)
    settle(client, place)
    now = time.time()
    jumps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: now + (-1) ** next(jumps) * 10**8)
    place.write(port=9001)
    assert wait_for(lambda: port_of(client, place) == 9001) < allowed(1)
    assert not client.resolve("halo-psa", place.organization).stale


def test_closing(connect: Callable[..., Client], place: Any) -> None:
    """A client is closed in a moment, though its feed waits for the next event, and leaves no thread behind."""
    before = set(threading.enumerate())
    client = connect()
    client.on_change(lambda change: None)
    settle(client, place)
    started = time.monotonic()
    client.close() if isinstance(client, Strongroom) else client._run(client._client.close())  # type: ignore[attr-defined]
    assert time.monotonic() - started < allowed(0.9)
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if name.startswith("strongroom")}
