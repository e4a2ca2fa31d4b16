"""Canaries: secrets planted by every way in, searched for in everything that comes out or stays behind."""

import asyncio
import base64
import json
import logging
import subprocess
import uuid
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet

from db.crypto.legacy import LegacyKeys
from db.embedded import EmbeddedServers, binary
from db.urls import asyncpg_dsn
from workers.worker import make_worker, work

OLD, LOST = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())

NUMBER = 739_201_846_551_773


def canary(name: str) -> str:
    return f"canary/{name}/{uuid.uuid5(uuid.NAMESPACE_DNS, name).hex}"


@pytest.fixture
def legacy_keys() -> LegacyKeys:
    """Older software's key; LOST is one that nobody has any more."""
    return LegacyKeys([OLD])


class Watch:
    """Sends operations and keeps every answer; those that may hold a secret are kept apart."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.answers: list[str] = []
        self.opened: list[str] = []

    async def send(self, query: str, **variables: Any) -> Any:
        answer = await self._client.send(query, **variables)
        may_open = "ecryptedValue" in query or query in ("Reveal", "Resolve", "ResolveExplained")
        (self.opened if may_open else self.answers).append(answer.text)
        return answer

    async def run(self, query: str, **variables: Any) -> Any:
        answer = await self.send(query, **variables)
        assert not answer.errors, answer.errors
        return answer.data


FIELDS = {"api_key": "SECRET", "object": "SECRET", "number": "SECRET", "old": "SECRET", "port": "INT"}
LEGACY_FIELDS = {"plain": "SECRET", "typed": "SECRET", "fernet": "SECRET", "base64": "SECRET", "lost": "SECRET"}
ALL_FIELDS = [{"key": key, "type": type} for key, type in (FIELDS | LEGACY_FIELDS).items()]


async def plant(watch: Watch, world: Any, write_legacy: Any) -> dict[str, str]:
    """A canary by every way in; the ids of some configs, by name."""
    made = await watch.run("CreateIntegration", input={"name": "birds", "configSchema": ALL_FIELDS})
    integration = made["createIntegration"]["integration"]["id"]
    at = {"integrationId": integration}
    deep = {"deep": [{"er": canary("object")}]}
    config = {"api_key": canary("first default"), "object": deep, "number": NUMBER}
    await watch.run("SetIntegrationConfig", input=at | {"config": config})
    done = await watch.run("SetIntegrationConfig", input=at | {"config": {"api_key": canary("default")}})
    overrides = {"api_key": canary("first override"), "old": canary("deleted override")}
    given = at | {"organizationId": world.organization, "entityId": "1", "config": overrides}
    mapping = (await watch.run("CreateMapping", input=given))["createMapping"]["mapping"]["id"]
    change = {"api_key": canary("override"), "old": None}
    await watch.run("UpdateMapping", input={"id": mapping, "config": change})
    many = [{"organizationId": world.other, "entityId": "2", "config": {"api_key": canary("upserted")}}]
    await watch.run("UpsertMappings", input=at | {"mappings": many})
    ids = {"integration": integration, "mapping": mapping}
    for name, owner in (("global", None), ("standalone", world.organization)):
        given = {"organizationId": owner, "key": name, "type": "SECRET"}
        await watch.run("SetConfig", input=given | {"value": canary(f"first {name}")})
        made = await watch.run("SetConfig", input=given | {"value": canary(name)})
        ids[name] = made["setConfig"]["config"]["id"]
    values = {
        "plain": canary("legacy plaintext"),
        "typed": canary("legacy typed"),
        "fernet": OLD.encrypt(canary("legacy fernet").encode()).decode(),
        "base64": base64.b64encode(OLD.encrypt(canary("legacy base64").encode())).decode(),
        "lost": LOST.encrypt(b"x" * 40).decode(),
    }
    for key, value in values.items():
        type = "secret" if key == "typed" else "string"
        place = {"integration": integration, "organization": world.organization}
        ids[key] = await write_legacy(key, value, type=type, **place)
    ids["bare"] = await write_legacy("bare", canary("legacy standalone"), type="secret")
    ids["default"] = done["setIntegrationConfig"]["configs"][0]["id"]
    return ids


async def change_schemas(watch: Watch) -> None:
    """Text becomes a secret, a secret is dropped and comes back."""
    fields = [{"key": "turned", "type": "STRING"}, {"key": "gone", "type": "SECRET"}]
    made = await watch.run("CreateIntegration", input={"name": "changing", "configSchema": fields})
    id = made["createIntegration"]["integration"]["id"]
    for turned in ("text before", "text"):
        config = {"turned": canary(turned), "gone": canary("dropped")}
        # While it is text it is none, so these two answers may show it.
        await watch.run("SetIntegrationConfig", input={"integrationId": id, "config": config})
    turned = [{"key": "turned", "type": "SECRET"}]
    await watch.run("UpdateIntegration", input={"id": id, "configSchema": turned})
    back = [*turned, {"key": "gone", "type": "SECRET"}]
    await watch.run("UpdateIntegration", input={"id": id, "configSchema": back})
    await watch.run("UpdateIntegration", input={"id": id, "configSchema": turned})


async def fail(watch: Watch, world: Any, ids: dict[str, str], sql: Any) -> None:
    """Writes that are refused, and writes that break, all with a secret in hand."""
    at = {"integrationId": ids["integration"]}
    for config in (
        {"api_key": canary("with an unknown key"), "nope": canary("unknown key")},
        {"api_key": canary("with a misfit"), "port": canary("misfit")},
        {"api_key": [canary("huge")] * 2000},
        [canary("no map")],
    ):
        assert (await watch.send("SetIntegrationConfig", input=at | {"config": config})).errors
    good = {"key": "k", "type": "SECRET", "value": canary("refused")}
    for given in (
        {**good, "expectedVersion": 9},
        {**good, "organizationId": str(uuid.uuid4())},
        {**good, "type": canary("as a type")},
        {**good, "extra": canary("extra")},
        {**good, "key": canary("as a key") * 9},
        {**good, "expectedVersion": canary("as a version")},
        {**good, "value": canary("with NUL") + "\0"},
    ):
        assert (await watch.send("SetConfig", input=given)).errors
    literal = f'mutation {{ setConfig(input: {{key: 7, value: "{canary("literal")}"}}) {{ config {{ id }} }} }}'
    assert (await watch.send(literal)).errors
    assert (await watch.send(f'{{ config(id: "{canary("broken")}')).errors
    assert (await watch.send("Reveal", id=canary("as an id"))).errors
    assert (await watch.send("Resolve", integration=canary("as a name"), organizationId=world.other)).errors
    await sql.execute("ALTER TABLE configs ADD CONSTRAINT boom CHECK (key <> 'boom')")
    broken = await watch.send("SetConfig", input={**good, "key": "boom", "value": canary("constraint")})
    assert broken.codes == ["INTERNAL"]
    await sql.execute("ALTER TABLE configs DROP CONSTRAINT boom")


async def ask_everything(watch: Watch, world: Any, ids: dict[str, str]) -> None:
    """Every operation of the contract that reads, and those that move secrets about."""
    await watch.run("ConfigList")
    await watch.run("Mappings")
    await watch.run("Quarantine")
    deep = "{ configs { edges { node { id value history { edges { node { value reason } } } } } } }"
    await watch.run(deep)
    await watch.run(
        "{ mappings { edges { node { missing overrides { value history { edges { node { value } } } } } } } }"
    )
    await watch.run("{ integrations { edges { node { name configSchema { key default options } } } } }")
    for name in ("global", "standalone", "default", "plain", "typed", "fernet", "base64", "lost", "bare"):
        await watch.run("History", id=ids[name])
        await watch.send("Reveal", id=ids[name])
    for name in ("Resolve", "ResolveExplained"):
        await watch.send(name, integration="birds", organizationId=world.organization)
        await watch.run(name, integration="birds", organizationId=world.other)


PLANTED = [
    *("first default", "default", "object", "first override", "override", "deleted override", "upserted", "global"),
    *("first global", "standalone", "first standalone", "legacy plaintext", "legacy typed", "legacy fernet"),
    *("legacy base64", "legacy standalone", "dropped", "text before", "text"),
]
"""What is somewhere in the database, sealed."""

REFUSED = [
    *("with an unknown key", "unknown key", "with a misfit", "misfit", "huge", "no map", "refused", "as a type"),
    *("extra", "as a key", "as a version", "with NUL", "literal", "broken", "as an id", "as a name", "constraint"),
]
"""What is nowhere."""


def leaks(text: str, names: list[str]) -> list[str]:
    """Which canaries a text holds: as they are, as JSON, in base64, in hexadecimal."""
    found = [
        name
        for name in names
        for shape in (
            canary(name),
            json.dumps(canary(name))[1:-1],
            base64.b64encode(canary(name).encode()).decode()[:40],
            canary(name).encode().hex(),
        )
        if shape in text
    ]
    return sorted(set(found)) + ([str(NUMBER)] if str(NUMBER) in text else [])


@pytest.fixture
def loud(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Every logger there is, at DEBUG, drivers' and arq's included."""
    caplog.set_level(logging.DEBUG)
    for name in [*logging.root.manager.loggerDict, "sqlalchemy.engine", "sqlalchemy.pool", "asyncio", "arq.worker"]:
        caplog.set_level(logging.DEBUG, name)
    return caplog


