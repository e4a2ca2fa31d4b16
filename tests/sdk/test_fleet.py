"""Many clients with caches beside a service that is a process of its own, cut off and killed meanwhile."""

import asyncio
import base64
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from strongroom import AsyncStrongroom, Change, Strongroom, Unavailable
from strongroom.api import CreateMappingInput, CreateOrganizationInput, UpdateMappingInput

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """`python -m gql serve`, on this test's servers."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.token = base64.urlsafe_b64encode(os.urandom(32)).decode()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")} | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "STRONGROOM_ADMIN_TOKEN": self.token,
            "STRONGROOM_ROOT_KEYS": f"root-1:{base64.b64encode(os.urandom(32)).decode()}",
            "STRONGROOM_PORT": str(port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "gql", "serve"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environ, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 90
        while True:
            with contextlib.suppress(URLError, ConnectionError), urlopen(f"{self.url}/readyz", timeout=5):
                return
            assert self._process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(20)


@pytest.fixture
def service(database_url: str, redis_url: str) -> Iterator[Process]:
    """Overrides the service that is served from a thread."""
    process = Process(database_url, redis_url)
    process.start()
    yield process
    process.kill(signal.SIGTERM)


def make_mappings(place: Any, count: int) -> list[tuple[str, str]]:
    """Organizations with their mappings, by id."""
    api = place.admin.api
    made: list[tuple[str, str]] = []
    for number in range(count):
        given = CreateOrganizationInput(name=f"o{number}")
        organization = api.create_organization(given).create_organization.organization.id
        mapping = CreateMappingInput(
            integration_id=place.integration,
            organization_id=organization,
            entity_id="1",
            config={"port": 0},
        )
        made.append((organization, api.create_mapping(mapping).create_mapping.mapping.id))
    return made


class Member:
    """One client of the fleet: it resolves all the time, and remembers what it was told."""

    def __init__(self, client: AsyncStrongroom, organizations: list[str], place: Any, slowness: float) -> None:
        self.client = client
        self.heard: set[tuple[str | None, int | None]] = set()
        self.cuts = 0
        self._organizations = organizations
        self._place = place
        self._slowness = slowness
        client.on_change(self._hear)

    def _hear(self, change: Change) -> None:
        if change.keys == ("port",):
            self.heard.add((change.organization_id, change.version))

    async def port_of(self, organization: str) -> Any:
        return (await self.client.resolve(self._place.name, organization))["port"]

    async def go(self, chance: random.Random, cut_every: float) -> None:
        """Resolve now this, now that, and lose the feed now and then."""
        while True:
            await self.port_of(chance.choice(self._organizations))
            pause = chance.uniform(0.1, 0.3) * self._slowness
            await asyncio.sleep(pause)
            if chance.random() < pause / cut_every:
                self.cut()

    def cut(self) -> None:
        """Break the feed's connection, as a network does."""
        listener: Any = self.client._listener
        response = listener._stream._response
        if response is not None:
            with contextlib.suppress(OSError, AttributeError):
                response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
                self.cuts += 1


