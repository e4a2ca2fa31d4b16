"""decryptedValue: who gets it, on which path it is refused, and the record that comes before it."""

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import text

PAGE = "{ configs { edges { node { id key value decryptedValue } } } }"


@pytest.fixture
async def secret(client) -> str:
    """The id of a standalone secret, `hunter2`."""
    given = {"key": "password", "type": "SECRET", "value": "hunter2"}
    return (await client.run("SetConfig", input=given))["setConfig"]["config"]["id"]


async def test_reveal(client, secret) -> None:
    """A caller with config:reveal gets the value itself; `value` beside it stays masked."""
    data = await client.run("Reveal", id=secret)
    assert data["config"]["value"] == "[SECRET]"
    assert data["config"]["decryptedValue"] == "hunter2"


@pytest.mark.parametrize("value", [7, True, 1.5, {"a": [None, "b"]}, ["x"], "line\nbreak \U0001f511"])
async def test_a_secret_comes_back_as_it_went_in(client, value: Any) -> None:
    """An int, an object or any text under a secret key is revealed as what it was."""
    given = {"key": "k", "type": "SECRET", "value": value}
    id = (await client.run("SetConfig", input=given))["setConfig"]["config"]["id"]
    assert (await client.run("Reveal", id=id))["config"]["decryptedValue"] == value


async def test_without_permission_only_its_own_path_is_null(api, client, secret) -> None:
    """A caller without config:reveal gets everything but decryptedValue: null, with FORBIDDEN on this path alone."""
    reader = api.client(await api.make_token("config:read"))
    answer = await reader.send("Reveal", id=secret)
    assert answer.data == {
        "config": {
            "id": secret,
            "key": "password",
            "type": "SECRET",
            "value": "[SECRET]",
            "decryptedValue": None,
        }
    }
    (error,) = answer.errors
    assert error["path"] == ["config", "decryptedValue"]
    assert error["extensions"] == {"code": "FORBIDDEN"}


async def test_in_a_list_each_path_is_refused_by_itself(api, client, world) -> None:
    """In a list, what may be revealed is, and the rest is null with one error for each path."""
    token = await api.make_token("config:read", "config:reveal", organization_ids=[world.organization])
    answer = await api.client(token).send(PAGE)
    assert answer.data is not None
    nodes = [edge["node"] for edge in answer.data["configs"]["edges"]]
    assert [(node["key"], node["decryptedValue"]) for node in nodes] == [
        ("api_key", None),
        ("port", 8443),
        ("url", None),
    ]
    assert [error["path"] for error in answer.errors] == [
        ["configs", "edges", index, "node", "decryptedValue"] for index in (0, 2)
    ]
    assert set(answer.codes) == {"FORBIDDEN"}


