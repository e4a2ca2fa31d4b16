"""Faults of the software being replaced: each is named, and is no more. Those of its migration are in
test_faults_backfill.py."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from cryptography.fernet import Fernet

from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys

OLD = Fernet(Fernet.generate_key())
SECRET = "correct horse battery staple"


@pytest.fixture
def legacy_keys() -> LegacyKeys:
    return LegacyKeys([OLD])


async def set_defaults(client: Any, world: Any, config: dict[str, Any]) -> list[dict[str, Any]]:
    done = await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    return done["setIntegrationConfig"]["configs"]


async def rows_of(sql: Any, key: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await sql.fetch("SELECT * FROM configs WHERE key = $1 ORDER BY id", key)]


async def listed(client: Any) -> dict[str, Any]:
    data = await client.run("ConfigList")
    return {edge["node"]["key"]: edge["node"]["value"] for edge in data["configs"]["edges"]}


async def resolve(client: Any, world: Any) -> dict[str, Any]:
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    return data["resolve"]["config"]


async def test_integration_routes_store_secrets_as_plaintext_typed_string(client, world, sql) -> None:
    """Every route that writes an integration's secret seals it and types it `secret`."""
    at = {"integrationId": world.integration, "entityId": "1"}
    await set_defaults(client, world, {"api_key": SECRET})
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": SECRET}})
    await client.run("CreateMapping", input={**at, "organizationId": world.other, "config": {"api_key": SECRET}})
    upserted = {"organizationId": world.other, "entityId": "2", "config": {"api_key": SECRET}}
    await client.run("UpsertMappings", input={"integrationId": world.integration, "mappings": [upserted]})
    rows = await rows_of(sql, "api_key")
    assert len(rows) == 3
    for row in rows:
        assert (row["config_type"], row["value"], row["legacy"]) == ("secret", None, False)
        assert SECRET.encode() not in row["sealed"]


async def test_lists_show_plaintext_secrets_unmasked(client, world, write_legacy) -> None:
    """A secret that older software stored as plaintext `string` is masked from the first list on."""
    place = {"integration": world.integration, "organization": world.other}
    await write_legacy("api_key", SECRET, **place)
    assert SECRET not in json.dumps(await client.run("ConfigList"))
    deep = "{ mappings { edges { node { overrides { value history { edges { node { value } } } } } } } }"
    assert SECRET not in json.dumps(await client.run(deep))


@pytest.mark.parametrize("value", [73_920_184, {"private": SECRET}, [SECRET], True])
async def test_int_and_object_secrets_are_stored_in_plaintext(client, world, sql, value: Any) -> None:
    """A secret that is no text is sealed like any other, masked, and comes back as what it was."""
    await set_defaults(client, world, {"api_key": value})
    (row,) = await rows_of(sql, "api_key")
    assert (row["config_type"], row["value"]) == ("secret", None)
    assert (await listed(client))["api_key"] == "[SECRET]"
    assert (await resolve(client, world))["api_key"] == value


async def test_an_ordinary_user_gets_another_organizations_secrets_without_an_audit_row(api, world, sql) -> None:
    """A caller of one organization who asks for another's config gets NOT_FOUND; one who may is on record."""
    other = api.client(await api.make_token("config:resolve", organization_ids=[world.other]))
    ask = {"integration": "halo-psa", "organizationId": world.organization}
    answer = await other.refused("Resolve", **ask)
    assert answer.codes == ["NOT_FOUND"]
    assert "the-default-key" not in answer.text
    own = api.client(await api.make_token("config:resolve", organization_ids=[world.organization]))
    await own.run("Resolve", **ask)
    await api.service.audit.flush()
    rows = await sql.fetch("SELECT organization_id FROM audit_log WHERE action = 'config.resolve'")
    assert [row["organization_id"] for row in rows] == [uuid.UUID(world.organization)]


