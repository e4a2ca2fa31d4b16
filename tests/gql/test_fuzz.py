"""Every operation of schema.graphql, made up by schemathesis, on a real API process."""

import asyncio
import base64
import json
import os
import re
import socket
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import schemathesis
from graphql import ArgumentNode, GraphQLSyntaxError, ObjectFieldNode, Visitor, parse, parse_value, print_ast, visit
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.graphql import nodes

from db.settings import Settings
from db.start import prepare
from tests.processes import started

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = int(os.environ.get("STRONGROOM_FUZZ_EXAMPLES", "3"))
CODES = {"BAD_USER_INPUT", "CONFLICT", "FORBIDDEN", "LIMIT_EXCEEDED", "NOT_FOUND", "UNDECRYPTABLE"}
STACK = re.compile(r'Traceback|File \\?"/|site-packages|asyncpg|sqlalchemy|"INTERNAL"|"UNAVAILABLE"')


VALUES = [
    '{a: "x"}',
    "{a: 1, b: true}",
    "{b: null}",
    '{a: "[SECRET]"}',
    '{c: "y"}',
    "{a: 0}",
    "[1]",
    '""',
    "1e400",
    "{a: {b: {}}}",
]

SCALARS = {
    "ID": st.one_of(st.uuids().map(str), st.text(max_size=9)).map(nodes.String),
    "DateTime": st.one_of(st.datetimes().map(lambda at: f"{at.isoformat()}Z"), st.text(max_size=20)).map(nodes.String),
    "JSON": st.one_of(st.sampled_from(VALUES).map(parse_value), st.text(max_size=20).map(nodes.String)),
}
for scalar, strategy in SCALARS.items():
    schemathesis.graphql.scalar(scalar, strategy)
SCHEMA = schemathesis.graphql.from_path(ROOT / "schema.graphql")


@dataclass
class Server:
    """An API process, what it answered, and what it logged."""

    client: httpx.Client
    log: Path
    outcomes: Counter[str] = field(default_factory=Counter)

    def send(self, query: str) -> dict[str, Any]:
        body = json.dumps({"query": query})
        answer = self.client.post("/graphql", content=body, headers={"content-type": "application/json"})
        assert answer.status_code < 500, answer.text
        assert not STACK.search(answer.text), answer.text
        found = answer.json()
        codes = {error["extensions"]["code"] for error in found.get("errors", [])}
        assert codes <= CODES, answer.text
        self.outcomes.update(codes or {"ok"})
        return found


@pytest.fixture
def server(database_url: str, redis_url: str, tmp_path: Path, unmeasured: None) -> Iterator[Server]:
    """`python -m gql serve` on servers of this test's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    token = "fuzz" * 10
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STRONGROOM_HOME": str(tmp_path),
        "STRONGROOM_PORT": url.rpartition(":")[2],
        "STRONGROOM_ADMIN_TOKEN": token,
        "STRONGROOM_ROOT_KEYS": f"root:{base64.b64encode(os.urandom(32)).decode()}",
    }
    asyncio.run(prepare(Settings.from_env(environ), database_url, lambda token: None))
    log = tmp_path / "log"
    command = [sys.executable, "-m", "gql", "serve"]
    with (
        log.open("wb") as out,
        started(command, seconds=300, cwd=ROOT, env=os.environ | environ, stdout=out, stderr=out),
        httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=30) as client,
    ):
        wait_for(client)
        yield Server(client, log)


def wait_for(client: httpx.Client) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the API is not ready")


class Mender(Visitor):
    """Puts right what made-up arguments hardly ever hit: ids of what is there, page sizes and cursors."""

    def __init__(self, label: str, ids: dict[str, str]) -> None:
        super().__init__()
        kind = next((kind for kind in ids if kind in label.lower()), "config")
        self.fitting: dict[str, str] = {
            "id": f'"{ids[kind]}"',
            "organizationId": f'"{ids["organization"]}"',
            "integrationId": f'"{ids["integration"]}"',
            "integration": '"i"',
            "permissions": '["config:read"]',
            "expiresAt": "null",
            "name": f'"{uuid.uuid4()}"',
            "after": "null",
            "first": "3",
        }

    def enter(self, node: Any, *_: Any) -> Any:
        if isinstance(node, ArgumentNode | ObjectFieldNode) and node.name.value in self.fitting:
            return type(node)(name=node.name, value=parse_value(self.fitting[node.name.value]))
        return None


def plant(server: Server) -> dict[str, str]:
    """An organization, an integration, a mapping, a config, a token and a run: their ids."""
    owner = str(uuid.uuid4())
    fields = '[{key: "a", type: SECRET}, {key: "b", type: STRING}]'
    server.send(f'mutation {{ createOrganization(input: {{id: "{owner}", name: "o"}}) {{ organization {{ id }} }} }}')
    made = server.send(
        f'mutation {{ createIntegration(input: {{name: "i", configSchema: {fields}}}) {{ integration {{ id }} }} }}'
    )
    integration = made["data"]["createIntegration"]["integration"]["id"]
    given = f'integrationId: "{integration}", organizationId: "{owner}", entityId: "1"'
    made = server.send(f"mutation {{ createMapping(input: {{{given}}}) {{ mapping {{ id }} }} }}")
    mapping = made["data"]["createMapping"]["mapping"]["id"]
    made = server.send('mutation { setConfig(input: {key: "k", type: SECRET, value: "v"}) { config { id } } }')
    config = made["data"]["setConfig"]["config"]["id"]
    token = server.send('mutation { createToken(input: {name: "t", permissions: ["config:read"]}) { id } }')
    run = server.send("mutation { startBackfill(input: {kind: SEAL}) { run { id } } }")
    return {
        "organization": owner,
        "integration": integration,
        "mapping": mapping,
        "config": config,
        "token": token["data"]["createToken"]["id"],
        "backfill": run["data"]["startBackfill"]["run"]["id"],
    }


def fuzz(server: Server, operation: Any, mode: GenerationMode, mender: Mender) -> None:
    """Send an operation as it was made up, and once more with what hardly ever fits put right."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        query = case.body if isinstance(case.body, str) else case.body["query"]
        server.send(query)
        with suppress(GraphQLSyntaxError):
            server.send(print_ast(visit(parse(query), mender)))

    run()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_operation_fails_by_itself(server: Server, mode: GenerationMode) -> None:
    """Whatever an operation is sent, fitting the schema or not: no 5xx, no INTERNAL, no text of a stack, and nothing
    in the log that nobody expected."""
    ids = plant(server)
    operations: list[Any] = [cast("Any", result).ok() for result in SCHEMA.get_all_operations()]
    # What deletes comes last: the others are to find something.
    for operation in sorted(operations, key=lambda one: "delete" in one.label):
        fuzz(server, operation, mode, Mender(operation.label, ids))
    assert server.outcomes.total() >= len(operations) * EXAMPLES
    assert server.outcomes["ok"] >= len(operations)
    assert "internal error" not in server.log.read_text()