@pytest.mark.parametrize(
    ("members", "writes", "at_once"),
    [(8, 150, 4), pytest.param(100, 10_000, 16, marks=pytest.mark.soak)],
)
async def test_nobody_holds_an_old_value(
    service: Process,
    place: Any,
    make_token: Any,
    request: pytest.FixtureRequest,
    members: int,
    writes: int,
    at_once: int,
) -> None:
    """Clients with caches while values are written: a second after the last event no client holds an old value, and
    each has heard every single write, though its feed was cut again and again."""
    mappings = await asyncio.to_thread(make_mappings, place, 10)
    organizations = [organization for organization, _ in mappings]
    token = await asyncio.to_thread(make_token, "config:resolve")
    clients = [AsyncStrongroom(service.url, token=token, cache=True, timeout=60) for _ in range(members)]
    # All of them together ask as often as two cores can answer.
    fleet = [Member(client, organizations, place, members / 20) for client in clients]
    going = [asyncio.create_task(member.go(random.Random(n), members / 5)) for n, member in enumerate(fleet)]
    while any(client.feed_age is None for client in clients):
        await asyncio.sleep(0.01)
    began = time.monotonic()
    truth: dict[str, int] = {}
    async with AsyncStrongroom(service.url, token=service.token, timeout=60) as writer:

        async def write(lane: int) -> None:
            for number in range(lane + 1, writes + 1, at_once):
                organization, mapping = mappings[(number * at_once + lane) % 10]
                async with locks[organization]:
                    await write_port(writer, mapping, number)
                    truth[organization] = number

        locks = {organization: asyncio.Lock() for organization in organizations}
        await asyncio.gather(*(write(lane) for lane in range(at_once)))
        seconds = time.monotonic() - began
        wanted = await asyncio.to_thread(list_versions, place)
        end = time.monotonic() + 60
        while not all(wanted <= member.heard for member in fleet):
            assert time.monotonic() < end, [len(wanted - member.heard) for member in fleet]
            await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    stale = [
        (organization, port)
        for member in fleet
        for organization in organizations
        if (port := await member.port_of(organization)) != truth.get(organization, 0)
    ]
    for task in going:
        task.cancel()
    ended = await asyncio.gather(*going, return_exceptions=True)
    assert [result for result in ended if not isinstance(result, asyncio.CancelledError)] == []
    cuts = sum(member.cuts for member in fleet)
    for client in clients:
        await client.close()
    missed = sum(len(wanted - member.heard) for member in fleet)
    request.node.user_properties += [
        ("writes_per_second", round(writes / seconds)),
        ("cuts", cuts),
        ("old_values", len(stale)),
        ("missed", missed),
    ]
    assert stale == []
    assert len(wanted) >= writes
    assert cuts > 0


async def write_port(writer: AsyncStrongroom, mapping: str, number: int) -> None:
    """Write a value, again if it is not known whether it was written: that is the same value, and another version."""
    for left in (2, 1, 0):
        try:
            await writer.api.update_mapping(UpdateMappingInput(id=mapping, config={"port": number}))
        except Unavailable:
            if not left:
                raise
        else:
            return


def list_versions(place: Any) -> set[tuple[str, int]]:
    """Every version of every port that was written, but for the first, by the history of each."""
    wanted: set[tuple[str, int]] = set()
    after = None
    while True:
        page = place.admin.api.config_list(first=200, after=after).configs
        for edge in page.edges:
            config = edge.node
            if config.key == "port" and config.organization is not None:
                wanted |= {(config.organization.id, version) for version in range(2, config.version + 1)}
        if not page.page_info.has_next_page:
            return wanted
        after = page.page_info.end_cursor


def test_the_service_is_killed(service: Process, place: Any, make_token: Any) -> None:
    """A service that is killed is bridged by what is known, which says so; what was written by another one meanwhile
    is seen once there is a service again."""
    with Strongroom(service.url, token=make_token("config:resolve"), cache=True, max_age=0.3) as client:
        heard: list[Change] = []
        client.on_change(heard.append)
        place.write(port=1)
        # Until it is kept: what is fetched while it changes is handed out only.
        end = time.monotonic() + 60
        while client.feed_age is None or not is_kept(client, place, 1):
            assert time.monotonic() < end, client.feed_age
            time.sleep(0.01)
        service.kill()
        while not (config := client.resolve(place.name, place.organization)).stale:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert config["port"] == 1
        with pytest.raises(Unavailable):
            client.resolve(place.name, place.other)
        service.start()
        place.write(port=2)
        end = time.monotonic() + 60
        while client.resolve(place.name, place.organization)["port"] != 2:
            assert time.monotonic() < end
            time.sleep(0.01)
        while (2, False) not in [(change.version, change.reset) for change in heard]:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert [change.reset for change in heard].count(True) == 1


def is_kept(client: Any, place: Any, port: int) -> bool:
    """Whether the config is at hand with this port, current or not."""
    good = client.resolve(place.name, place.organization) and client._cache.find_good((place.name, place.organization))
    return good is not None and good["port"] == port
