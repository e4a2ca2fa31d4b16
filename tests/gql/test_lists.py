"""Lists: keyset pages, counts, filters, and a number of statements that does not grow with the rows."""

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from gql.context import Context

EVERYTHING = """query ($first: Int!) { configs(first: $first) { totalCount edges { node {
    id key type value scope sealed version description createdAt updatedAt updatedBy
    integration { id name configSchema { key type default } } organization { id name }
    history(first: 2) { totalCount pageInfo { hasNextPage } edges { cursor node { version value reason } } }
} } } }"""
MAPPINGS = """query ($first: Int!) { mappings(first: $first) { totalCount edges { node {
    id missing integration { id name configSchema { key } } organization { id name }
    overrides { id value sealed integration { name } organization { name } }
} } } }"""
QUARANTINE = """query ($first: Int!) { quarantine(first: $first) { totalCount edges { node {
    reason since runId config { id key value integration { id name } organization { id } }
} } } }"""
REVEALS = "query ($first: Int!) { configs(first: $first) { edges { node { decryptedValue } } } }"

FILL = """
INSERT INTO organizations (id, name, created_by)
SELECT gen_random_uuid(), 'organization ' || n, 'x' FROM generate_series(1, :rows) n;
INSERT INTO integrations (id, name) SELECT gen_random_uuid(), 'integration ' || n FROM generate_series(1, :rows) n;
INSERT INTO integration_config_schema (id, integration_id, key, type, required)
SELECT gen_random_uuid(), id, 'key', 'secret', true FROM integrations;
INSERT INTO integration_mappings (id, integration_id, organization_id, entity_id)
SELECT gen_random_uuid(), i.id, o.id, 'x' FROM integrations i JOIN organizations o
    ON substring(i.name FROM '[0-9]+') = substring(o.name FROM '[0-9]+') WHERE o.name LIKE 'organization %';
INSERT INTO configs (id, integration_id, organization_id, key, value, updated_by)
SELECT gen_random_uuid(), integration_id, organization_id, 'key', '{"value": "plain"}', 'x' FROM integration_mappings;
INSERT INTO config_history (id, integration_id, organization_id, key, version, config_type, value, changed_at,
    changed_by, reason)
SELECT gen_random_uuid(), integration_id, organization_id, key, n - 3, 'string', '{"value": "old"}', now(), 'x', 'x'
FROM configs, generate_series(1, 3) n;
INSERT INTO backfill_runs (id, kind, status, dry_run, started_by)
VALUES ('00000000-0000-0000-0000-000000000001', 'seal', 'enqueued', false, 'x');
INSERT INTO quarantined_configs (config_id, run_id, reason)
SELECT id, '00000000-0000-0000-0000-000000000001', 'x' FROM configs
"""


async def fill(api: Any, rows: int) -> None:
    async with api.service.database.engine.begin() as connection:
        for statement in FILL.split(";\n"):
            await connection.execute(text(statement.replace(":rows", str(rows))))


async def count(client: Any, statements: list[str], query: str, first: int) -> tuple[int, dict[str, Any]]:
    await client.run("{ __typename }")
    statements.clear()
    data = await client.run(query, first=first)
    return len(statements), data


@pytest.mark.parametrize("query", ["ConfigList", EVERYTHING, MAPPINGS, "Mappings", "Quarantine", QUARANTINE])
async def test_as_many_statements_for_1000_rows_as_for_10(api, client, statements, query: str) -> None:
    """A list with all of its nested fields costs the same few statements for 10 rows and for 1,000, however many of
    them are on the page."""
    await fill(api, 10)
    small, data = await count(client, statements, query, 200)
    (listed,) = data.values()
    assert (len(listed["edges"]), listed["totalCount"]) == (10, 10)
    async with api.service.database.engine.begin() as connection:
        await connection.execute(text("TRUNCATE organizations, integrations, backfill_runs CASCADE"))
    await fill(api, 1000)
    large, data = await count(client, statements, query, 200)
    (listed,) = data.values()
    assert (len(listed["edges"]), listed["totalCount"]) == (200, 1000)
    assert large == small <= 9, statements


async def test_a_list_is_counted_only_when_asked_for(api, client, statements) -> None:
    """Without `totalCount` nothing counts the list; with it, one statement more does."""
    await fill(api, 10)
    lists = {
        "configs": "edges { node { integration { id } organization { id } } }",
        "mappings": "edges { node { missing overrides { id } } }",
        "integrations": "edges { node { configSchema { key } } }",
        "organizations": "edges { node { id } }",
        "quarantine": "edges { node { config { id } } }",
    }
    for name, fields in lists.items():
        plain, _ = await count(
            client, statements, f"query ($first: Int!) {{ {name}(first: $first) {{ {fields} }} }}", 5
        )
        assert not [statement for statement in statements if "count(" in statement.lower()]
        asked = f"query ($first: Int!) {{ {name}(first: $first) {{ totalCount {fields} }} }}"
        counted, _ = await count(client, statements, asked, 5)
        assert counted == plain + 1


