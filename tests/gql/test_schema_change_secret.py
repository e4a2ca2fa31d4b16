"""Schema changes to and from secret: sealed on the way in, revealed on the way out, legacy tokens opened."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from db.crypto.legacy import LegacyKeys

KNOWN, LOST = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
NO_REVEAL = ["config:read", "config:write", "config:resolve", "integration:write"]


@pytest.fixture
def legacy_keys() -> LegacyKeys:
    """One key of older software."""
    return LegacyKeys([KNOWN])


def token(text: str, fernet: Fernet = KNOWN) -> str:
    return fernet.encrypt(text.encode()).decode()


async def change(client: Any, world: Any, *fields: tuple[str, str]) -> tuple[int, int, int]:
    schema = [{"key": key, "type": type} for key, type in fields]
    given = {"id": world.integration, "configSchema": schema}
    done = (await client.run("UpdateIntegration", input=given))["updateIntegration"]
    return done["migrated"], done["dropped"], done["restored"]


async def resolved(client: Any, world: Any) -> dict[str, Any]:
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    return data["resolve"]["config"]


async def everything(sql: Any) -> str:
    """All that the tables of values hold, as text; sealed bytes as they are."""
    tables = ("configs", "config_history", "audit_log")
    rows = [row for table in tables for row in await sql.fetch(f"SELECT * FROM {table}")]
    return "".join(str(tuple(row)) for row in rows)


async def test_a_field_that_becomes_a_secret_seals_rows_and_history(client: Any, world: Any, sql: Any) -> None:
    """String → secret seals its rows and their history: no table holds the plaintext afterwards."""
    for value in ("planted-1", "planted-2", "planted-3"):
        config = {"url": value}
        await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
        await client.run("UpdateMapping", input={"id": world.mapping, "config": config})
    assert "planted" in await everything(sql)
    assert await change(client, world, ("url", "SECRET"), ("api_key", "SECRET")) == (2, 1, 0)
    assert "planted" not in await everything(sql)
    assert await sql.fetchval("SELECT count(*) FROM config_history WHERE key = 'url' AND sealed IS NULL") == 0
    assert (await resolved(client, world))["url"] == "planted-3"
    data = await client.run("ConfigList", filter={"integrationId": world.integration})
    assert {edge["node"]["value"] for edge in data["configs"]["edges"]} == {"[SECRET]"}


async def test_the_sealed_history_still_opens(client: Any, world: Any, sql: Any) -> None:
    """History entries that were sealed with their field can be restored, and show the mask."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"extra": {"a": 1}}})
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"extra": "second"}})
    await change(client, world, ("extra", "SECRET"))
    id = str(await sql.fetchval("SELECT id FROM configs WHERE key = 'extra'"))
    data = await client.run("History", id=id)
    (edge,) = data["config"]["history"]["edges"]
    assert (edge["node"]["type"], edge["node"]["value"]) == ("SECRET", "[SECRET]")
    await client.run("RestoreConfig", input={"id": id, "version": 1})
    assert (await resolved(client, world))["extra"] == {"a": 1}


