"""A crowd of organizations that all call at once, each with a token of its own; and whether one sees another's.

Everything of organization number n carries its mark: its id, its names, its values, its secrets. Every answer to
its token is searched for any other's: marks, organizations' ids, rows' ids.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.e2e.wire import Wire

MARK: Final = re.compile(r"mark-(\d+)-|0000c0de-0000-4000-8000-(\d{12})")
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
EVERYBODY: Final = -1
PRODUCT: Final = "halo"
FIELDS: Final = [
    {"key": "url", "type": "STRING"},
    {"key": "api_key", "type": "SECRET"},
    {"key": "shared", "type": "SECRET"},
    {"key": "note", "type": "STRING"},
]

ROWS: Final = "{ id key value organization { id name } history { edges { node { value changedBy reason } } } }"
RESOLVE: Final = (
    f'query R($o: ID!) {{ resolve(integration: "{PRODUCT}", organizationId: $o)'
    " { organization { id name } entityId entityName config entries { key value } } }"
)


WATCH: Final = "subscription W { configChanged { cursor changes { integration organizationId keys version } } }"


def id_of(number: int) -> str:
    """An organization's id, by its number."""
    return f"0000c0de-0000-4000-8000-{number:012d}"


@dataclass
class Tenant:
    """An organization: its number, its token, its rows."""

    number: int
    token: str
    mapping: str
    secret: str
    standalone: str

    @property
    def id(self) -> str:
        return id_of(self.number)

    def mark(self, what: str) -> str:
        return f"mark-{self.number}-{what}"


