"""Resolving and listing legacy rows: they answer before the backfill as they do after it."""

import base64
from typing import Any

import pytest
from cryptography.fernet import Fernet

from db.crypto.legacy import LegacyKeys

KNOWN, LOST = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())


def token(text: str, fernet: Fernet = KNOWN) -> str:
    return fernet.encrypt(text.encode()).decode()


def wrapped(text: str) -> str:
    """The other stored form: base64 of the token."""
    return base64.urlsafe_b64encode(token(text).encode()).decode()


@pytest.fixture
def legacy_keys() -> LegacyKeys:
    """One key of older software."""
    return LegacyKeys([KNOWN])


@pytest.fixture
async def bare(client: Any, world: Any, sql: Any) -> Any:
    """The world without any config."""
    await sql.execute("DELETE FROM configs")
    return world


async def explained(client: Any, world: Any) -> dict[str, Any]:
    data = await client.run("ResolveExplained", integration="halo-psa", organizationId=world.organization)
    return data["resolve"]


SECRETS: dict[str, tuple[Any, str, Any]] = {
    "plaintext typed string": ("plain", "string", "plain"),
    "plaintext typed secret": ("plain", "secret", "plain"),
    "a token": (token("inner"), "secret", "inner"),
    "a token typed string": (token("inner"), "string", "inner"),
    "base64 of a token": (wrapped("inner"), "secret", "inner"),
    "sealed twice": (token(wrapped("inner")), "secret", "inner"),
    "an int": (5, "int", 5),
    "false": (False, "bool", False),
    "an object": ({"a": [1]}, "json", {"a": [1]}),
    "a token of a number stays text": (token("5"), "secret", "5"),
    "a beginning like a token's": ("gAAAAABplain", "secret", "gAAAAABplain"),
    "the mask": ("[SECRET]", "secret", "[SECRET]"),
}


@pytest.mark.parametrize("name", SECRETS)
async def test_a_legacy_secret_resolves_and_is_masked(name: str, client: Any, bare: Any, write_legacy: Any) -> None:
    """What a legacy secret is, is found by trial decryption; it is masked the moment this software starts."""
    held, type, meant = SECRETS[name]
    id = await write_legacy("api_key", held, integration=bare.integration, type=type)
    entry = next(e for e in (await explained(client, bare))["entries"] if e["key"] == "api_key")
    assert entry == {"key": "api_key", "type": "SECRET", "value": meant, "source": "DEFAULT"}
    (edge,) = (await client.run("ConfigList"))["configs"]["edges"]
    assert (edge["node"]["type"], edge["node"]["value"], edge["node"]["sealed"]) == ("SECRET", "[SECRET]", False)
    assert (await client.run("Reveal", id=id))["config"]["decryptedValue"] == meant