async def test_what_cannot_be_opened_is_undecryptable_on_its_path(client, secret, world, sql) -> None:
    """A secret that does not open is null with UNDECRYPTABLE naming its key; the others are revealed."""
    await sql.execute(
        "UPDATE configs SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)) WHERE key = 'password'"
    )
    answer = await client.send(PAGE)
    assert answer.data is not None
    shown = {edge["node"]["key"]: edge["node"]["decryptedValue"] for edge in answer.data["configs"]["edges"]}
    assert shown["password"] is None
    assert shown["api_key"] == "the-default-key"
    (error,) = answer.errors
    assert error["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["password"]}


async def test_a_reveal_is_on_record_before_it_is_answered(client, secret, sql) -> None:
    """When the answer has arrived, its record is there: no waiting, no batch."""
    await client.run("Reveal", id=secret)
    rows = await sql.fetch("SELECT actor, keys, config_id FROM audit_log WHERE action = 'config.reveal'")
    assert [tuple(row) for row in rows] == [("admin", ["password"], uuid.UUID(secret))]


async def test_a_reveal_of_what_is_no_secret_is_no_event(client, world, sql) -> None:
    """Only secrets are revealed: a plain value through decryptedValue leaves no record."""
    data = await client.run(PAGE)
    assert len(data["configs"]["edges"]) == 3
    rows = await sql.fetch("SELECT keys FROM audit_log WHERE action = 'config.reveal'")
    assert [row["keys"] for row in rows] == [["api_key"]]


async def test_a_refused_reveal_is_not_on_record(api, client, secret, sql) -> None:
    """What was not handed out is not recorded as handed out."""
    for permissions in (["config:read"], ["config:resolve"]):
        await api.client(await api.make_token(*permissions)).send("Reveal", id=secret)
    assert await sql.fetchval("SELECT count(*) FROM audit_log WHERE action = 'config.reveal'") == 0


FAIL = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {0}; RETURN NEW; END $$"
ON_INSERT = "CREATE TRIGGER fail BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION fail()"
ON_COMMIT = """CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON audit_log DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail()"""

BREAKS = {
    "its insert fails": (FAIL.format("RAISE 'no'"), ON_INSERT),
    "its commit fails": (FAIL.format("RAISE 'no'"), ON_COMMIT),
    "its connection is cut": (FAIL.format("PERFORM pg_terminate_backend(pg_backend_pid())"), ON_INSERT),
    "its table is gone": ("DROP TABLE audit_log",),
}


@pytest.mark.parametrize("statements", BREAKS.values(), ids=list(BREAKS))
async def test_without_its_record_nothing_is_revealed(client, secret, sql, statements: tuple[str, ...]) -> None:
    """If the record cannot be written, whatever the reason, no secret is answered."""
    for statement in statements:
        await sql.execute(statement)
    answer = await client.send("Reveal", id=secret)
    assert answer.data is not None
    assert answer.data["config"]["decryptedValue"] is None
    assert answer.codes[0] in ("INTERNAL", "UNAVAILABLE")
    assert "hunter2" not in answer.text


async def test_history_is_never_revealed(client, secret) -> None:
    """Earlier secrets are masked for everyone: there is no way to ask for them but restoring one."""
    await client.run("SetConfig", input={"key": "password", "type": "SECRET", "value": "hunter3"})
    data = await client.run("History", id=secret)
    assert [edge["node"]["value"] for edge in data["config"]["history"]["edges"]] == ["[SECRET]"]
    assert "hunter" not in json.dumps(data)


async def test_a_write_answer_reveals_only_to_those_who_may(api, client, sql) -> None:
    """The decryptedValue in a mutation's answer is guarded and recorded like everywhere else."""
    document = """mutation ($input: SetConfigInput!) { setConfig(input: $input) {
        config { id value decryptedValue } } }"""
    given = {"key": "k", "type": "SECRET", "value": "hunter2"}
    writer = api.client(await api.make_token("config:write"))
    answer = await writer.send(document, input=given)
    assert answer.data is not None
    assert answer.data["setConfig"]["config"]["decryptedValue"] is None
    assert answer.codes == ["FORBIDDEN"]
    assert "hunter2" not in answer.text
    data = await client.run(document, input=given)
    assert data["setConfig"]["config"]["decryptedValue"] == "hunter2"
    assert await sql.fetchval("SELECT count(*) FROM audit_log WHERE action = 'config.reveal'") == 1


async def test_a_legacy_plaintext_secret_is_revealed_and_recorded(client, world, write_legacy, sql) -> None:
    """A secret that nobody has sealed yet is masked in lists, and its reveal is a reveal like any other."""
    id = await write_legacy("api_key", "old plaintext", integration=world.integration, organization=world.other)
    data = await client.run("Reveal", id=id)
    assert (data["config"]["value"], data["config"]["decryptedValue"]) == ("[SECRET]", "old plaintext")
    rows = await sql.fetch("SELECT organization_id, config_id FROM audit_log WHERE action = 'config.reveal'")
    assert [tuple(row) for row in rows] == [(uuid.UUID(world.other), uuid.UUID(id))]


async def test_a_row_that_is_gone_meanwhile_is_not_found(api, client, secret) -> None:
    """A config that is deleted between the list and its reveal is null with NOT_FOUND, not an older value."""
    document = """mutation ($id: DeleteConfigInput!, $input: SetConfigInput!) {
        setConfig(input: $input) { config { decryptedValue } } deleteConfig(input: $id) { id } }"""
    given = {"key": "password", "type": "SECRET", "value": "hunter3"}
    data = await client.run(document, id={"id": secret}, input=given)
    assert data["setConfig"]["config"]["decryptedValue"] == "hunter3"
    assert (await client.refused("Reveal", id=secret)).codes == ["NOT_FOUND"]
    await api.transact(lambda transaction: transaction.session.execute(text("SELECT 1")))