async def test_dropped_values_are_sealed_when_their_field_returns_as_a_secret(
    client: Any, world: Any, sql: Any
) -> None:
    """A field that is dropped as a string and added as a secret seals what it left in the history."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"url": "planted"}})
    await change(client, world)
    assert "planted" in await everything(sql)
    assert await change(client, world, ("url", "SECRET")) == (0, 0, 2)
    assert "planted" not in await everything(sql)
    assert (await resolved(client, world))["url"] == "planted"


OUT = {
    "a type change": [[("api_key", "STRING")]],
    "a type change of a key without rows": [[("other", "SECRET")], [("other", "INT")]],
    "a drop, then a string": [[], [("api_key", "STRING")]],
    "a drop, then json": [[], [("url", "STRING")], [("api_key", "JSON")]],
}


@pytest.mark.parametrize("name", OUT)
async def test_from_secret_needs_reveal_and_is_audited(name: str, api: Any, client: Any, world: Any, sql: Any) -> None:
    """From secret to anything else, values returning from history included, needs `config:reveal` and is audited."""
    *first, last = OUT[name]
    for fields in first:
        await change(client, world, *fields)
    limited = api.client(await api.make_token(*NO_REVEAL))
    schema = [{"key": key, "type": type} for key, type in last]
    before = await sql.fetch("SELECT key, type FROM integration_config_schema")
    answer = await limited.refused("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert answer.codes == ["FORBIDDEN"]
    assert "the-default-key" not in answer.text
    assert await sql.fetch("SELECT key, type FROM integration_config_schema") == before
    assert await sql.fetchval("SELECT count(*) FROM audit_log WHERE action = 'config.unseal'") == 0
    await change(client, world, *last)
    deeds = await sql.fetch("SELECT actor, keys FROM audit_log WHERE action = 'config.unseal'")
    assert [tuple(row) for row in deeds] == [("admin", [last[0][0]])]


async def test_without_reveal_nothing_is_told_about_what_fits(api: Any, client: Any, world: Any) -> None:
    """Whether a secret fits another type is itself told only to those who may reveal it."""
    limited = api.client(await api.make_token(*NO_REVEAL))
    schema = [{"key": "api_key", "type": "INT"}]
    answer = await limited.refused("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert answer.codes == ["FORBIDDEN"]
    answer = await client.refused("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_to_secret_needs_no_reveal(api: Any, client: Any, world: Any) -> None:
    """To secret, from secret to secret, and dropping a secret take no `config:reveal`."""
    limited = api.client(await api.make_token(*NO_REVEAL))
    await change(limited, world, ("url", "SECRET"), ("api_key", "SECRET"))
    await change(limited, world)
    assert await change(limited, world, ("url", "SECRET"), ("api_key", "SECRET")) == (0, 0, 2)


LEGACY: dict[str, tuple[Any, str, Any]] = {
    "plaintext typed string": ("plain", "string", "plain"),
    "plaintext typed secret": ("plain", "secret", "plain"),
    "a token typed secret": (token("inner"), "secret", "inner"),
    "a token typed string": (token("inner"), "string", "inner"),
    "a token sealed twice": (token(token("inner")), "secret", "inner"),
    "an int": (5, "int", 5),
    "an object": ({"a": 1}, "string", {"a": 1}),
    "what only begins like a token": ("gAAAAAplain", "string", "gAAAAAplain"),
}


async def test_adding_a_secret_field_whose_key_has_rows_seals_them(
    client: Any, world: Any, write_legacy: Any, sql: Any
) -> None:
    """Adding a field whose key has rows is a migration of them: to secret seals, legacy tokens opened first."""
    for number, (value, type, _) in enumerate(LEGACY.values()):
        await write_legacy(f"k{number}", value, integration=world.integration, type=type)
    fields = [(f"k{number}", "SECRET") for number in range(len(LEGACY))]
    assert await change(client, world, *fields) == (len(LEGACY), 2 + 1, 0)
    assert await resolved(client, world) == {f"k{n}": value for n, (_, _, value) in enumerate(LEGACY.values())}
    wrong = "SELECT key FROM configs WHERE legacy OR sealed IS NULL OR value IS NOT NULL OR field_id IS NULL"
    assert await sql.fetch(wrong) == []


async def test_a_legacy_token_that_no_key_opens_waits_for_the_backfill(
    client: Any, world: Any, write_legacy: Any, sql: Any
) -> None:
    """A token of a lost key is neither sealed as if it were the secret nor lost: it stays legacy, and masked."""
    lost = token("inner", LOST)
    await write_legacy("k", lost, integration=world.integration)
    assert (await change(client, world, ("k", "SECRET")))[0] == 0
    row = await sql.fetchrow("SELECT legacy, sealed, value FROM configs WHERE key = 'k'")
    assert (row["legacy"], row["sealed"]) == (True, None)
    assert lost in row["value"]
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert answer.errors[0]["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["k"]}


@pytest.mark.parametrize("kind", ["plain", "token"])
async def test_adding_a_string_field_over_a_legacy_secret_reveals_it(
    kind: str, api: Any, client: Any, world: Any, write_legacy: Any, sql: Any
) -> None:
    """A legacy row typed secret under a new string field is opened: `config:reveal`, and on record."""
    value = "inner" if kind == "plain" else token("inner")
    await write_legacy("k", value, integration=world.integration, type="secret")
    limited = api.client(await api.make_token(*NO_REVEAL))
    schema = [{"key": "k", "type": "STRING"}]
    answer = await limited.refused("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert answer.codes == ["FORBIDDEN"]
    assert (await change(client, world, ("k", "STRING")))[0] == 1
    assert await resolved(client, world) == {"k": "inner"}
    assert await sql.fetchval("SELECT count(*) FROM audit_log WHERE action = 'config.unseal'") == 1


async def test_adding_a_typed_field_converts_its_rows(client: Any, world: Any, write_legacy: Any, sql: Any) -> None:
    """Adding a field whose key has rows converts them, or refuses by name."""
    await write_legacy("n", "443", integration=world.integration)
    id = await write_legacy("n", "many", integration=world.integration, organization=world.other)
    schema = [{"key": "n", "type": "INT"}]
    answer = await client.refused("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert [id in problem["message"] for problem in answer.problems] == [True]
    await sql.execute("DELETE FROM configs WHERE id = $1", id)
    assert (await change(client, world, ("n", "INT")))[0] == 1
    assert await resolved(client, world) == {"n": 443}


async def test_a_pasted_token_is_never_opened(client: Any, world: Any) -> None:
    """Only legacy rows are read by trial decryption: a token that somebody pastes stays that text, as a secret too."""
    pasted = token("of another tenant")
    config = {"url": pasted, "api_key": pasted}
    await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    assert await change(client, world, ("url", "SECRET"), ("api_key", "SECRET")) == (1, 1, 0)
    assert await resolved(client, world) == config


async def test_a_legacy_value_becomes_a_secret_as_it_resolved_before(
    client: Any, world: Any, write_legacy: Any
) -> None:
    """A legacy "443" under an int field resolves as 443, and still does once the field is a secret."""
    await change(client, world, ("port", "INT"), ("verify", "BOOL"))
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"port": None}})
    await write_legacy("port", "443", integration=world.integration)
    await write_legacy("verify", "true", integration=world.integration)
    before = await resolved(client, world)
    assert before == {"port": 443, "verify": True}
    assert await change(client, world, ("port", "SECRET"), ("verify", "SECRET")) == (2, 0, 0)
    assert await resolved(client, world) == before