def everything_logged(caplog: pytest.LogCaptureFixture) -> str:
    parts = [caplog.text]
    for record in caplog.records:
        parts.append(repr(record.__dict__))
        if record.exc_info:
            parts.append(repr(record.exc_info))
    return "\n".join(parts)


async def run_backfill(watch: Watch, redis_url: str, database: Any, vault: Any, ids: dict[str, str]) -> None:
    """A backfill through the queue, by a real arq worker."""
    run = (await watch.run("StartBackfill", input={}))["startBackfill"]["run"]["id"]
    worker = make_worker(redis_url, database, vault)
    stop = asyncio.Event()
    working = asyncio.create_task(work(worker, stop))
    progress: dict[str, Any] = {}
    for _ in range(1200):
        progress = (await watch.run("BackfillProgress", id=run))["backfillRun"]
        if progress["finishedAt"]:
            break
        await asyncio.sleep(0.05)
    stop.set()
    await working
    assert progress["status"] == "SUCCEEDED"


async def test_no_canary_leaves_or_stays(  # noqa: PLR0917 - fixtures
    api, client, world, write_legacy, sql, loud, servers: EmbeddedServers, redis_url, database_url, database, vault
) -> None:
    """No secret, by whatever way it came, is in an answer (but decryptedValue's and resolve's), in a log record, in
    Redis, or, after a backfill, in pg_dump or PostgreSQL's own log."""
    watch = Watch(client)
    ids = await plant(watch, world, write_legacy)
    await fail(watch, world, ids, sql)
    await ask_everything(watch, world, ids)
    texts = Watch(client)
    await change_schemas(texts)
    with redis.Redis.from_url(redis_url) as store:
        await run_backfill(watch, redis_url, database, vault, ids)
        kept = "".join(repr((key, store.dump(key))) for key in store.scan_iter())
    await ask_everything(watch, world, ids)
    await watch.run("RestoreConfig", input={"id": ids["global"], "version": 1})
    await watch.run("DeleteConfig", input={"id": ids["lost"]})
    await watch.run("DeleteMapping", input={"id": ids["mapping"]})
    await watch.run("DeleteIntegration", input={"id": ids["integration"]})
    await watch.run("ConfigList")
    await api.service.audit.flush()
    everything = PLANTED + REFUSED
    assert leaks("".join(watch.answers), everything) == []
    assert leaks("".join(texts.answers), [name for name in everything if not name.startswith("text")]) == []
    assert leaks(everything_logged(loud), everything) == []
    assert leaks(kept, everything) == []
    dump = subprocess.run([binary("pg_dump"), asyncpg_dsn(database_url)], check=True, capture_output=True, text=True)
    assert dump.stdout.count("\n") > 300
    assert leaks(dump.stdout, everything) == []
    assert leaks(servers.postgres.log.read_text(errors="replace"), everything) == []
    shown = "".join(watch.opened)
    assert {canary(name) for name in ("default", "global", "legacy fernet", "legacy plaintext", "upserted")} <= {
        canary(name) for name in leaks(shown, PLANTED) if name != str(NUMBER)
    }


async def test_the_search_finds_what_is_there(sql, write_legacy, world, loud, database_url) -> None:
    """The search is not blind: a plaintext row is found in pg_dump, and a logged secret in the log."""
    await write_legacy("k", canary("default"), integration=world.integration)
    dump = subprocess.run([binary("pg_dump"), asyncpg_dsn(database_url)], check=True, capture_output=True, text=True)
    assert leaks(dump.stdout, PLANTED) == ["default"]
    logging.getLogger("anything").debug("told: %s", {"a": canary("global")})
    assert leaks(everything_logged(loud), PLANTED) == ["global"]
    assert leaks(f"x{NUMBER}", []) == [str(NUMBER)]
