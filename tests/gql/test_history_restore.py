"""Restoring: an earlier version becomes the current one, by today's schema, as a new version."""

import asyncio
import uuid
from typing import Any

import pytest
from cryptography.fernet import Fernet

from db.crypto.legacy import LegacyKeys

LOST = Fernet(Fernet.generate_key())


@pytest.fixture
def keyed() -> list[Fernet]:
    """The keys of older software; a test may find one again."""
    return []


@pytest.fixture
def legacy_keys(keyed: list[Fernet]) -> LegacyKeys:
    """No key of older software, until one is found."""
    keys = LegacyKeys([])
    keys._fernets = keyed  # pyright: ignore[reportAttributeAccessIssue]
    return keys


async def set_default(client: Any, world: Any, config: dict[str, Any]) -> str:
    given = {"integrationId": world.integration, "config": config}
    written = (await client.run("SetIntegrationConfig", input=given))["setIntegrationConfig"]["configs"]
    return written[0]["id"] if written else ""


async def restore(client: Any, id: str, version: int) -> dict[str, Any]:
    data = await client.run("RestoreConfig", input={"id": id, "version": version})
    return data["restoreConfig"]["config"]


async def change(client: Any, world: Any, *fields: tuple[str, str]) -> None:
    schema = [{"key": key, "type": type} for key, type in fields]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})


async def test_restoring_makes_a_new_version(client: Any, world: Any) -> None:
    """Make an earlier version the current one, as a new version; what was current goes to the history."""
    for value in (1, 2, 3):
        id = await set_default(client, world, {"port": value})
    assert await restore(client, id, 1) == {"id": id, "key": "port", "version": 4, "value": 1}
    page = (await client.run("History", id=id))["config"]["history"]
    assert [(e["node"]["version"], e["node"]["value"]) for e in page["edges"]] == [(3, 3), (2, 2), (1, 1)]


@pytest.mark.parametrize("version", [0, 2, 99, -1])
async def test_a_version_that_is_not_there(version: int, client: Any, world: Any, sql: Any) -> None:
    """A version that the history does not have is NOT_FOUND, the current one included."""
    await set_default(client, world, {"port": 1})
    id = await set_default(client, world, {"port": 2})
    before = await sql.fetch("SELECT * FROM configs ORDER BY id")
    answer = await client.refused("RestoreConfig", input={"id": id, "version": version})
    assert answer.codes == ["NOT_FOUND"]
    assert await sql.fetch("SELECT * FROM configs ORDER BY id") == before
    answer = await client.refused("RestoreConfig", input={"id": str(uuid.uuid4()), "version": 1})
    assert answer.codes == ["NOT_FOUND"]


async def test_a_secret_is_restored_without_being_shown(api: Any, client: Any, world: Any) -> None:
    """Restoring a secret takes no config:reveal, and its answer is the mask."""
    id = await set_default(client, world, {"api_key": "second"})
    limited = api.client(await api.make_token("config:write", "config:read"))
    assert (await restore(limited, id, 1))["value"] == "[SECRET]"
    assert (await client.run("Reveal", id=id))["config"]["decryptedValue"] == "the-default-key"


async def test_restoring_is_by_todays_schema(client: Any, world: Any) -> None:
    """A version of another type is restored as today's type has it, as its row was when the type changed."""
    for value in (5, 6):
        id = await set_default(client, world, {"port": value})
    await change(client, world, ("port", "STRING"))
    assert (await restore(client, id, 1))["value"] == "5"
    await change(client, world, ("port", "JSON"))
    assert (await restore(client, id, 1))["value"] == 5
    await change(client, world, ("port", "SECRET"))
    assert (await restore(client, id, 1))["value"] == "[SECRET]"
    assert (await client.run("Reveal", id=id))["config"]["decryptedValue"] == 5


async def test_what_todays_schema_does_not_take_is_refused(client: Any, world: Any, sql: Any) -> None:
    """A version that does not fit today's type or options, or whose key is gone from the schema, is refused."""
    id = await set_default(client, world, {"url": "text"})
    await set_default(client, world, {"url": "5"})
    await change(client, world, ("url", "INT"))
    answer = await client.refused("RestoreConfig", input={"id": id, "version": 2})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.problems[0]["path"] == ["version"]
    assert await sql.fetchval("SELECT version FROM configs WHERE id = $1", uuid.UUID(id)) == 4