async def test_ten_pages_cost_ten_times_one(api, client, statements) -> None:
    """1,000 rows over the pages of ConfigList are each shown once, and every page costs the same statements."""
    await fill(api, 1000)
    seen: list[str] = []
    costs: set[int] = set()
    after: str | None = None
    data: dict[str, Any] = {}
    for _ in range(10):
        await client.run("{ __typename }")
        statements.clear()
        data = (await client.run("ConfigList", first=100, after=after))["configs"]
        costs.add(len(statements))
        seen.extend(edge["node"]["id"] for edge in data["edges"])
        after = data["pageInfo"]["endCursor"]
    assert data["pageInfo"]["hasNextPage"] is False
    assert len(seen) == len(set(seen)) == 1000
    assert len(costs) == 1


async def test_reveals_of_a_page_are_one_transaction(api, client, world, statements) -> None:
    """Revealing a page looks its rows and data keys up once and records all reveals with one statement."""
    for number in range(30):
        value = {"key": f"key {number}", "type": "SECRET", "value": f"secret {number}"}
        await client.run("SetConfig", input=value)
    small, _ = await count(client, statements, REVEALS, 5)
    large, data = await count(client, statements, REVEALS, 200)
    shown = [edge["node"]["decryptedValue"] for edge in data["configs"]["edges"]]
    assert {f"secret {number}" for number in range(30)} <= set(shown)
    assert large == small <= 4, statements