@pytest.mark.parametrize("fault", ["a lost key", "a rotated key", "a lost legacy key", "a damaged value"])
async def test_with_a_lost_or_rotated_key_the_ciphertext_is_answered_as_the_secret(
    api, client, world, sql, write_legacy, fault: str
) -> None:
    """A secret that does not open fails the whole resolve with UNDECRYPTABLE, naming it; nothing stands in for it."""
    if fault == "a lost legacy key":
        lost = Fernet(Fernet.generate_key()).encrypt(b"x" * 40).decode()
        await write_legacy("api_key", lost, integration=world.integration, organization=world.organization)
    elif fault == "a damaged value":
        await sql.execute(
            "UPDATE configs SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)) WHERE sealed IS NOT NULL"
        )
    elif fault == "a lost key":
        await sql.execute("UPDATE data_keys SET root_key_id = 'gone'")
    api.service.vault.data_keys._opened.clear()
    if fault == "a rotated key":
        api.service.vault.data_keys._root_keys = RootKeyring.generate()
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert answer.data is None
    assert answer.codes == ["UNDECRYPTABLE"]
    assert answer.errors[0]["extensions"]["keys"] == ["api_key"]
    assert "gAAAA" not in answer.text


async def test_write_answers_contain_secrets_or_their_ciphertext(client, world, sql) -> None:
    """Every write is answered with the mask: neither the secret, nor what it was sealed to."""
    answers = [await set_defaults(client, world, {"api_key": SECRET})]
    change = {"id": world.mapping, "config": {"api_key": SECRET}}
    answers.append(await client.run("UpdateMapping", input=change))
    given = {"key": "k", "type": "SECRET", "value": SECRET}
    shown = "mutation ($input: SetConfigInput!) { setConfig(input: $input) { config { id key type value sealed } } }"
    made = await client.run(shown, input=given)
    answers.append(made)
    assert made["setConfig"]["config"] | {"id": ""} == {
        "id": "",
        "key": "k",
        "type": "SECRET",
        "value": "[SECRET]",
        "sealed": True,
    }
    await client.run(shown, input=given)
    answers.append(await client.run("RestoreConfig", input={"id": made["setConfig"]["config"]["id"], "version": 1}))
    told = json.dumps(answers)
    assert SECRET not in told
    for row in await sql.fetch("SELECT sealed FROM configs WHERE sealed IS NOT NULL"):
        assert row["sealed"].hex() not in told


async def test_string_to_secret_in_the_schema_leaves_the_plaintext_and_shows_it(client, world, sql) -> None:
    """A field that becomes a secret seals its values and their history in the same transaction."""
    for url in (SECRET, SECRET + "!"):
        await set_defaults(client, world, {"url": url})
    schema = [{"key": "url", "type": "SECRET"}, {"key": "api_key", "type": "SECRET"}]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert (await listed(client))["url"] == "[SECRET]"
    for table in ("configs", "config_history"):
        stored = [str(dict(row)) for row in await sql.fetch(f"SELECT to_jsonb(t)::text FROM {table} t")]
        assert SECRET not in "".join(stored)
    assert (await resolve(client, world))["url"] == SECRET + "!"


async def test_dropping_a_key_deletes_every_organizations_value_for_good(client, world) -> None:
    """A dropped field's values go to the history, are counted, and come back with the field."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": SECRET}})
    without = [{"key": "url", "type": "STRING"}]
    gone = await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": without})
    assert gone["updateIntegration"]["dropped"] == 3
    assert "api_key" not in await listed(client)
    again = [*without, {"key": "api_key", "type": "SECRET"}]
    back = await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": again})
    assert back["updateIntegration"]["restored"] == 2
    assert (await resolve(client, world))["api_key"] == SECRET


async def test_type_secret_without_a_value_makes_plaintext_typed_secret(client, sql) -> None:
    """Setting a type without a value is refused: no plaintext becomes a secret by its label."""
    given = {"key": "k", "type": "STRING", "value": SECRET}
    await client.run("SetConfig", input=given)
    for empty in ({}, {"value": None}, {"value": ""}):
        answer = await client.refused("SetConfig", input={"key": "k", "type": "SECRET", **empty})
        assert answer.codes == ["BAD_USER_INPUT"]
    assert [row["config_type"] for row in await rows_of(sql, "k")] == ["string"]


async def test_unknown_keys_are_accepted(client, world, tables) -> None:
    """A misspelt key is refused by its name, and nothing of the write happens."""
    before = await tables()
    config = {"url": "https://example.com", "passwrd": SECRET}
    answer = await client.refused("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    assert [problem["path"] for problem in answer.problems] == [["config", "passwrd"]]
    assert await tables() == before


async def test_options_are_stored_and_never_enforced(client, world) -> None:
    """A value that is not among its field's options is refused."""
    for value in ("mars", "EU", "eu "):
        given = {"integrationId": world.integration, "config": {"region": value}}
        assert (await client.refused("SetIntegrationConfig", input=given)).codes == ["BAD_USER_INPUT"]
    await set_defaults(client, world, {"region": "eu"})