@dataclass
class Crowd:
    """The tenants, and what was asked and answered."""

    admin: str
    tenants: list[Tenant] = field(default_factory=list)
    owners: dict[str, int] = field(default_factory=dict)
    integration: str = ""
    run: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    async def make(self, port: int, count: int) -> None:
        """Make the integration and so many organizations."""
        wire = Wire(port)

        async def do(query: str, **variables: Any) -> Any:
            answer = json.loads(await wire.post(self.admin, {"query": query, "variables": variables}))
            assert "errors" not in answer, answer
            return next(iter(answer["data"].values()))

        made = await do(CREATE["integration"], i={"name": PRODUCT, "configSchema": FIELDS})
        self.integration = made["integration"]["id"]
        config = {"url": "https://everybody.example.com", "shared": "everybody's secret"}
        made = await do(CREATE["defaults"], i={"integrationId": self.integration, "config": config})
        everybody = [self.integration, *(row["id"] for row in made["configs"])]
        for number in range(count):
            self.tenants.append(await self._make_tenant(do, number))
        self.owners |= dict.fromkeys(everybody, EVERYBODY)
        self.run = (await do("mutation { startBackfill(input: {}) { run { id } } }"))["run"]["id"]
        await wire.close()

    async def _make_tenant(self, do: Callable[..., Any], number: int) -> Tenant:
        tenant = Tenant(number, "", "", "", "")
        await do(CREATE["organization"], i={"id": tenant.id, "name": tenant.mark("name")})
        config = {"api_key": tenant.mark("secret"), "note": tenant.mark("note")}
        mapping = {"integrationId": self.integration, "organizationId": tenant.id, "entityId": tenant.mark("entity")}
        made = (await do(CREATE["mapping"], i=mapping | {"entityName": tenant.mark("at"), "config": config}))["mapping"]
        rows = {row["key"]: row["id"] for row in made["overrides"]}
        tenant.mapping, tenant.secret = made["id"], rows["api_key"]
        given = {"organizationId": tenant.id, "key": "own", "type": "SECRET", "value": tenant.mark("standalone")}
        tenant.standalone = (await do(CREATE["config"], i=given))["config"]["id"]
        limited = {"name": tenant.mark("token"), "permissions": ["*"], "organizationIds": [tenant.id]}
        made_token = await do(CREATE["token"], i=limited)
        tenant.token = made_token["token"]
        rows |= {"mapping": tenant.mapping, "standalone": tenant.standalone, "token": made_token["id"]}
        self.owners |= dict.fromkeys(rows.values(), number)
        return tenant

    async def ask(self, ports: list[int], requests: int, connections: int, seed: int = 4) -> None:
        """Send so many requests over so many connections, every eighth of them a WebSocket, and judge the answers."""
        left = iter(range(requests))
        async with asyncio.TaskGroup() as group:
            for number in range(connections):
                chance, port = random.Random(f"{seed}.{number}"), ports[number % len(ports)]
                speak = self._speak_on_a_socket if number % 8 == 7 else self._speak
                group.create_task(speak(port, chance, left))

    async def _speak(self, port: int, chance: random.Random, left: Any) -> None:
        """One connection, on which all tenants take turns: what is kept for a connection must not be one's own."""
        wire = Wire(port)
        for _ in left:
            if chance.random() < 0.03:
                await wire.post(self.admin, {"query": "{ configs { edges { node " + ROWS + " } } }"})
                self.asked["the admin's list"] += 1
                continue
            tenant, other = chance.sample(self.tenants, 2)
            question = ask_something(chance, tenant, other, self.run)
            if question.read and chance.random() < 0.2:
                path = f"/graphql?query={quote(question.query)}&variables={quote(json.dumps(question.variables))}"
                text = await wire.get(tenant.token, path)
            else:
                accept = "text/event-stream" if question.events or chance.random() < 0.1 else "*/*"
                body = {"query": question.query, "variables": question.variables}
                text = await wire.post(tenant.token, body, accept)
            self._judge(question, tenant, text)
        await wire.close()

    async def _speak_on_a_socket(self, port: int, chance: random.Random, left: Any) -> None:
        """WebSockets, each of one tenant, who is told what changes all the while: thirty operations, five at once."""
        for _ in left:
            tenant = chance.choice(self.tenants)
            others = [other for other in self.tenants if other is not tenant]
            protocol = Subprotocol("graphql-transport-ws")
            async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[protocol]) as socket:
                hello = {"type": "connection_init", "payload": {"Authorization": f"Bearer {tenant.token}"}}
                await socket.send(json.dumps(hello))
                assert json.loads(await socket.recv())["type"] == "connection_ack"
                await socket.send(json.dumps({"id": "watch", "type": "subscribe", "payload": {"query": WATCH}}))
                watched = ""
                for _ in range(6):
                    asked = [ask_something(chance, tenant, chance.choice(others), self.run) for _ in range(5)]
                    for id, question in enumerate(asked):
                        payload = {"query": question.query, "variables": question.variables}
                        await socket.send(json.dumps({"id": str(id), "type": "subscribe", "payload": payload}))
                    answers: dict[str, str] = {}
                    open_ones = {str(id) for id in range(len(asked))}
                    while open_ones:
                        message = json.loads(await socket.recv())
                        if message["id"] == "watch":
                            watched += json.dumps(message)
                            continue
                        answers[message["id"]] = answers.get(message["id"], "") + json.dumps(message)
                        if message["type"] in ("complete", "error"):
                            open_ones.discard(message["id"])
                    for id, question in enumerate(asked):
                        self._judge(question, tenant, answers[str(id)])
                    for _ in zip(range(4), left, strict=False):
                        pass  # Five were asked, one of them was counted by the loop.
                # Many are told of one change at once, and each only what is its own.
                self._judge(Question("changes as they happen", WATCH, {}, ("cursor",)), tenant, watched)
                self.asked["changes told"] += watched.count('"organizationId"')

    def _judge(self, question: "Question", tenant: Tenant, text: str) -> None:
        self.asked[question.name] += 1
        foreign = {mark for found in MARK.findall(text) for mark in found if mark and int(mark) != tenant.number}
        rows = {self.owners.get(id, EVERYBODY) for id in UUID.findall(text)} - {EVERYBODY, tenant.number}
        # An id that the caller itself sent may be repeated by nothing: refusals do not.
        if foreign or rows:
            self.faults.append(f"{question.name} of {tenant.number} shows {foreign | rows}: {text[:300]}")
        if not all(part in text for part in question.holds):
            self.faults.append(f"{question.name} of {tenant.number} lacks {question.holds}: {text[:300]}")
        if not question.refused and '"errors"' in text:
            self.faults.append(f"{question.name} of {tenant.number} failed: {text[:300]}")


@dataclass(frozen=True)
class Question:
    """An operation, and what its answer must hold."""

    name: str
    query: str
    variables: dict[str, Any]
    holds: tuple[str, ...] = ()
    refused: bool = False
    read: bool = True
    events: bool = False


