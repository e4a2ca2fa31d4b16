"""`python -m bench.writes`: ten thousand mappings in one upsertMappings, beside PostgreSQL's bare inserts of them.

    python -m bench.writes [--rounds 3]

The bare inserts are one INSERT … SELECT FROM unnest into the same table, with its indexes, keys and triggers, by the
same client library. Told are both mutations: one that creates all mappings, and one that then updates all of them.
"""

import argparse
import json
import sys
import time
import uuid
from http.client import HTTPConnection
from statistics import median
from typing import Any, Final

import asyncpg

from bench.records import record
from bench.rules import make_token
from bench.stage import BenchError, Stage, complete, stage
from db.access import Permission
from db.urls import asyncpg_dsn

_MAPPINGS: Final = 10_000
_MUTATION: Final = (
    "mutation UpsertMappings($input: UpsertMappingsInput!) {"
    " upsertMappings(input: $input) { created updated mappings { id } } }"
)


def main() -> int:
    """The exit code: 1 on any answer that is not the expected one."""
    parser = argparse.ArgumentParser(prog="python -m bench.writes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    try:
        with stage() as made:
            found = _measure(made, given.rounds)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    medians = {name: median(times) for name, times in found.items()}
    ratios = {name: seconds / medians["bare inserts"] for name, seconds in medians.items()}
    for name, seconds in medians.items():
        print(f"{name:24}{seconds * 1000:10.0f} ms{ratios[name]:8.2f} × bare")
    figures = {"ratios": ratios, "seconds": medians, "rounds": found}
    record("writes", "10,000 mappings in one upsertMappings beside bare inserts", vars(given), figures)
    return 0


def _measure(made: Stage, rounds: int) -> dict[str, list[float]]:
    token = complete(make_token(made, Permission.CONFIG_WRITE, Permission.CONFIG_READ))
    api = made.serve()
    found: dict[str, list[float]] = {"bare inserts": [], "upsertMappings, new": [], "upsertMappings, again": []}
    for _ in range(rounds):
        owners, (bare, ours) = complete(_make_owners(made.database_url))
        found["bare inserts"].append(complete(_insert_bare(made.database_url, bare, owners)))
        found["upsertMappings, new"].append(_upsert(api.port, token, ours, owners, (_MAPPINGS, 0)))
        found["upsertMappings, again"].append(_upsert(api.port, token, ours, owners, (0, _MAPPINGS)))
    return found


async def _make_owners(database_url: str) -> tuple[list[uuid.UUID], tuple[uuid.UUID, uuid.UUID]]:
    """Organizations to map, and two integrations without mappings."""
    owners = [uuid.uuid4() for _ in range(_MAPPINGS)]
    integrations = uuid.uuid4(), uuid.uuid4()
    connection: Any = await asyncpg.connect(asyncpg_dsn(database_url))
    try:
        await connection.execute(_ORGANIZATIONS, owners)
        await connection.execute(_INTEGRATIONS, integrations)
        await connection.execute("VACUUM ANALYZE organizations, integrations, integration_mappings")
    finally:
        await connection.close()
    return owners, integrations


async def _insert_bare(database_url: str, integration: uuid.UUID, owners: list[uuid.UUID]) -> float:
    ids, names = [uuid.uuid4() for _ in owners], [f"customer-{number}" for number in range(len(owners))]
    connection: Any = await asyncpg.connect(asyncpg_dsn(database_url))
    try:
        began = time.perf_counter()
        await connection.execute(_BARE, integration, ids, owners, names)
        return time.perf_counter() - began
    finally:
        await connection.close()


def _upsert(port: int, token: str, integration: uuid.UUID, owners: list[uuid.UUID], expected: tuple[int, int]) -> float:
    mappings = [{"organizationId": str(owner), "entityId": f"customer-{n}"} for n, owner in enumerate(owners)]
    variables = {"input": {"integrationId": str(integration), "mappings": mappings}}
    body = json.dumps({"query": _MUTATION, "variables": variables})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    began = time.perf_counter()
    connection.request("POST", "/graphql", body, headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    seconds = time.perf_counter() - began
    connection.close()
    done: dict[str, Any] = (told.get("data") or {}).get("upsertMappings") or {}
    counts = done.get("created"), done.get("updated"), len(done.get("mappings", ()))
    if answer.status != 200 or counts != (*expected, _MAPPINGS):
        raise BenchError("upsertMappings answers wrongly")
    return seconds


_ORGANIZATIONS: Final = """
INSERT INTO organizations (id, name, created_by) SELECT id, 'customer ' || id, 'bench' FROM unnest($1::uuid[]) AS u (id)
"""
_INTEGRATIONS: Final = (
    "INSERT INTO integrations (id, name) SELECT id, 'product ' || id FROM unnest($1::uuid[]) AS u (id)"
)
_BARE: Final = """
INSERT INTO integration_mappings (id, integration_id, organization_id, entity_id)
SELECT u.id, $1, u.organization_id, u.entity_id
FROM unnest($2::uuid[], $3::uuid[], $4::varchar[]) AS u (id, organization_id, entity_id)
"""

if __name__ == "__main__":
    sys.exit(main())