async def test_required_is_stored_and_never_enforced(client, world) -> None:
    """A required key without a value is named: by the mapping, and by what is resolved."""
    await set_defaults(client, world, {"api_key": None})
    data = await client.run("Mappings")
    assert [edge["node"]["missing"] for edge in data["mappings"]["edges"]] == [["api_key"]]
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["missing"] == ["api_key"]


@pytest.mark.parametrize("value", [True, False])
async def test_true_passes_as_an_int(client, world, value: bool) -> None:
    """A truth value is no number."""
    given = {"integrationId": world.integration, "config": {"port": value}}
    assert (await client.refused("SetIntegrationConfig", input=given)).codes == ["BAD_USER_INPUT"]


async def test_a_standalone_write_overwrites_an_integrations_value(client, world, sql) -> None:
    """A standalone config is a row of its own: an integration's value of the same key stays, sealed, and resolves."""
    for owner in (None, world.organization):
        given = {"organizationId": owner, "key": "api_key", "type": "STRING", "value": "standalone"}
        await client.run("SetConfig", input=given)
    assert (await resolve(client, world))["api_key"] == "the-default-key"
    rows = {row["integration_id"]: row for row in await rows_of(sql, "api_key")}
    assert rows[uuid.UUID(world.integration)]["sealed"] is not None


async def test_with_two_candidates_a_standalone_write_is_an_error(client, world, sql) -> None:
    """However many rows have the key, a standalone write finds the one that is its own, and makes no second."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": SECRET}})
    for value in ("first", "second"):
        made = await client.run("SetConfig", input={"key": "api_key", "type": "SECRET", "value": value})
    assert made["setConfig"]["config"]["version"] == 2
    assert len(await rows_of(sql, "api_key")) == 3


async def test_a_deleted_integration_still_resolves(client, world) -> None:
    """A deleted integration is NOT_FOUND for resolve, at once."""
    await client.run("DeleteIntegration", input={"id": world.integration})
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert answer.codes == ["NOT_FOUND"]


async def test_a_deleted_integrations_name_can_never_be_used_again(client, world) -> None:
    """Its name is free again, and the new integration has nothing of the old one."""
    await client.run("DeleteIntegration", input={"id": world.integration})
    schema = [{"key": "api_key", "type": "SECRET"}]
    made = await client.run("CreateIntegration", input={"name": "halo-psa", "configSchema": schema})
    id = made["createIntegration"]["integration"]["id"]
    await client.run(
        "CreateMapping", input={"integrationId": id, "organizationId": world.organization, "entityId": "1"}
    )
    assert await resolve(client, world) == {}


async def test_a_deleted_mappings_overrides_come_back_with_the_next_mapping(client, world, write_legacy) -> None:
    """A mapping's overrides go with it, into the history; what older software left over does not come back either."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": SECRET}})
    await client.run("DeleteMapping", input={"id": world.mapping})
    place = {"integration": world.integration, "organization": world.organization}
    await write_legacy("port", 1, **place)
    await client.run(
        "CreateMapping",
        input={"integrationId": world.integration, "organizationId": world.organization, "entityId": "2"},
    )
    assert await resolve(client, world) == {
        "api_key": "the-default-key",
        "url": "https://halo.example.com",
        "port": 443,
    }


async def test_of_two_concurrent_first_writes_one_fails(client, world, sql, patient) -> None:
    """Fifty first writes of one key at once make one row, without an error."""
    given = {"key": "k", "type": "SECRET", "value": SECRET}
    answers = await asyncio.gather(*(client.send("SetConfig", input=given) for _ in range(50)))
    assert [answer.codes for answer in answers] == [[]] * 50
    assert max(answer.data["setConfig"]["config"]["version"] for answer in answers) == 50
    (row,) = await rows_of(sql, "k")
    assert row["version"] == 50


async def test_a_secret_that_begins_like_a_token_stays_plaintext(client, world, sql) -> None:
    """What a secret begins with decides nothing: `gAAA…` is sealed like any other, and comes back as it was."""
    for value in ("gAAA", "gAAAAABnot-a-token", "Z0FBQUFB", OLD.encrypt(b"x").decode()):
        await set_defaults(client, world, {"api_key": value})
        (row,) = await rows_of(sql, "api_key")
        assert row["value"] is None
        assert (await resolve(client, world))["api_key"] == value