def ask_something(chance: random.Random, tenant: Tenant, other: Tenant, run: str) -> Question:
    """Anything that a tenant may ask for, and what it may not."""
    own, word = {"o": tenant.id}, tenant.mark(f"note {chance.randrange(10**9)}")
    secret, none = tenant.mark("secret"), ("NOT_FOUND",)
    config = "query C($id: ID!) { config(id: $id) { id value decryptedValue organization { name } } }"
    both = 'query B($o: ID!, $x: ID!, $i: ID!) { a: resolve(integration: "' + PRODUCT + '", organizationId: $o)'
    both += " { config } b: config(id: $x) { decryptedValue } c: config(id: $i) { decryptedValue } }"
    write = {"organizationId": tenant.id, "key": "written", "type": "SECRET", "value": word}
    theirs = {"organizationId": other.id, "key": "stolen", "type": "STRING", "value": word}
    change = {"id": tenant.mapping, "config": {"note": word}}
    listed = "{ mappings { edges { node { id entityId entityName missing organization { name }"
    listed += " overrides " + ROWS + " } } } }"
    events = "{ auditEvents(first: 20) { edges { node { actor keys organizationId configId detail } } } }"
    some = "{ organizations { totalCount edges { node { id name } } } tokens { edges { node { id name } } } }"
    watch = "subscription S($id: ID!) { backfillProgress(id: $id) { status } }"
    applies = "query A($o: ID!) { overview(organizationId: $o) { missing mapping { entityId organization { name } }"
    applies += " entries { key value source override " + ROWS + " default { id } } } }"
    filtered = "query F($o: ID!) { configs(filter: {organizationId: $o}) { edges { node " + ROWS + " } } }"
    questions: list[tuple[int, Question]] = [
        (25, Question("resolve", RESOLVE, own, (secret, "everybody's secret"))),
        (5, Question("resolve another's", RESOLVE, {"o": other.id}, none, refused=True)),
        (10, Question("configs", "{ configs { edges { node " + ROWS + " } } }", {}, (tenant.mark("name"), "[SECRET]"))),
        (4, Question("configs of one's own", filtered, own, (tenant.mark("name"),))),
        (3, Question("configs of another", filtered, {"o": other.id}, none, refused=True)),
        (10, Question("reveal", config, {"id": tenant.secret}, (secret,))),
        (5, Question("reveal standalone", config, {"id": tenant.standalone}, (tenant.mark("standalone"),))),
        (5, Question("reveal another's", config, {"id": other.secret}, none, refused=True)),
        (6, Question("own beside another's", both, {"o": tenant.id, "x": other.secret, "i": tenant.secret},
                     (secret, "NOT_FOUND"), refused=True)),
        (8, Question("mappings", listed, {}, (tenant.mark("entity"),))),
        (3, Question("another's mapping", "query M($id: ID!) { mapping(id: $id) { entityId } }",
                     {"id": other.mapping}, none, refused=True)),
        (5, Question("organizations and tokens", some, {}, (tenant.mark("name"),))),
        (4, Question("auditEvents", events, {}, (tenant.id,))),
        (1, Question("subscribe", watch, {"id": run}, ("FORBIDDEN",), refused=True, read=False, events=True)),
        (4, Question("overview", applies, own, (tenant.mark("entity"),))),
        (2, Question("overview of another", applies, {"o": other.id}, none, refused=True)),
        (7, Question("write", CREATE["config"], {"i": write}, ("[SECRET]",), read=False)),
        (5, Question("write an override", UPDATE, {"i": change}, (tenant.mark("note"),), read=False)),
        (3, Question("write another's", CREATE["config"], {"i": theirs}, none, refused=True, read=False)),
        (2, Question("delete another's", "mutation D($i: DeleteConfigInput!) { deleteConfig(input: $i) { id } }",
                     {"i": {"id": other.standalone}}, none, refused=True, read=False)),
    ]  # fmt: skip
    weights, asked = zip(*questions, strict=True)
    return chance.choices(asked, weights)[0]


CREATE: Final = {
    name: f"mutation M($i: {kind}Input!) {{ {kind[0].lower() + kind[1:]}(input: $i) {selection} }}"
    for name, kind, selection in (
        ("integration", "CreateIntegration", "{ integration { id } }"),
        ("defaults", "SetIntegrationConfig", "{ configs { id } }"),
        ("organization", "CreateOrganization", "{ organization { id } }"),
        ("mapping", "CreateMapping", "{ mapping { id overrides { id key } } }"),
        ("config", "SetConfig", "{ config { id key value organization { name } } }"),
        ("token", "CreateToken", "{ id token }"),
    )
}
UPDATE: Final = (
    "mutation U($i: UpdateMappingInput!)"
    " { updateMapping(input: $i) { mapping { id entityId overrides { id value } } } }"
)
