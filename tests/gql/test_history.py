"""History: earlier values, newest first, masked, sealed, paged; by place, so that it outlives the row."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event

from db.crypto.legacy import LegacyKeys
from db.sessions import Database

KNOWN, LOST = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())

MANY = """
query ($first: Int, $after: String) { configs(first: 50) { edges { node { id key
  history(first: $first, after: $after) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
    edges { cursor node { version value reason } } } } } } }
"""


@pytest.fixture
def legacy_keys() -> LegacyKeys:
    """One key of older software."""
    return LegacyKeys([KNOWN])


async def write(client: Any, **given: Any) -> dict[str, Any]:
    return (await client.run("SetConfig", input=given))["setConfig"]["config"]


async def history(client: Any, id: str, **page: Any) -> dict[str, Any]:
    return (await client.run("History", id=id, **page))["config"]["history"]


def nodes(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in page["edges"]]


async def test_history_is_newest_first_and_paged(client: Any) -> None:
    """Earlier values, newest first, page by page, each once; the current one is not among them."""
    id = (await write(client, key="k", type="INT", value=1))["id"]
    for number in range(2, 8):
        await write(client, key="k", type="INT", value=number)
    page = (await client.run(MANY, first=3))["configs"]["edges"][0]["node"]["history"]
    assert [node["value"] for node in nodes(page)] == [6, 5, 4]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (6, True)
    await write(client, key="k", type="INT", value=8)
    rest = await history(client, id, first=3, after=page["pageInfo"]["endCursor"])
    assert [node["version"] for node in nodes(rest)] == [3, 2, 1]
    assert rest["totalCount"] == 7


@pytest.mark.parametrize("page", [{"first": 0}, {"first": 201}, {"first": -1}, {"after": "x"}, {"after": ""}])
async def test_a_page_that_cannot_be(page: dict[str, Any], client: Any) -> None:
    """Page sizes over 200 and malformed cursors are BAD_USER_INPUT."""
    id = (await write(client, key="k", type="INT", value=1))["id"]
    answer = await client.refused("History", id=id, **page)
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_a_cursor_of_another_list_is_refused(client: Any) -> None:
    """A cursor of the configs' list is none of a history."""
    id = (await write(client, key="k", type="INT", value=1))["id"]
    listed = await client.run("ConfigList")
    answer = await client.refused("History", id=id, after=listed["configs"]["pageInfo"]["endCursor"])
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_a_secrets_history_is_sealed_and_masked(client: Any, world: Any, sql: Any) -> None:
    """Earlier values of a secret are sealed too, for the history alone, and masked like the value."""
    for value in ("planted-1", {"planted": 2}, "planted-3"):
        config = {"api_key": value}
        await client.run("UpdateMapping", input={"id": world.mapping, "config": config})
    id = str(await sql.fetchval("SELECT id FROM configs WHERE key = 'api_key' AND organization_id IS NOT NULL"))
    assert [(n["type"], n["value"]) for n in nodes(await history(client, id))] == [("SECRET", "[SECRET]")] * 2
    rows = await sql.fetch("SELECT value, sealed, data_key_id FROM config_history")
    assert all(row["value"] is None and row["sealed"][0] == 1 for row in rows)
    own = await sql.fetchval("SELECT id FROM data_keys WHERE organization_id IS NOT NULL")
    assert {row["data_key_id"] for row in rows} == {own}


async def test_a_ciphertext_of_the_history_is_none_of_the_config(client: Any, world: Any, sql: Any) -> None:
    """A history entry's ciphertext put into the config's row does not open, nor the other way round."""
    given = {"integrationId": world.integration, "config": {"api_key": "second"}}
    await client.run("SetIntegrationConfig", input=given)
    id = str(await sql.fetchval("SELECT id FROM configs WHERE key = 'api_key'"))
    held, past = await sql.fetchrow(
        "SELECT c.sealed AS held, h.sealed AS past FROM configs c, config_history h WHERE c.key = 'api_key'"
    )
    await sql.execute("UPDATE configs SET sealed = $1 WHERE key = 'api_key'", past)
    assert (await client.refused("Reveal", id=id)).codes == ["UNDECRYPTABLE"]
    await sql.execute("UPDATE config_history SET sealed = $1", held)
    answer = await client.refused("RestoreConfig", input={"id": id, "version": 1})
    assert answer.codes == ["UNDECRYPTABLE"]