async def test_no_secret_is_opened_for_a_list(api, client, world, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list survives rows that cannot be opened, since it never opens any."""
    await api.transact(
        lambda transaction: transaction.session.execute(
            text(
                "UPDATE configs SET sealed = set_byte(sealed, 40, 255 - get_byte(sealed, 40)) WHERE sealed IS NOT NULL"
            )
        )
    )
    await api.transact(lambda t: t.session.execute(text("UPDATE data_keys SET wrapped = '\\x00'")))
    api.service.vault.data_keys._opened.clear()
    data = await client.run("ConfigList")
    assert [edge["node"]["value"] for edge in data["configs"]["edges"]] == [
        "[SECRET]",
        8443,
        "https://halo.example.com",
    ]
    listed = await client.run("Mappings")
    assert listed["mappings"]["edges"][0]["node"]["missing"] == []


async def test_loaders_live_as_long_as_their_request(api, estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """No two requests share a dataloader, so no tenant sees what another one's loaded."""
    seen: list[tuple[int, Any]] = []
    kept: list[Any] = []
    original = Context.__init__

    def note(self: Context, *arguments: Any) -> None:
        original(self, *arguments)
        kept.append(self)
        seen.append((id(self.loaders), self.principal))

    monkeypatch.setattr(Context, "__init__", note)
    query = "{ configs { edges { node { id organization { id } integration { id name } } } } }"
    for _ in range(2):
        for caller in ("A", "B", "J"):
            data = await api.client(estate[f"{caller} token"]).run(query)
            hidden = {"A": estate["B"], "B": estate["A"], "J": estate["I"]}[caller]
            assert hidden not in json.dumps(data)
    assert len({loaders for loaders, _ in seen}) == len(kept) == 6


async def test_a_mutation_shows_what_it_wrote(client, world) -> None:
    """Two mutations in one document: the second does not show what the first one's loaders remember."""
    document = """mutation ($a: SetIntegrationConfigInput!, $b: SetIntegrationConfigInput!) {
        a: setIntegrationConfig(input: $a) { configs { value version } integration { name } }
        b: setIntegrationConfig(input: $b) { configs { value version } }
    }"""
    inputs = {
        name: {"integrationId": world.integration, "config": {"port": port}} for name, port in (("a", 1), ("b", 2))
    }
    data = await client.run(document, **inputs)
    assert data["a"]["configs"] == [{"value": 1, "version": 1}]
    assert data["b"]["configs"] == [{"value": 2, "version": 2}]


FILTERS = {
    "keys with a text in them, in any case": ({"keyContains": "KEY"}, ["api_key"]),
    "a percent sign is itself": ({"keyContains": "%"}, []),
    "an underscore is itself": ({"keyContains": "i_k"}, ["api_key"]),
    "a backslash is itself": ({"keyContains": "\\"}, []),
    "by effective type": ({"type": "SECRET"}, ["api_key"]),
    "null is no filter": ({"type": None, "keyContains": None, "scope": None}, ["api_key", "port", "url"]),
    "global": ({"scope": "GLOBAL_ONLY"}, ["api_key", "url"]),
    "any organization's": ({"scope": "ORGANIZATION_ONLY"}, ["port"]),
}


@pytest.mark.parametrize(("given", "keys"), FILTERS.values(), ids=list(FILTERS))
async def test_filters(client, world, given: dict[str, Any], keys: list[str]) -> None:
    """Each filter narrows the list and its count."""
    data = (await client.run("ConfigList", filter=given))["configs"]
    assert [edge["node"]["key"] for edge in data["edges"]] == keys
    assert data["totalCount"] == len(keys)


async def test_the_type_filter_goes_by_the_schema(api, client, world) -> None:
    """A legacy row typed `string` under a secret key is found as SECRET and not as STRING."""
    plant = text("""
        UPDATE configs SET sealed = NULL, data_key_id = NULL, field_id = NULL, legacy = true, config_type = 'string',
            value = '{"value": "plain"}' WHERE key = 'api_key'
    """)
    await api.transact(lambda transaction: transaction.session.execute(plant))
    for type, keys in (("SECRET", ["api_key"]), ("STRING", ["url"])):
        data = await client.run("ConfigList", filter={"type": type})
        assert [edge["node"]["key"] for edge in data["configs"]["edges"]] == keys


async def test_a_page_is_not_moved_by_writes_before_it(client, world) -> None:
    """A cursor is a place, not a count: rows that come and go before it move nothing."""
    for key in "bdfh":
        await client.run("SetConfig", input={"key": key, "type": "STRING", "value": "x"})
    own = {"scope": "GLOBAL_ONLY"}
    page = (await client.run("ConfigList", filter=own, first=3))["configs"]
    assert [edge["node"]["key"] for edge in page["edges"]] == ["api_key", "b", "d"]
    await client.run("SetConfig", input={"key": "c", "type": "STRING", "value": "x"})
    await client.run("DeleteConfig", input={"id": page["edges"][2]["node"]["id"]})
    after = page["pageInfo"]["endCursor"]
    page = (await client.run("ConfigList", filter=own, after=after))["configs"]
    assert [edge["node"]["key"] for edge in page["edges"]] == ["f", "h", "url"]
    assert page["totalCount"] == 6


async def test_history_is_newest_first_and_paged(client, world) -> None:
    """A config's history is its earlier values, newest first, with why each is no longer current."""
    given = {"key": "k", "type": "STRING"}
    made: dict[str, Any] = {}
    for value in "abcd":
        made = await client.run("SetConfig", input=given | {"value": value})
    id = made["setConfig"]["config"]["id"]
    query = """query ($id: ID!, $after: String) { config(id: $id) { version history(first: 2, after: $after) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { node { version value reason changedBy } }
    } } }"""
    first = (await client.run(query, id=id))["config"]["history"]
    assert [edge["node"]["value"] for edge in first["edges"]] == ["c", "b"]
    assert first["edges"][0]["node"] == {"version": 3, "value": "c", "reason": "updated", "changedBy": "admin"}
    assert first["pageInfo"] | {"endCursor": ""} == {"hasNextPage": True, "hasPreviousPage": False, "endCursor": ""}
    rest = (await client.run(query, id=id, after=first["pageInfo"]["endCursor"]))["config"]["history"]
    assert [edge["node"]["value"] for edge in rest["edges"]] == ["a"]
    assert (rest["totalCount"], rest["pageInfo"]["hasNextPage"]) == (3, False)


async def test_an_empty_page(client, world) -> None:
    """A list without rows has no cursors and counts 0."""
    data = await client.run(
        "{ quarantine { totalCount edges { cursor } pageInfo { startCursor endCursor hasNextPage } } }"
    )
    assert data["quarantine"] == {
        "totalCount": 0,
        "edges": [],
        "pageInfo": {"startCursor": None, "endCursor": None, "hasNextPage": False},
    }
    unknown = await client.refused("ConfigList", filter={"organizationId": str(uuid.uuid4())})
    assert unknown.codes == ["NOT_FOUND"]


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("query ($n: Int) { backfillRuns(first: $n) { edges { cursor } } }", 0),
        ("query ($n: Int) { configs(first: $n) { edges { cursor } } }", 50),
        ("query ($n: Int) { integrations(first: $n) { edges { cursor } } }", 50),
        ("query ($n: Int) { mappings(first: $n) { edges { cursor } } }", 50),
        ("query ($n: Int) { organizations(first: $n) { edges { cursor } } }", 50),
        ("query ($n: Int) { quarantine(first: $n) { edges { cursor } } }", 50),
    ],
)
async def test_no_page_size_is_the_default_one(api, client, query: str, size: int) -> None:
    """`first` may be left out or null: both are the contract's default."""
    await fill(api, 60)
    for variables in ({}, {"n": None}):
        (listed,) = (await client.run(query, **variables)).values()
        assert len(listed["edges"]) == (size or 1)


async def test_standalone_ones_are_told_apart(client: Any, world: Any, sql: Any) -> None:
    """`standalone` narrows to what belongs to no integration, a deleted one too, or to what does."""
    await client.run("SetConfig", input={"key": "alone", "type": "INT", "value": 1})
    await client.run("DeleteIntegration", input={"id": world.integration})
    wanted = {True: "integration_id IS NULL", False: "integration_id IS NOT NULL"}
    for standalone, condition in wanted.items():
        data = await client.run("ConfigList", filter={"standalone": standalone, "scope": "ALL"})
        found = {edge["node"]["id"] for edge in data["configs"]["edges"]}
        rows = await sql.fetch(f"SELECT id FROM configs WHERE {condition}")
        assert found == {str(row["id"]) for row in rows}
        assert found
