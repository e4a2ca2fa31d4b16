"""Bad input below GraphQL: bodies, documents and limits; and refusals that say what is in the way."""

import json
import logging
import uuid
from typing import Any

import pytest

CANARY = "canary-5d41402abc4b2a76"
SET = "mutation Set($input: SetConfigInput!) { setConfig(input: $input) { config { id } } }"
GOOD = {"query": SET, "variables": {"input": {"key": "k", "type": "SECRET", "value": CANARY}}}


def body(**given: Any) -> bytes:
    return json.dumps(GOOD | given).encode()


def twice(inner: str) -> bytes:
    return f'{{"query": {json.dumps(SET)}, "variables": {{"input": {inner}}}}}'.encode()


BODIES: dict[str, tuple[bytes, int, str, list[Any]]] = {
    "malformed JSON": (b'{"query": "' + CANARY.encode(), 400, "BAD_USER_INPUT", ["body"]),
    "an empty body": (b"", 400, "BAD_USER_INPUT", ["body"]),
    "a body that is null": (b"null", 400, "BAD_USER_INPUT", ["body"]),
    "a body that is text": (json.dumps(CANARY).encode(), 400, "BAD_USER_INPUT", ["body"]),
    "no UTF-8": (b'{"query": "\xff"}', 400, "BAD_USER_INPUT", ["body"]),
    "a batch": (json.dumps([GOOD, GOOD]).encode(), 400, "BAD_USER_INPUT", ["body"]),
    "no query": (b'{"variables": {}}', 400, "BAD_USER_INPUT", ["query"]),
    "variables that are none": (body(variables=[CANARY]), 400, "BAD_USER_INPUT", ["variables"]),
    "a parameter that there is none of": (body(secret=CANARY), 400, "BAD_USER_INPUT", ["secret"]),
    "an unknown operation": (body(operationName=CANARY), 200, "BAD_USER_INPUT", ["operationName"]),
    "a key twice in an input": (
        twice(f'{{"key": "a", "key": "{CANARY}", "type": "SECRET", "value": "{CANARY}"}}'),
        400,
        "BAD_USER_INPUT",
        ["input", "key"],
    ),
    "a key twice in a value": (
        twice(f'{{"key": "a", "type": "SECRET", "value": {{"b": "{CANARY}", "b": "{CANARY}"}}}}'),
        400,
        "BAD_USER_INPUT",
        ["input", "value", "b"],
    ),
    "a number that is none": (twice('{"key": "a", "type": "INT", "value": NaN}'), 400, "BAD_USER_INPUT", ["body"]),
    "a number of 5,000 digits": (
        twice('{"key": "a", "type": "INT", "value": ' + "9" * 5000 + "}"),
        400,
        "BAD_USER_INPUT",
        ["body"],
    ),
    "100,000 levels": (twice('{"value": ' + "[" * 100_000 + "]" * 100_000 + "}"), 400, "BAD_USER_INPUT", ["body"]),
}


