"""`python -m bench.lists`: `ConfigList` beside the same JSON from a hand-written endpoint with pydantic models.

    python -m bench.lists [--rounds 5] [--seconds 2] [--connections 4]

Told are requests a second and the server process's CPU time a request, medians of rounds that take turns; then what
the first page and the last of a thousand cost in PostgreSQL. Any answer that is not the expected one ends it.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import asyncpg

from bench.chart import draw
from bench.keyset import compare_pages
from bench.records import RESULTS, record
from bench.rules import make_token, transact
from bench.stage import BenchError, Running, Stage, complete, find_free_port, run_load, stage
from db.access import Permission
from db.fields import Field
from db.integrations import create_integration, set_integration_config
from db.mapping_upserts import upsert_mappings
from db.mappings import NewMapping
from db.organizations import create_organization
from db.urls import asyncpg_dsn
from db.values import JSON, ConfigType
from db.vault import Transaction

SIZES: Final = (10, 25, 50, 100, 200)
_QUERY: Final = """query ConfigList($filter: ConfigFilter, $first: Int = 50, $after: String) {
  configs(filter: $filter, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges { node {
      id key type value scope sealed version description updatedAt updatedBy
      integration { id name } organization { id name }
    } }
  }
}"""
_FIELDS: Final = [
    Field("url", ConfigType.STRING),
    Field("api_key", ConfigType.SECRET),
    Field("port", ConfigType.INT),
    Field("verify_tls", ConfigType.BOOL),
    Field("scopes", ConfigType.JSON),
]
_VALUES: Final[dict[str, JSON]] = {
    "url": "https://api.example.com",
    "api_key": "the-api-key",
    "port": 443,
    "verify_tls": True,
    "scopes": ["read", "write"],
}
_INTEGRATIONS: Final = 10
_ORGANIZATIONS: Final = 10

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """A server and how it is asked for a page of so many rows."""

    name: str
    running: Running
    token: str | None = None

    def ask(self, first: int) -> str:
        """The request."""
        if self.token is None:
            return f"GET /configs?first={first} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        body = json.dumps({"query": _QUERY, "variables": {"first": first}})
        return (
            "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )


def main() -> int:
    """The exit code: 1 on any answer that is not 200 and the same as the hand-written endpoint's."""
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    try:
        with stage() as made:
            token = complete(_make_world(made))
            targets = _start(made, token)
            by_size = {size: _measure(targets, size, given) for size in SIZES}
            pages = complete(compare_pages(made.database_url))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _show(by_size, pages)
    draw(
        RESULTS / "lists.svg",
        "ConfigList: CPU of the server for one answer",
        "rows",
        "ms",
        {name: [(size, found[name]["cpu_ms"]) for size, found in by_size.items()] for name in by_size[SIZES[0]]},
    )
    ratios = {size: found["strongroom"]["cpu_ms"] / found["reference"]["cpu_ms"] for size, found in by_size.items()}
    figures = {"cpu_ratio": ratios[100], "cpu_ratio_by_rows": ratios, "by_rows": by_size, "pages": pages}
    record("lists", "ConfigList beside a hand-written endpoint with pydantic models", vars(given), figures)
    return 0


def _start(made: Stage, token: str) -> list[Target]:
    port = find_free_port()
    reference = made.spawn(["bench.lists_reference", str(port)])
    return [
        Target("strongroom", made.serve(), token),
        Target("reference", made.wait(reference, port, "/configs?first=1")),
    ]


def _measure(targets: Sequence[Target], size: int, given: argparse.Namespace) -> dict[str, Figures]:
    expected = {target.name: _load(target, size, None, 1, 0.3)["body"] for target in targets}
    if len({_normal(body) for body in expected.values()}) != 1:
        raise BenchError("the two servers do not answer the same")
    rounds: dict[str, list[Figures]] = {target.name: [] for target in targets}
    for _ in range(given.rounds):
        for target in targets:
            before = target.running.cpu_seconds
            found = _load(target, size, expected[target.name], given.connections, given.seconds / 2)
            cpu = (target.running.cpu_seconds - before) * 1000 / found["requests"]
            rounds[target.name].append({"per_second": found["per_second"], "p50_ms": found["p50_ms"], "cpu_ms": cpu})
    return {
        name: {figure: median(one[figure] for one in found) for figure in found[0]} for name, found in rounds.items()
    }


def _load(target: Target, size: int, expected: str | None, connections: int, seconds: float) -> dict[str, Any]:
    order = {"port": target.running.port, "request": target.ask(size), "expected": expected}
    try:
        return run_load({**order, "connections": connections, "seconds": seconds})
    except BenchError as error:
        raise BenchError(f"{target.name}: {error}") from None


def _normal(body: str) -> str:
    """An answer in one form: UTC is told as Z or as +00:00."""
    return json.dumps(json.loads(body), sort_keys=True).replace('+00:00"', 'Z"')


async def _make_world(made: Stage) -> str:
    """Ten integrations for ten organizations, five keys each, one of them secret; the token that may list them."""
    await transact(made, _fill)
    connection: Any = await asyncpg.connect(asyncpg_dsn(made.database_url))
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return await make_token(made, Permission.CONFIG_READ)


async def _fill(transaction: Transaction) -> None:
    names = [f"Customer {number}" for number in range(_ORGANIZATIONS)]
    organizations = [await create_organization(transaction, None, name) for name in names]
    mappings = [NewMapping(organization.id, "customer", None, _VALUES) for organization in organizations]
    for number in range(_INTEGRATIONS):
        integration = await create_integration(transaction, f"product-{number}", None, _FIELDS)
        await set_integration_config(transaction, integration.id, _VALUES, None)
        await upsert_mappings(transaction, integration.id, mappings)


def _show(by_size: Mapping[int, Mapping[str, Figures]], pages: Mapping[str, Any]) -> None:
    print(f"{'rows':>6}{'':2}{'':12}{'requests/s':>12}{'p50 ms':>10}{'cpu ms':>10}{'cpu ratio':>11}")
    for size, found in by_size.items():
        for name, figures in found.items():
            ratio = figures["cpu_ms"] / found["reference"]["cpu_ms"]
            line = f"{figures['per_second']:12.0f}{figures['p50_ms']:10.2f}{figures['cpu_ms']:10.3f}{ratio:11.2f}"
            print(f"{size:6}  {name:12}{line}")
    for name, page in pages.items():
        print(f"{name}: {page['buffers']} buffers, {page['ms']:.2f} ms in PostgreSQL")


if __name__ == "__main__":
    sys.exit(main())
