"""Hostile requests do not fill the memory of a server, and cost it little."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import psutil
import pytest

from tests.e2e.processes import ADMIN, StartApi
from tests.e2e.wire import Wire

pytestmark = pytest.mark.usefixtures("unmeasured")

FLAT = 12 * 2**20
"""How much a process may grow in two thousand requests once its caches are full: what allocators leave lying about."""

LIMIT_SECONDS = 0.05
READ_SECONDS = 0.05
"""How much longer a request may take for each MiB that has to be read, past what a query's text can have: variables
are read whole before anything can be said of them."""
TEXT = 64 * 2**10

ROW = "id key value organization{id}"
PAGE = "{edges{node{" + ROW + "}}}"


def text_of(query: str, **variables: Any) -> bytes:
    return json.dumps({"query": query[: 64 * 2**10], "variables": variables}).encode()


def fragments(count: int, body: str) -> str:
    return "{...f0}" + "".join(f"fragment f{i} on Query{{{body.replace('#', str(i + 1))}}}" for i in range(count))


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "wide": lambda n: text_of("{" + f"configs{PAGE} " * n + "}"),
    "aliased": lambda n: text_of("{" + " ".join(f"a{i}:configs{PAGE}" for i in range(n)) + "}"),
    "deep": lambda n: text_of("{mappings{edges{node{" + "integration{" * n + "id" + "}" * n + "}}}}"),
    "deep nonsense": lambda n: text_of("{" * n + "id" + "}" * n),
    "bomb": lambda n: text_of(fragments(n, "...f# ...f#") + f"fragment f{n} on Query{{__typename}}"),
    "cycle": lambda n: text_of(fragments(n, "...f#") + f"fragment f{n} on Query{{...f0}}"),
    "huge string": lambda n: text_of('{integration(name:"' + "x" * n * 60 + '"){id}}'),
    "huge number": lambda n: text_of("{configs(first:" + "9" * n + "){totalCount}}"),
    "huge list": lambda n: text_of('mutation{createToken(input:{name:"x",permissions:[' + '"x" ' * n + "]}){id}}"),
    "huge variable": lambda n: text_of("query($n:String){integration(name:$n){id}}", n="x" * n * 1_000),
    "many variables": lambda n: text_of("{__typename}", **{f"v{i}": [i] for i in range(n * 20)}),
    "deep variable": lambda n: (
        b'{"query":"mutation($c:JSON!){setIntegrationConfig(input:{integrationId:\\"x\\",config:$c}){integration{id}}}",'
        b'"variables":{"c":' + b"[" * n * 50 + b"]" * n * 50 + b"}}"
    ),
    "a new text each time": lambda n: text_of("{__typename} #" + "".join(random.Random(n).choices("abc", k=n * 20))),
    "a new alias each time": lambda n: text_of(f"{{a{random.Random(n).random()!s:.20}: __typename}}".replace(".", "")),
    "no JSON": lambda n: b"[" * n * 900,
    "cursors": lambda n: text_of("query($a:String){configs(after:$a){totalCount}}", a="e" * n * 50),
    "operations": lambda n: text_of(" ".join(f"query q{i}{{__typename}}" for i in range(n))),
    "directives": lambda n: text_of("{__typename" + "@skip(if:false)" * n + "}"),
    "a hash that nobody has": lambda n: json.dumps(
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": f"{n:064x}"}}}
    ).encode(),
    "a long text to look for": lambda n: text_of(
        "query($t:String){configs(filter:{keyContains:$t}){totalCount}}", t="%_\\" * n * 100
    ),
    "a full list": lambda n: text_of(
        "mutation($i:CreateTokenInput!){createToken(input:$i){id}}", i={"name": "x", "permissions": ["x"] * n * 40}
    ),
    "a full body": lambda n: b'{"query": "{__typename}", "variables": {"v": [' + b"{}," * n * 900 + b"1]}}",
    "bad tokens": lambda n: text_of("{__typename}"),
}


def list_hostile(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many requests, no two alike."""
    sizes = random.Random(seed)
    for number in range(count):
        name = list(HOSTILE)[number % len(HOSTILE)]
        yield name, HOSTILE[name](sizes.randrange(2, 3_000) + seed * 3_000 * (name.startswith("a new")))


