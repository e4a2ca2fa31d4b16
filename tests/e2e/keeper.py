"""Sends operations full of canaries to real processes, and keeps what was answered."""

import asyncio
import base64
import json
import uuid
from typing import Any, Final

import asyncpg
from cryptography.fernet import Fernet
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.e2e.crowd import CREATE, UPDATE
from tests.e2e.processes import ADMIN, ROOT_KEYS
from tests.e2e.wire import Wire

LEGACY: Final = Fernet.generate_key().decode()


PASSWORD: Final = f"canary-password-{uuid.uuid4().hex}"


APPLICATION: Final = f"canary-application-secret-{uuid.uuid4().hex}"


OPENS: Final = ("decryptedValue", "resolve(", "createToken", "rotateToken")
"""What answers with a secret because it was asked for one."""


FIELDS: Final = [
    {"key": "api_key", "type": "SECRET"},
    {"key": "deep", "type": "SECRET"},
    {"key": "turned", "type": "STRING"},
    {"key": "port", "type": "INT"},
]


class Keeper:
    """Sends operations full of canaries and keeps what they were, and what was answered."""

    def __init__(self, port: int) -> None:
        self.wire = Wire(port)
        self.canaries: dict[str, str] = {
            "admin token": ADMIN,
            "root key": ROOT_KEYS.partition(":")[2],
            "legacy key": LEGACY,
            "application secret": APPLICATION,
            "database password": PASSWORD,
        }
        self.answers: list[str] = []
        self.token = ADMIN

    def plant(self, name: str) -> str:
        return self.canaries.setdefault(name, f"canary-{uuid.uuid4().hex}")

    async def send(self, query: str, **variables: Any) -> dict[str, Any]:
        return await self.send_body({"query": query, "variables": variables}, "" if is_open(query) else query)

    async def send_body(self, body: Any, kept: str) -> dict[str, Any]:
        text = await self.wire.post(self.token, body)
        if kept:
            self.answers.append(text)
        return json.loads(text)

    async def run(self, query: str, **variables: Any) -> Any:
        answer = await self.send(query, **variables)
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    async def refused(self, query: str, **variables: Any) -> None:
        assert "errors" in await self.send(query, **variables), query

    def leaks(self, text: str) -> list[str]:
        """Which canaries a text holds: as they are, in base64, in hexadecimal."""
        return sorted(name for name, value in self.canaries.items() if any(shape in text for shape in shapes(value)))


def is_open(query: str) -> bool:
    return any(word in query for word in OPENS)


def shapes(value: str) -> tuple[str, ...]:
    raw = value.encode()
    return (value, base64.b64encode(raw).decode()[:40], raw.hex())


async def write(keeper: Keeper, sql: asyncpg.Connection) -> dict[str, str]:
    """A canary by every mutation that takes one, by legacy rows, and as a token; ids by name."""
    plant, run = keeper.plant, keeper.run
    ids = {"A": str(uuid.uuid4()), "B": str(uuid.uuid4())}
    for id in ids.values():
        await run(CREATE["organization"], i={"id": id, "name": "Northwind"})
    made = await run(CREATE["integration"], i={"name": "birds", "configSchema": FIELDS})
    ids["birds"] = made["integration"]["id"]
    at = {"integrationId": ids["birds"]}
    config = {"api_key": plant("default"), "deep": {"deep": [plant("deep")]}, "turned": "text"}
    await run(CREATE["defaults"], i=at | {"config": config})
    given = at | {"organizationId": ids["A"], "entityId": "1", "config": {"api_key": plant("override")}}
    made = (await run(CREATE["mapping"], i=given))["mapping"]
    ids |= {"mapping": made["id"], "override": made["overrides"][0]["id"]}
    await run(UPDATE, i={"id": ids["mapping"], "config": {"api_key": plant("second override")}})
    many = [{"organizationId": ids["B"], "entityId": "2", "config": {"deep": plant("upserted")}}]
    upsert = "mutation M($i: UpsertMappingsInput!) { upsertMappings(input: $i) { created } }"
    await run(upsert, i=at | {"mappings": many})
    for name, owner in (("global", None), ("standalone", ids["A"])):
        given = {"organizationId": owner, "key": name, "type": "SECRET", "value": plant(name)}
        ids[name] = (await run(CREATE["config"], i=given))["config"]["id"]
    turned = [field | {"type": "SECRET"} if field["key"] == "turned" else field for field in FIELDS]
    change = "mutation M($i: UpdateIntegrationInput!) { updateIntegration(input: $i) { migrated dropped restored } }"
    for fields in (turned, [field for field in turned if field["key"] != "deep"], turned):
        await run(change, i={"id": ids["birds"], "configSchema": fields})
    restore = "mutation M($i: RestoreConfigInput!) { restoreConfig(input: $i) { config { id value } } }"
    await run(restore, i={"id": ids["override"], "version": 1})
    made = await run(CREATE["token"], i={"name": "reader", "permissions": ["*"]})
    keeper.canaries["token"], ids["token"] = made["token"], made["id"]
    rotate = "mutation M($id: ID!) { rotateToken(id: $id, overlapSeconds: 60) { token } }"
    made = await run(rotate, id=ids["token"])
    keeper.canaries["rotated token"] = made["token"]
    sealed = Fernet(LEGACY).encrypt(plant("legacy sealed").encode()).decode()
    for key, value in (("plain", plant("legacy plain")), ("sealed", sealed)):
        insert = "INSERT INTO configs (id, key, value, config_type, updated_by) VALUES ($1, $2, $3, 'secret', 'x')"
        ids[key] = str(uuid.uuid4())
        await sql.execute(insert, ids[key], key, json.dumps({"value": value}))
    return ids