async def test_a_restored_copy_of_a_deleted_row_has_its_history(client: Any) -> None:
    """History is kept by place: a config that is deleted and written again has its earlier values, and reasons."""
    id = (await write(client, key="k", type="INT", value=1))["id"]
    await write(client, key="k", type="INT", value=2)
    await client.run("DeleteConfig", input={"id": id})
    again = await write(client, key="k", type="INT", value=3)
    assert again["id"] != id
    assert again["version"] == 3
    data = (await client.run(MANY))["configs"]["edges"][0]["node"]["history"]
    assert [(n["version"], n["value"], n["reason"]) for n in nodes(data)] == [
        (2, 2, "deleted"),
        (1, 1, "updated"),
    ]


async def test_histories_are_apart(client: Any, world: Any) -> None:
    """The histories of a default, an override, a global and an organization's standalone value of a key are apart."""
    places: list[tuple[str, dict[str, Any], str]] = [
        ("SetIntegrationConfig", {"integrationId": world.integration}, "config"),
        ("UpdateMapping", {"id": world.mapping}, "config"),
        ("SetConfig", {"key": "port", "type": "INT"}, "value"),
        ("SetConfig", {"key": "port", "type": "INT", "organizationId": world.organization}, "value"),
    ]
    for number, (query, given, field) in enumerate(places):
        for value in (number * 10, number * 10 + 1):
            await client.run(query, input={**given, field: {"port": value} if field == "config" else value})
    listed = (await client.run(MANY))["configs"]["edges"]
    found = [[n["value"] for n in nodes(edge["node"]["history"])] for edge in listed if edge["node"]["key"] == "port"]
    assert sorted(found) == [[0], [10, 8443], [20], [30]]


async def test_many_histories_are_one_statement(client: Any, database: Database) -> None:
    """The histories of a whole list are read in one statement, however many rows it has."""
    counted: list[int] = []
    for count in (3, 30):
        for number in range(count):
            for value in (1, 2):
                await write(client, key=f"k{number}", type="INT", value=value)
        statements: list[str] = []
        engine = database.engine.sync_engine
        listener = lambda *args, told=statements: told.append(args[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listener)
        data = await client.run(MANY.replace("totalCount", ""), first=5)
        event.remove(engine, "before_cursor_execute", listener)
        assert len(data["configs"]["edges"]) == count
        assert all(len(edge["node"]["history"]["edges"]) >= 1 for edge in data["configs"]["edges"])
        counted.append(sum("config_history" in statement for statement in statements))
    assert counted == [1, 1]


LEGACY = {
    "plaintext": ("planted", "planted"),
    "an int": (5, 5),
    "a token": (KNOWN.encrypt(b"planted").decode(), "planted"),
}


@pytest.mark.parametrize("name", LEGACY)
async def test_a_legacy_secret_goes_to_the_history_sealed(
    name: str, client: Any, world: Any, write_legacy: Any, sql: Any
) -> None:
    """Overwriting a legacy secret keeps what it was, opened and sealed: restored, it is the secret, never a token."""
    held, meant = LEGACY[name]
    await sql.execute("DELETE FROM configs WHERE key = 'api_key'")
    id = await write_legacy("api_key", held, integration=world.integration)
    given = {"integrationId": world.integration, "config": {"api_key": "new"}}
    await client.run("SetIntegrationConfig", input=given)
    row = await sql.fetchrow("SELECT value, config_type, undecided FROM config_history")
    assert tuple(row) == (None, "secret", False)
    assert nodes(await history(client, id))[0]["value"] == "[SECRET]"
    await client.run("RestoreConfig", input={"id": id, "version": 1})
    assert (await client.run("Reveal", id=id))["config"]["decryptedValue"] == meant


async def test_a_legacy_value_goes_to_the_history_as_its_type(client: Any, world: Any, write_legacy: Any) -> None:
    """A legacy "443" under an int field is 443 in the history; what does not fit is kept as it is."""
    for key, held, new, kept in (("verify", "true", False, True), ("extra", "[1]", 5, [1])):
        id = await write_legacy(key, held, integration=world.integration)
        given = {"integrationId": world.integration, "config": {key: new}}
        await client.run("SetIntegrationConfig", input=given)
        (node,) = nodes(await history(client, id))
        assert (node["value"], node["changedBy"]) == (kept, "legacy@example.com")