async def test_an_unknown_key_is_not_restored(client: Any, world: Any, write_legacy: Any, sql: Any) -> None:
    """A row whose key the schema does not know cannot be restored; it can be deleted."""
    id = await write_legacy("gone", "x", integration=world.integration)
    await sql.execute(
        "INSERT INTO config_history (id, integration_id, key, version, config_type, value, changed_at, changed_by,"
        " reason) VALUES (gen_random_uuid(), $1, 'gone', 0, 'string', '{\"value\": \"y\"}', now(), 'x', 'r')",
        world.integration,
    )
    assert (await client.refused("RestoreConfig", input={"id": id, "version": 0})).codes == ["BAD_USER_INPUT"]


async def test_nothing_of_a_deleted_integration_is_restored(client: Any, world: Any) -> None:
    """A deleted integration's configs cannot be changed back: CONFLICT."""
    for value in (1, 2):
        id = await set_default(client, world, {"port": value})
    await client.run("DeleteIntegration", input={"id": world.integration})
    assert (await client.refused("RestoreConfig", input={"id": id, "version": 1})).codes == ["CONFLICT"]


async def test_a_secret_that_is_none_any_more_needs_reveal(api: Any, client: Any, world: Any, sql: Any) -> None:
    """From secret to anything else, values returning from history included: restoring one needs `config:reveal`."""
    id = await set_default(client, world, {"api_key": "second"})
    await change(client, world, ("api_key", "STRING"))
    limited = api.client(await api.make_token("config:write", "config:read"))
    answer = await limited.refused("RestoreConfig", input={"id": id, "version": 1})
    assert answer.codes == ["FORBIDDEN"]
    assert "the-default-key" not in answer.text
    unsealed = "SELECT count(*) FROM audit_log WHERE action = 'config.unseal'"
    before = await sql.fetchval(unsealed)
    assert (await restore(client, id, 1))["value"] == "the-default-key"
    assert await sql.fetchval(unsealed) == before + 1


async def test_a_restore_is_on_record(client: Any, world: Any, sql: Any) -> None:
    """A restore is audited with its version, and clears a quarantine like any write."""
    for value in (1, 2):
        id = await set_default(client, world, {"port": value})
    await restore(client, id, 1)
    row = await sql.fetchrow("SELECT config_id, keys, detail FROM audit_log WHERE action = 'config.restore'")
    assert tuple(row) == (uuid.UUID(id), ["port"], '{"version": 1}')


async def test_an_undecided_value_waits_for_its_key(
    client: Any, world: Any, write_legacy: Any, keyed: list[Fernet], sql: Any
) -> None:
    """A token that no key opens is kept sealed when it is overwritten, and restored once its key is found again."""
    await sql.execute("DELETE FROM configs WHERE key = 'api_key'")
    token = LOST.encrypt(b"inner").decode()
    id = await write_legacy("api_key", token, integration=world.integration)
    await set_default(client, world, {"api_key": "new"})
    row = await sql.fetchrow("SELECT value, undecided FROM config_history")
    assert tuple(row) == (None, True)
    answer = await client.refused("RestoreConfig", input={"id": id, "version": 1})
    assert answer.errors[0]["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["api_key"]}
    assert token not in answer.text
    keyed.append(LOST)
    await restore(client, id, 1)
    assert (await client.run("Reveal", id=id))["config"]["decryptedValue"] == "inner"


async def test_a_value_that_does_not_open_can_be_overwritten_and_deleted(client: Any, world: Any, sql: Any) -> None:
    """A damaged secret stops neither a write nor a delete; its history entry shows the mask and never a value."""
    id = str(await sql.fetchval("SELECT id FROM configs WHERE key = 'api_key'"))
    damage = "UPDATE configs SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE key = 'api_key'"
    await sql.execute(damage)
    assert await set_default(client, world, {"api_key": "new"}) == id
    page = (await client.run("History", id=id))["config"]["history"]
    assert [edge["node"]["value"] for edge in page["edges"]] == ["[SECRET]"]
    assert (await client.refused("RestoreConfig", input={"id": id, "version": 1})).codes == ["UNDECRYPTABLE"]
    await sql.execute(damage)
    await client.run("DeleteConfig", input={"id": id})


async def test_restores_and_writes_at_once(client: Any, world: Any, sql: Any) -> None:
    """Many restores and writes of one config at once: no error, and every version is kept once."""
    id, *_ = [await set_default(client, world, {"port": value}) for value in range(5)]
    calls = [
        client.send("RestoreConfig", input={"id": id, "version": 1 + number % 4})
        if number % 2
        else client.send("SetIntegrationConfig", input={"integrationId": world.integration, "config": {"port": number}})
        for number in range(20)
    ]
    answers = await asyncio.gather(*calls)
    assert [answer.errors for answer in answers if answer.errors] == []
    assert await sql.fetchval("SELECT version FROM configs WHERE id = $1", uuid.UUID(id)) == 25
    assert await sql.fetchval("SELECT count(*) FROM config_history WHERE organization_id IS NULL") == 24