async def read(keeper: Keeper, ids: dict[str, str]) -> None:
    """Every way to read, with the token that was rotated out, too."""
    row = "{ id key value type history { edges { node { value } } } }"
    for token in (ADMIN, keeper.canaries["token"], keeper.canaries["rotated token"]):
        keeper.token = token
        await keeper.run("{ configs { edges { node " + row + " } } }")
        await keeper.run("{ mappings { edges { node { overrides " + row + " missing } } } }")
        await keeper.run("{ quarantine { totalCount } tokens { edges { node { name lastUsedAt } } } }")
        await keeper.run("{ auditEvents { edges { node { action actor keys detail address reason } } } }")
        await keeper.run("{ integrations { edges { node { configSchema { key default options } } } } }")
        for name in ("override", "global", "standalone", "plain", "sealed"):
            await keeper.run("query C($id: ID!) { config(id: $id) { value decryptedValue } }", id=ids[name])
        query = 'query R($o: ID!) { resolve(integration: "birds", organizationId: $o) { config entries { value } } }'
        for owner in "AB":
            await keeper.run(query, o=ids[owner])
    keeper.token = ADMIN


async def fail(keeper: Keeper, ids: dict[str, str], sql: asyncpg.Connection) -> None:
    """Refusals of every kind with a secret in hand, and two failures that nobody expects."""
    plant, refused, at = keeper.plant, keeper.refused, {"integrationId": ids["birds"]}
    for config in (
        {"api_key": plant("beside an unknown key"), "nope": plant("unknown key")},
        {"api_key": plant("beside a misfit"), "port": plant("misfit")},
        [plant("no map")],
        {"api_key": plant("NUL") + "\0"},
    ):
        await refused(CREATE["defaults"], i=at | {"config": config})
    given = {"organizationId": None, "key": "global", "type": "SECRET", "value": plant("refused")}
    for change in (
        {"expectedVersion": 99},
        {"type": plant("type")},
        {"extra": plant("extra")},
        {"key": plant("key") * 20},
        {"organizationId": plant("id")},
    ):
        await refused(CREATE["config"], i=given | change)
    secret_default = [{"key": "api_key", "type": "SECRET", "default": plant("a secret's default")}]
    await refused(CREATE["integration"], i={"name": "no", "configSchema": secret_default})
    await refused(f'mutation {{ setConfig(input: {{key: 7, value: "{plant("literal")}"}}) {{ config {{ id }} }} }}')
    await refused(f'{{ config(id: "{plant("unterminated")}')
    await refused(f"{{ {plant('field name').replace('-', '_')} }}")
    await refused(f'query ($a: Int = "{plant("variable default")}") {{ configs(first: $a) {{ totalCount }} }}')
    for cursor in (plant("cursor"), base64.b64encode(plant("sealed cursor").encode()).decode()):
        await refused("query L($a: String) { configs(after: $a) { totalCount } }", a=cursor)
    for body in (f'{{"query": "{plant("broken body")}', f'"{plant("text body")}"', f'["{plant("batch")}"]'):
        await keeper.send_body(body.encode(), "a body")
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": plant("hash")}}
    await keeper.send_body({"query": "{ __typename }", "extensions": hashed}, "a hash")
    for token in (plant("unknown token") + "x" * 20, f"eyJ{plant('jwt')}.x.y"):
        keeper.token = token
        await refused("{ __typename }")
    keeper.token = ADMIN
    await sql.execute("ALTER TABLE configs ADD CONSTRAINT boom CHECK (key <> 'boom')")
    await refused(CREATE["config"], i=given | {"key": "boom", "value": plant("constraint")})
    await sql.execute("ALTER TABLE configs DROP CONSTRAINT boom")
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
    await sql.execute(end.replace("$1", "pg_backend_pid()"))
    await keeper.send(CREATE["config"], i=given | {"value": plant("broken connection")})


async def talk(keeper: Keeper, port: int) -> None:
    """The same over a WebSocket: a good token, bad ones, frames that are none."""
    for hello in (
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {ADMIN}"}},
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {keeper.plant('socket token')}"}},
        {"type": keeper.plant("frame type")},
        {"type": "connection_init", "payload": keeper.plant("payload")},
    ):
        protocol = Subprotocol("graphql-transport-ws")
        async with connect(f"ws://127.0.0.1:{port}/graphql?t={ADMIN}", subprotocols=[protocol]) as socket:
            try:
                await socket.send(json.dumps(hello))
                given = {"key": "socket", "type": "SECRET", "value": keeper.plant("socket value")}
                payload = {"query": CREATE["config"], "variables": {"i": given}}
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                await socket.send(json.dumps({"id": "2", "type": "subscribe", "payload": keeper.plant("no payload")}))
                async with asyncio.timeout(10):
                    while True:
                        keeper.answers.append(str(await socket.recv()))
            except ConnectionClosed as closed:
                keeper.answers.append(str(closed))


async def backfill(keeper: Keeper) -> None:
    """SEAL, ROTATE and VERIFY, by the worker."""
    for kind in ("SEAL", "ROTATE", "VERIFY"):
        start = f"mutation {{ startBackfill(input: {{kind: {kind}}}) {{ run {{ id }} }} }}"
        run = (await keeper.run(start))["run"]["id"]
        query = "query B($id: ID!) { backfillRun(id: $id) { status error finishedAt } }"
        async with asyncio.timeout(60):
            while not (now := await keeper.run(query, id=run))["finishedAt"]:
                await asyncio.sleep(0.1)
        assert now["status"] == "SUCCEEDED", now