@pytest.mark.parametrize("name", list(BODIES))
async def test_bad_bodies(client, tables, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A body that is no request is refused with its place, not repeated, and changes nothing."""
    sent, status, code, path = BODIES[name]
    before = await tables()
    caplog.set_level(logging.DEBUG)
    answer = await client.post(sent)
    assert (answer.status, answer.codes) == (status, [code])
    assert [problem["path"] for problem in answer.problems] == [path]
    assert await tables() == before
    assert CANARY not in answer.text + caplog.text


TOO_MUCH = {
    "a body over 8 MiB": (b" " * (8 * 2**20) + body(), 413),
    "a query over 64 KiB": (body(query=SET + "#" + "x" * 65_536), 413),
    "a query of 31 aliases": (body(query="{" + "".join(f"a{n}: __typename " for n in range(31)) + "}"), None),
    "pages of pages": (
        body(query="{ configs(first: 200) { edges { node { history(first: 200) { edges { node { version } } } } } } }"),
        None,
    ),
}


@pytest.mark.parametrize("name", list(TOO_MUCH))
async def test_too_much(client, tables, name: str) -> None:
    """More than one request may ask for is LIMIT_EXCEEDED, before anything is done."""
    sent, status = TOO_MUCH[name]
    before = await tables()
    answer = await client.post(sent)
    assert answer.codes == ["LIMIT_EXCEEDED"]
    assert status in (None, answer.status)
    assert await tables() == before


EDGES: dict[str, Any] = {
    "a value of exactly 64 KiB": "x" * (64 * 1024 - 2),
    "a value of 64 KiB in bytes, not characters": "é" * (32 * 1024 - 1),
    "100 levels": json.loads("[" * 90 + "]" * 90),
}


@pytest.mark.parametrize("value", EDGES.values(), ids=list(EDGES))
async def test_edges_are_allowed(client, value: Any) -> None:
    """The limits are where they are said to be, and not below."""
    made = await client.run("SetConfig", input={"key": "k", "type": "SECRET", "value": value})
    data = await client.run("Reveal", id=made["setConfig"]["config"]["id"])
    assert data["config"]["decryptedValue"] == value
    if isinstance(value, str):
        answer = await client.refused("SetConfig", input={"key": "k", "type": "SECRET", "value": value + "x"})
        assert [problem["path"] for problem in answer.problems] == [["value"]]


async def test_names_of_255_and_maps_of_500(client) -> None:
    """255 characters are a name, 500 fields a schema, 500 keys a map, and 200 rows a page."""
    fields = [{"key": f"{number:03}".ljust(255, "k"), "type": "INT"} for number in range(500)]
    made = await client.run("CreateIntegration", input={"name": "n" * 255, "configSchema": fields})
    id = made["createIntegration"]["integration"]["id"]
    config = {field["key"]: 1 for field in fields}
    done = await client.run("SetIntegrationConfig", input={"integrationId": id, "config": config})
    assert len(done["setIntegrationConfig"]["configs"]) == 500
    page = await client.run("ConfigList", first=200)
    assert len(page["configs"]["edges"]) == 200


async def test_a_long_unknown_key_is_not_sent_back(client, world) -> None:
    """A key that nobody knows is named, but a caller's kilobytes do not come back."""
    config = {"k" * 60_000: CANARY}
    answer = await client.refused("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    assert answer.codes == ["BAD_USER_INPUT"]
    assert len(answer.text) < 2_000
    assert CANARY not in answer.text
    given = {"integrationId": world.integration, "config": {"port": 1}, "expectedVersions": {"v" * 60_000: "x"}}
    assert len((await client.refused("SetIntegrationConfig", input=given)).text) < 2_000


async def test_all_ids_of_an_input_are_told_at_once(client, tables) -> None:
    """`problems` has all of an input's faults: two ids that are none are two problems."""
    before = await tables()
    answer = await client.refused("CreateMapping", input={"integrationId": "x", "organizationId": "y", "entityId": "1"})
    assert [problem["path"] for problem in answer.problems] == [["integrationId"], ["organizationId"]]
    answer = await client.refused(
        "UpsertMappings",
        input={"integrationId": "x", "mappings": [{"organizationId": id, "entityId": "1"} for id in ("y", "z")]},
    )
    assert [problem["path"] for problem in answer.problems] == [
        ["integrationId"],
        ["mappings", 0, "organizationId"],
        ["mappings", 1, "organizationId"],
    ]
    answer = await client.refused(
        "CreateToken", input={"name": "", "permissions": ["x"], "organizationIds": ["y", "z"]}
    )
    assert [problem["path"] for problem in answer.problems] == [
        ["name"],
        ["permissions", 0],
        ["organizationIds", 0],
        ["organizationIds", 1],
    ]
    answer = await client.refused("ConfigList", filter={"organizationId": "x", "integrationId": "y"})
    assert len(answer.problems) == 2
    answer = await client.refused("Mappings", organizationId="x", integrationId="y")
    assert len(answer.problems) == 2
    assert await tables() == before


async def test_a_second_run_is_a_conflict_that_names_the_first(client, tables) -> None:
    """A startBackfill while one of the same kind runs is CONFLICT, naming that run."""
    started = await client.run("StartBackfill", input={"kind": "SEAL"})
    first = started["startBackfill"]["run"]["id"]
    before = await tables()
    for again in ({"kind": "SEAL"}, {"kind": "SEAL", "dryRun": True}, {}):
        answer = await client.refused("StartBackfill", input=again)
        assert answer.codes == ["CONFLICT"]
        assert first in answer.errors[0]["message"]
        assert answer.errors[0]["extensions"]["runId"] == first
    assert await tables() == before
    for steer, code in {"ResumeBackfill": "CONFLICT", "CancelBackfill": None, "PauseBackfill": "CONFLICT"}.items():
        answer = await client.send(steer, id=first)
        assert answer.codes == ([code] if code else [])


async def test_a_type_change_names_the_rows_that_do_not_fit(client, world, tables, sql) -> None:
    """A change of type that some rows do not fit is refused naming each of these rows, none of their values."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"url": CANARY}})
    before = await tables()
    schema = [{"key": "url", "type": "INT"}, {"key": "port", "type": "INT"}]
    answer = await client.refused("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    assert answer.codes == ["BAD_USER_INPUT"]
    ids = {str(row["id"]) for row in await sql.fetch("SELECT id FROM configs WHERE key = 'url'")}
    told = " ".join(problem["message"] for problem in answer.problems)
    assert len(answer.problems) == len(ids) == 2
    assert all(id in told for id in ids)
    assert CANARY not in answer.text
    assert "https" not in answer.text
    assert await tables() == before


async def test_a_conflict_tells_the_current_version(client, world, tables) -> None:
    """A write over somebody else's newer one is CONFLICT with the version that is there."""
    before = await tables()
    given = {"integrationId": world.integration, "config": {"url": "x"}, "expectedVersions": {"url": 7, "port": 3}}
    answer = await client.refused("SetIntegrationConfig", input=given)
    assert answer.codes == ["CONFLICT"]
    assert answer.errors[0]["extensions"]["currentVersions"] == {"url": 1, "port": None}
    assert await tables() == before


async def test_a_mutation_is_all_or_nothing_and_the_next_one_is_not_run_by_its_failure(client, world) -> None:
    """Two mutations in a document are two transactions: the first one's refusal is its own."""
    document = """mutation ($a: SetConfigInput!, $b: SetConfigInput!) {
        a: setConfig(input: $a) { config { id } } b: setConfig(input: $b) { config { id } } }"""
    good = {"key": str(uuid.uuid4()), "type": "STRING", "value": "x"}
    answer = await client.send(document, a=good, b=good | {"value": ""})
    assert answer.codes == ["BAD_USER_INPUT"]
    data = await client.run("ConfigList", filter={"keyContains": good["key"]})
    assert data["configs"]["totalCount"] == 1