@pytest.mark.parametrize("held", [token("inner", LOST), token(token("inner", LOST))], ids=["once", "twice"])
async def test_a_token_that_no_key_opens_is_undecryptable(held: str, client: Any, bare: Any, write_legacy: Any) -> None:
    """A token that opens with no key is never handed out as if it were the secret."""
    id = await write_legacy("api_key", held, integration=bare.integration)
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=bare.organization)
    assert answer.errors[0]["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["api_key"]}
    answer = await client.refused("Reveal", id=id)
    assert answer.codes == ["UNDECRYPTABLE"]
    assert held not in answer.text


EMPTY = [None, "", token("")]


@pytest.mark.parametrize("empty", EMPTY, ids=["null", "empty", "a token of nothing"])
async def test_a_legacy_empty_override_counts_as_absent(empty: Any, client: Any, bare: Any, write_legacy: Any) -> None:
    """A legacy null or empty value counts as absent: the default below it counts, or the key is missing."""
    at = {"integration": bare.integration}
    await write_legacy("api_key", empty, organization=bare.organization, **at)
    assert (await explained(client, bare))["missing"] == ["url", "api_key"]
    await write_legacy("api_key", "default", **at)
    told = await explained(client, bare)
    assert (told["missing"], told["config"]["api_key"]) == (["url"], "default")


@pytest.mark.parametrize("key", ["url", "port", "verify", "extra"])
@pytest.mark.parametrize("empty", [None, ""])
async def test_a_legacy_empty_value_of_any_type_counts_as_absent(
    key: str, empty: Any, client: Any, bare: Any, write_legacy: Any
) -> None:
    """A legacy null or empty value is neither unfit nor a value, whatever its field's type."""
    await write_legacy(key, empty, integration=bare.integration)
    told = await explained(client, bare)
    assert (told["config"], told["unfit"]) == ({"port": 443}, [])


FITTING = {
    "an int as text": ("port", "8443", 8443),
    "a bool as text": ("verify", "true", True),
    "an object as text": ("extra", '{"a": 1}', {"a": 1}),
    "text in json": ("extra", "text", "text"),
}


@pytest.mark.parametrize("name", FITTING)
async def test_a_legacy_text_that_fits_is_its_type(name: str, client: Any, bare: Any, write_legacy: Any) -> None:
    """A legacy text that fits its type losslessly resolves and lists as that."""
    key, held, meant = FITTING[name]
    await write_legacy(key, held, integration=bare.integration)
    assert (await explained(client, bare))["config"][key] == meant
    (edge,) = (await client.run("ConfigList"))["configs"]["edges"]
    assert edge["node"]["value"] == meant


async def test_a_value_that_does_not_fit_is_left_out(client: Any, bare: Any, write_legacy: Any) -> None:
    """A non-secret value that does not fit is left out of `config`, named in `unfit` and, if required, `missing`."""
    at = {"integration": bare.integration}
    for key, value in (("url", 5), ("port", "many"), ("verify", "yes")):
        await write_legacy(key, value, **at)
    told = await explained(client, bare)
    assert told["config"] == {}
    assert told["entries"] == []
    assert told["unfit"] == ["url", "port", "verify"]
    assert told["missing"] == ["url", "api_key"]


async def test_an_unfit_override_does_not_fall_back(client: Any, bare: Any, write_legacy: Any) -> None:
    """The override wins before fitness is judged: no falling back to a default that fits, or to the schema's."""
    at = {"integration": bare.integration}
    await write_legacy("port", 1, **at)
    await write_legacy("port", "many", organization=bare.organization, **at)
    await write_legacy("verify", "yes", **at)
    await write_legacy("verify", True, organization=bare.organization, **at)
    told = await explained(client, bare)
    assert (told["config"], told["unfit"]) == ({"verify": True}, ["port"])


UNKNOWN: dict[str, tuple[Any, str, Any, str]] = {
    "text": ("5", "string", "5", "STRING"),
    "text typed int": ("many", "int", "many", "INT"),
    "an object typed string": ({"a": 1}, "string", {"a": 1}, "STRING"),
    "a secret": ("plain", "secret", "plain", "SECRET"),
    "a token typed secret": (token("inner"), "secret", "inner", "SECRET"),
    "a token typed string": (token("inner"), "string", None, "STRING"),
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_unknown_stored_keys_are_returned_as_they_are(
    name: str, client: Any, bare: Any, write_legacy: Any
) -> None:
    """Unknown stored keys are returned as they are; one typed secret is a secret too: opened, and masked in lists."""
    held, type, meant, shown = UNKNOWN[name]
    await write_legacy("unknown", held, integration=bare.integration, type=type)
    told = await explained(client, bare)
    entry = next(entry for entry in told["entries"] if entry["key"] == "unknown")
    assert (entry["value"], entry["type"]) == (held if meant is None else meant, shown)
    assert told["unfit"] == []
    (edge,) = (await client.run("ConfigList"))["configs"]["edges"]
    assert edge["node"]["value"] == ("[SECRET]" if shown == "SECRET" else held)


async def test_a_shadowed_legacy_token_of_a_lost_key_fails_nothing(client: Any, bare: Any, write_legacy: Any) -> None:
    """A shadowed undecryptable default is never opened, legacy or not."""
    at = {"integration": bare.integration}
    await write_legacy("api_key", token("inner", LOST), **at)
    await write_legacy("api_key", "own", organization=bare.organization, **at)
    assert (await explained(client, bare))["config"]["api_key"] == "own"


async def test_only_legacy_rows_are_read_by_trial_decryption(
    client: Any, bare: Any, write_legacy: Any, sql: Any
) -> None:
    """A token pasted into a field through the API is that text, even one that a legacy key would open."""
    pasted = token("of another tenant")
    config = {"api_key": pasted, "url": pasted}
    given = {"integrationId": bare.integration, "config": config}
    await client.run("SetIntegrationConfig", input=given)
    given = {"key": "k", "type": "SECRET", "value": pasted}
    id = (await client.run("SetConfig", input=given))["setConfig"]["config"]["id"]
    assert (await explained(client, bare))["config"] == {**config, "port": 443}
    assert (await client.run("Reveal", id=id))["config"]["decryptedValue"] == pasted


SHAPES = ['{"value": "x"}', '"x"', '{"value": "x", "more": 1}']


@pytest.mark.parametrize("shape", SHAPES)
async def test_values_of_any_legacy_shape_are_read(
    shape: str, client: Any, bare: Any, write_legacy: Any, sql: Any
) -> None:
    """A legacy value column that is not exactly {"value": …} is read, and breaks no list."""
    id = await write_legacy("url", "y", integration=bare.integration)
    await sql.execute("UPDATE configs SET value = $1 WHERE id = $2", shape, id)
    assert (await explained(client, bare))["config"]["url"] == "x"


async def test_the_effective_type_filters_lists(client: Any, bare: Any, write_legacy: Any) -> None:
    """The effective type of a row is its schema's, whatever the row says: the list's type filter follows it."""
    at = {"integration": bare.integration}
    await write_legacy("api_key", "x", **at)
    await write_legacy("url", "x", type="secret", **at)
    await write_legacy("alone", "x", type="secret")
    found = {}
    for kind in ("SECRET", "STRING", "INT"):
        edges = (await client.run("ConfigList", filter={"type": kind}))["configs"]["edges"]
        found[kind] = {edge["node"]["key"]: edge["node"]["value"] for edge in edges}
    assert found == {"SECRET": {"alone": "[SECRET]", "api_key": "[SECRET]"}, "STRING": {"url": "x"}, "INT": {}}
