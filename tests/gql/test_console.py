"""What the console is served with, and what it asks the API: who is calling, previews, orders and reasons."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gql.app import make_app
from gql.console import list_console_routes, trust_console
from gql.execution import open_schema
from gql.params import read_params
from gql.schema import schema
from gql.trusted import DocumentStore, Trust, hash_text

ROOT = Path(__file__).resolve().parents[2]

VIEWER = "{ viewer { name permissions organizationIds integrationIds expiresAt isPerson revealNeedsReason } }"
UPDATE = """
mutation ($input: UpdateIntegrationInput!) { updateIntegration(input: $input) {
  migrated dropped restored changes { key migrated dropped restored } integration { configSchema { key type } }
} }
"""
LIST = """
query ($order: ConfigOrder, $filter: ConfigFilter, $after: String, $first: Int = 2) {
  configs(orderBy: $order, filter: $filter, after: $after, first: $first) {
    edges { cursor node { key updatedAt integration { id } } } pageInfo { hasNextPage endCursor }
} }
"""


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A built console of two files."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>the console")
    (tmp_path / "assets" / "index-abc123.js").write_text("1")
    transport = httpx.ASGITransport(app=Starlette(routes=list_console_routes(tmp_path)))
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
        yield http


async def test_the_bare_address_leads_to_the_console(pages: httpx.AsyncClient) -> None:
    """Whoever types the service's address alone ends at the console; the answer itself is never kept."""
    answer = await pages.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/console")
    assert answer.headers["cache-control"] == "no-store"
    assert (await pages.post("/")).status_code == 405


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/organizations/1?show=missing"])
async def test_one_page_answers_every_address(pages: httpx.AsyncClient, path: str) -> None:
    """The page is never kept, runs nothing but this server's scripts, and is shown in no frame."""
    answer = await pages.get(path)
    assert (answer.status_code, answer.text) == (200, "<!doctype html>the console")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(policy)
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} <= set(policy)
    assert {"require-trusted-types-for 'script'", "trusted-types 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_files_with_hashed_names_are_kept(pages: httpx.AsyncClient) -> None:
    """A file whose name changes with its content is kept for good; one that is not there is not, nor is any other."""
    answer = await pages.get("/console/assets/index-abc123.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" in answer.headers
    missing = await pages.get("/console/assets/..%2findex.html")
    assert missing.status_code == 404


async def test_without_a_built_console(tmp_path: Path) -> None:
    """The API runs without the console, and says at its address what is missing."""
    transport = httpx.ASGITransport(app=Starlette(routes=list_console_routes(tmp_path / "none")))
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:
        answer = await http.get("/console")
    assert answer.status_code == 404
    assert "not built" in answer.text


def test_the_consoles_operations_are_trusted(tmp_path: Path) -> None:
    """Where only trusted documents run, the console's run too, and each of them fits the schema."""
    listed = ROOT / "client" / "public"
    assert trust_console(Trust(), listed).listed == {}
    trust = trust_console(Trust("only", {hash_text("{ a }"): "{ a }"}), listed)
    assert "{ a }" in trust.listed.values()
    assert any(text.startswith("query Viewer") for text in trust.listed.values())
    assert trust_console(Trust("only"), tmp_path) == Trust("only")
    store = DocumentStore(open_schema(schema), trust_console(Trust("only"), listed))
    assert [
        text for text in trust.listed.values() if text != "{ a }" and store.find(read_params({"query": text})).errors
    ] == []


async def test_the_viewer(api: Any, client: Any, world: Any) -> None:
    """A caller learns its name, its permissions and its limits, and only its own."""
    token = await api.make_token("config:read", "config:reveal", organization_ids=[world.organization], name="console")
    assert (await api.client(token).run(VIEWER))["viewer"] == {
        "name": "console",
        "permissions": ["config:read", "config:reveal"],
        "organizationIds": [world.organization],
        "integrationIds": None,
        "expiresAt": None,
        "isPerson": False,
        "revealNeedsReason": False,
    }
    assert len((await client.run(VIEWER))["viewer"]["permissions"]) == 9


async def test_what_may_be_done_to_a_config(api: Any, client: Any, world: Any) -> None:
    """Each config tells whether its caller may reveal and write it; that agrees with what happens when they try."""
    query = "{ configs { edges { node { id canReveal canWrite scope integration { id } } } } }"
    token = await api.make_token("config:read", "config:reveal", "config:write", organization_ids=[world.organization])
    for edge in (await api.client(token).run(query))["configs"]["edges"]:
        node = edge["node"]
        is_own = node["scope"] == "ORGANIZATION"
        assert (node["canReveal"], node["canWrite"]) == (is_own, is_own)
        answer = await api.client(token).send("Reveal", id=node["id"])
        assert ("FORBIDDEN" in answer.codes) is not node["canReveal"]
    reader = api.client(await api.make_token("config:read"))
    for edge in (await reader.run(query))["configs"]["edges"]:
        assert (edge["node"]["canReveal"], edge["node"]["canWrite"]) == (False, False)


async def test_a_reveal_with_a_reason(api: Any, client: Any) -> None:
    """Where the service asks for a reason, no secret is revealed without one; what is no secret is."""
    secret, plain = [
        (await client.run("SetConfig", input={"key": "k" + type, "type": type, "value": "v"}))["setConfig"]["config"][
            "id"
        ]
        for type in ("SECRET", "STRING")
    ]
    app = make_app(replace(api.service, reveal_needs_reason=True))
    transport = httpx.ASGITransport(app=app)
    token = await api.make_token("config:read", "config:reveal")
    query = "query ($id: ID!) { config(id: $id) { decryptedValue } viewer { revealNeedsReason } }"
    async with httpx.AsyncClient(transport=transport, base_url="http://strongroom.test") as http:

        async def ask(id: str, reason: str | None) -> dict[str, Any]:
            headers = {"authorization": f"Bearer {token}", **({} if reason is None else {"strongroom-reason": reason})}
            return (await http.post("/graphql", json={"query": query, "variables": {"id": id}}, headers=headers)).json()

        for nothing in (None, "", "   "):
            refused = await ask(secret, nothing)
            assert refused["data"] == {"config": {"decryptedValue": None}, "viewer": {"revealNeedsReason": True}}
            assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert (await ask(secret, "ticket 7"))["data"]["config"] == {"decryptedValue": "v"}
        assert (await ask(plain, None))["data"]["config"] == {"decryptedValue": "v"}
    events = '{ auditEvents(filter: {action: "config.reveal"}) { edges { node { reason keys } } } }'
    nodes = [edge["node"] for edge in (await client.run(events))["auditEvents"]["edges"]]
    assert nodes == [{"reason": "ticket 7", "keys": ["kSECRET"]}]


async def test_a_dry_run_of_a_schema_change(client: Any, world: Any, tables: Any) -> None:
    """A dry run tells what the change does to each key, refuses what it refuses, and changes nothing; the change
    itself then tells the same."""
    query = "query ($id: ID!) { integration(id: $id) { configSchema { key type required default options } } }"
    fields = (await client.run(query, id=world.integration))["integration"]["configSchema"]
    changed = [{**field, "type": "STRING"} if field["type"] == "INT" else field for field in fields]
    changed = [{**field, "default": None} if field["type"] == "STRING" else field for field in changed]
    kept = [field for field in changed if field["type"] != "SECRET"]
    given = {"id": world.integration, "configSchema": kept}
    before = await tables()
    dry = (await client.run(UPDATE, input={**given, "dryRun": True}))["updateIntegration"]
    assert await tables() == before
    assert dry["dropped"] > 0
    assert sum(change["dropped"] for change in dry["changes"]) == dry["dropped"]
    assert sum(change["migrated"] for change in dry["changes"]) == dry["migrated"]
    assert {"key": "port", "type": "INT"} in dry.pop("integration")["configSchema"]
    done = (await client.run(UPDATE, input=given))["updateIntegration"]
    assert {"key": "port", "type": "STRING"} in done.pop("integration")["configSchema"]
    assert done == dry
    assert await tables() != before


@pytest.mark.parametrize("order", ["KEY", "KEY_DESC", "UPDATED_AT", "UPDATED_AT_DESC"])
async def test_orders(client: Any, world: Any, order: str) -> None:
    """Each order pages through everything once, in that order; a cursor by key is none by time."""
    seen: list[tuple[str, str]] = []
    after = None
    while True:
        page = (await client.run(LIST, order=order, after=after))["configs"]
        seen += [(edge["node"]["key"], edge["node"]["updatedAt"]) for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    column = [one[0 if order.startswith("KEY") else 1] for one in seen]
    assert column == sorted(column, reverse=order.endswith("DESC"))
    everything = (await client.run("{ configs(first: 200) { totalCount } }"))["configs"]["totalCount"]
    assert len(seen) == everything
    other = "KEY" if order.startswith("UPDATED") else "UPDATED_AT"
    assert (await client.refused(LIST, order=other, after=after)).codes == ["BAD_USER_INPUT"]


async def test_filters_by_name_and_for_standalone_values(client: Any, world: Any) -> None:
    """Integrations and organizations are found by a part of their names, in upper or lower case, with % and _ as they
    are; configs with or without an integration."""
    await client.run("SetConfig", input={"key": "alone", "type": "STRING", "value": "x"})
    named = "query ($n: String) { integrations(nameContains: $n) { totalCount edges { node { name } } } }"
    assert [edge["node"]["name"] for edge in (await client.run(named, n="HALO"))["integrations"]["edges"]] == [
        "halo-psa"
    ]
    assert (await client.run(named, n="_"))["integrations"]["totalCount"] == 0
    named = "query ($n: String) { organizations(nameContains: $n) { totalCount } }"
    assert (await client.run(named, n="%"))["organizations"]["totalCount"] == 0
    for standalone in (True, False):
        page = await client.run(LIST, filter={"standalone": standalone}, first=200)
        assert page["configs"]["edges"]
        assert {edge["node"]["integration"] is None for edge in page["configs"]["edges"]} == {standalone}


async def test_events_name_what_they_are_about(client: Any, world: Any) -> None:
    """An event has the names of its organization and its integration for as long as there are such."""
    await client.run("DeleteIntegration", input={"id": world.integration})
    query = "{ auditEvents(first: 1) { edges { node { integrationId integration { name } organization { name } } } } }"
    (edge,) = (await client.run(query))["auditEvents"]["edges"]
    assert edge["node"] == {"integrationId": world.integration, "integration": None, "organization": None}