@dataclass
class Attack:
    """What came of an attack: how many were answered without an error, and the CPU that each cost, by name."""

    wire: Wire
    process: psutil.Process
    passed: Counter[str] = field(default_factory=Counter[str])
    seconds: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    slow: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    async def send(self, count: int, seed: int) -> None:
        """Send so many; whatever is answered is no 500."""
        for number, (name, body) in enumerate(list_hostile(count, seed)):
            token = f"srt_{seed:010d}{number:030d}" if name == "bad tokens" else ADMIN
            taken = await self._measure(name, token, body)
            # The machine has other work, the request has not; but of the same text it would remember the answer.
            again = [await self._measure(name, token, vary(body, times)) for times in (1, 2) if taken > allow(body)]
            self.seconds.append((min([taken, *again]), f"{name} of {len(body)} bytes"))
            if self.seconds[-1][0] > allow(body):
                self.slow.append(self.seconds[-1])

    async def _measure(self, name: str, token: str, body: bytes) -> float:
        began = seconds_of(self.process)
        text = await self.wire.post(token, body)
        taken = seconds_of(self.process) - began
        assert self.wire.status < 500, name
        assert "INTERNAL" not in text, name
        self.passed[name] += '"errors"' not in text
        return taken


def allow(body: bytes) -> float:
    """How much CPU a request may cost."""
    return LIMIT_SECONDS + READ_SECONDS * max(0, len(body) - TEXT) / 2**20


def vary(body: bytes, times: int) -> bytes:
    """A body that asks for the same in a text that nobody has read yet."""
    return body.replace(b'{"query": "', b'{"query": "' + b" " * times, 1)


def seconds_of(process: psutil.Process) -> float:
    """The CPU that all of its threads have used, to the nanosecond."""
    used = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in used) / 1e9


async def test_a_hundred_hostile_requests(start_api: StartApi) -> None:
    """Deep, wide, aliased and huge ones, fragment bombs, cursors, hashes and tokens that nobody has: each is answered,
    none with a 500; and the process still serves."""
    api = start_api()
    wire = Wire(api.port)
    attack = Attack(wire, api.seen)
    await attack.send(100, 1)
    assert not attack.passed["bad tokens"]
    assert json.loads(await wire.post(ADMIN, text_of("{configs{totalCount}}")))["data"] == {
        "configs": {"totalCount": 0}
    }
    await wire.close()


@pytest.mark.soak
async def test_memory_is_flat_under_a_thousand_hostile_requests(start_api: StartApi, record_property: Any) -> None:
    """The same, a thousand at a time, no two alike: after the first four thousand, which fill the caches to their
    bounds, two thousand more make the process grow by no more than an allocator's leavings; and each one takes less
    than 50 ms of CPU, and as much again for each MiB of variables that has to be read."""
    api = start_api()
    wire = Wire(api.port)
    attack, sizes = Attack(wire, api.seen), [api.seen.memory_info().rss]
    for seed in range(8):
        await attack.send(1_000, seed)
        sizes.append(api.seen.memory_info().rss)
    await wire.close()
    worst = sorted(attack.seconds, reverse=True)[:5]
    record_property("MiB after each thousand", " ".join(f"{size / 2**20:.0f}" for size in sizes))
    record_property("milliseconds of CPU on average", round(sum(taken for taken, _ in attack.seconds) / 8, 2))
    record_property("milliseconds of CPU at most", ", ".join(f"{taken * 1_000:.0f} ({name})" for taken, name in worst))
    assert mean(sizes[7:]) - mean(sizes[5:7]) < FLAT
    assert attack.slow == []
