"""The design's section Access, sentence by sentence; who gets what of every operation is in tenancy.txt."""

import base64
import json
import uuid
from typing import Any

import pytest

CALLERS = ["A", "B", "J", "A and J", "nothing of organizations", "nothing of integrations"]

LISTS = {
    "configs": ("config", "id key value organization { id name } integration { id name }"),
    "mappings": ("mapping", "id missing integration { id } organization { id } overrides { id value }"),
    "integrations": ("integration", "id name configSchema { key }"),
    "organizations": ("organization", "id name"),
}

RESOLVE_ALL = """query ($integration: String!, $organizationId: ID!) {
    resolve(integration: $integration, organizationId: $organizationId) {
        integration { id name description createdAt updatedAt
            configSchema { key type required default options description position } }
        organization { id name } entityId entityName config missing unfit entries { key type value source }
    } }"""


async def client_of(api: Any, estate: dict[str, str], caller: str) -> Any:
    """A caller with every permission and the limits that its name tells."""
    limits = {
        "A and J": {"organization_ids": [estate["A"]], "integrations": ["ninja"]},
        "nothing of organizations": {"organization_ids": []},
        "nothing of integrations": {"integrations": []},
    }
    if caller in limits:
        return api.client(await api.make_token("*", **limits[caller]))
    return api.client(estate[f"{caller} token"])


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", list(LISTS))
async def test_lists_look_ups_and_counts_agree(api, client, estate, caller: str, name: str) -> None:
    """What a list shows is what a look-up by id finds, what a page at a time shows and what its count says; nothing
    that is nested in it tells of anything else."""
    one, fields = LISTS[name]
    listing = f"query ($first: Int, $after: String) {{ {name}(first: $first, after: $after) {{ totalCount \
        pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {fields} }} }} }} }}"
    limited = await client_of(api, estate, caller)
    everything = (await client.run(listing, first=200))[name]["edges"]
    ids = {edge["node"]["id"] for edge in everything}
    data = (await limited.run(listing, first=200))[name]
    seen = {edge["node"]["id"] for edge in data["edges"]}
    assert data["totalCount"] == len(seen)
    found: set[str] = set()
    for id in ids:
        answer = await limited.send(f"query ($id: ID!) {{ {one}(id: $id) {{ {fields} }} }}", id=id)
        assert answer.codes in ([], ["NOT_FOUND"])
        if not answer.errors:
            found.add(id)
    assert found == seen
    paged, after = set[str](), None
    for _ in range(len(seen)):
        page = (await limited.run(listing, first=1, after=after))[name]
        paged |= {edge["node"]["id"] for edge in page["edges"]}
        after = page["pageInfo"]["endCursor"]
        assert page["totalCount"] == len(seen)
    assert paged == seen
    hidden = [estate[x] for x in await hidden_from(limited, estate)]
    assert not [id for id in hidden if id in json.dumps(data)]


async def hidden_from(limited: Any, estate: dict[str, str]) -> list[str]:
    """Which of A, B, I and J a caller does not see."""
    hidden: list[str] = []
    for name, one in {"A": "organization", "B": "organization", "I": "integration", "J": "integration"}.items():
        answer = await limited.send(f"query ($id: ID!) {{ {one}(id: $id) {{ id }} }}", id=estate[name])
        if answer.errors:
            hidden.append(name)
    return hidden


@pytest.mark.parametrize(
    ("caller", "hidden"),
    [
        ("A", ["B"]),
        ("J", ["I"]),
        ("A and J", ["B", "I"]),
        ("nothing of organizations", ["A", "B"]),
        ("nothing of integrations", ["I", "J"]),
    ],
)
async def test_limits_add_up(api, estate, caller: str, hidden: list[str]) -> None:
    """Each limit holds by itself; an empty one is a limit to nothing, not the lack of one."""
    assert await hidden_from(await client_of(api, estate, caller), estate) == hidden


async def test_another_tenants_cursor_is_only_a_place(api, client, estate) -> None:
    """A cursor that somebody else was given, or made up, begins the same list elsewhere and shows nothing more."""
    own = api.client(estate["A token"])
    full = (await own.run("ConfigList"))["configs"]
    expected = [edge["node"]["id"] for edge in full["edges"]]
    query = "query ($after: String) { configs(after: $after) { totalCount edges { cursor node { id } } } }"
    theirs = await client.run(query)
    cursors = [edge["cursor"] for edge in theirs["configs"]["edges"]]
    made_up = base64.urlsafe_b64encode(json.dumps(["configs", "", str(uuid.UUID(int=0))]).encode()).decode()
    for cursor in [*cursors, made_up]:
        data = (await own.run(query, after=cursor))["configs"]
        shown = [edge["node"]["id"] for edge in data["edges"]]
        assert shown == expected[len(expected) - len(shown) :]
        assert data["totalCount"] == len(expected)


async def test_a_limited_token_reads_global_things_masked_and_resolves_with_them(api, estate) -> None:
    """A token limited to organizations sees a global secret as [SECRET], may not reveal it, and gets it where it
    resolves."""
    own = api.client(estate["A token"])
    answer = await own.send("Reveal", id=estate["j_default"])
    assert answer.data is not None
    assert answer.data["config"]["value"] == "[SECRET]"
    assert answer.data["config"]["decryptedValue"] is None
    assert answer.codes == ["FORBIDDEN"]
    data = await own.run("Resolve", integration="ninja", organizationId=estate["A"])
    assert data["resolve"]["config"] == {"token": "the default of J"}


async def test_resolve_alone_runs_every_field_of_resolve(api, estate) -> None:
    """config:resolve, and nothing else, is enough for each field that resolve has, however deep."""
    resolver = api.client(estate["resolver token"])
    data = await resolver.run(RESOLVE_ALL, integration="halo", organizationId=estate["A"])
    resolved = data["resolve"]
    assert resolved["integration"]["name"] == "halo"
    assert [field["key"] for field in resolved["integration"]["configSchema"]] == ["api_key", "url", "port", "old"]
    assert resolved["organization"] == {"id": estate["A"], "name": "organization A"}
    assert resolved["config"]["api_key"] == "A's second"


@pytest.mark.parametrize("permissions", [["config:read", "config:reveal"], ["config:write"], ["backfill:run"]])
async def test_nothing_else_resolves(api, estate, permissions: list[str]) -> None:
    """Resolving needs config:resolve; the right to read and reveal each value does not stand for it."""
    other = api.client(await api.make_token(*permissions))
    answer = await other.refused("Resolve", integration="halo", organizationId=estate["A"])
    assert answer.codes == ["FORBIDDEN"]


async def test_without_the_permission_nothing_is_told(api, estate, tables) -> None:
    """FORBIDDEN comes before NOT_FOUND: a caller without the permission learns nothing about what there is."""
    nobody = api.client(await api.make_token("audit:read"))
    before = await tables()
    for query, real in {
        "Reveal": estate["override"],
        "History": estate["override"],
        "RevokeToken": estate["token"],
        "PauseBackfill": estate["run"],
        "BackfillProgress": estate["run"],
        "query ($id: ID!) { mapping(id: $id) { id } }": estate["mapping"],
        "query ($id: ID!) { organization(id: $id) { id } }": estate["A"],
        "query ($id: ID!) { integration(id: $id) { id } }": estate["I"],
    }.items():
        answers = [await nobody.refused(query, id=id) for id in (real, str(uuid.uuid4()))]
        assert answers[0].codes == ["FORBIDDEN"]
        assert answers[0].text == answers[1].text
    assert await tables() == before


async def test_the_quarantine_shows_configs_masked_to_operators(api, estate) -> None:
    """backfill:run alone lists the quarantine with its rows, masked; it reads no config and reveals none."""
    operator = api.client(await api.make_token("backfill:run"))
    query = "{ quarantine { edges { node { reason config { key value decryptedValue } } } } }"
    answer = await operator.send(query)
    assert answer.data is not None
    nodes = [edge["node"] for edge in answer.data["quarantine"]["edges"]]
    assert [node["config"]["decryptedValue"] for node in nodes] == [None, None]
    assert set(answer.codes) == {"FORBIDDEN"}
    assert (await operator.refused("ConfigList")).codes == ["FORBIDDEN"]


async def test_a_deleted_integration_is_hidden_and_still_masks(client, estate) -> None:
    """A deleted integration is NOT_FOUND by id, by name and as a filter, its mappings are gone from lists, and its
    configs stay: with `integration` null, secrets masked by the schema it had."""
    await client.run("DeleteIntegration", input={"id": estate["I"]})
    for query, given in (
        ("query ($id: ID) { integration(id: $id) { id } }", {"id": estate["I"]}),
        ('{ integration(name: "halo") { id } }', {}),
        ("ConfigList", {"filter": {"integrationId": estate["I"]}}),
        ("Mappings", {"integrationId": estate["I"]}),
        ("query ($id: ID!) { mapping(id: $id) { id } }", {"id": estate["mapping"]}),
        ("Resolve", {"integration": "halo", "organizationId": estate["A"]}),
        ("SetIntegrationConfig", {"input": {"integrationId": estate["I"], "config": {}}}),
        ("UpdateMapping", {"input": {"id": estate["mapping"]}}),
        ("CreateToken", {"input": {"name": "x", "permissions": ["*"], "integrations": ["halo"]}}),
    ):
        assert (await client.refused(query, **given)).codes == ["NOT_FOUND"], query
    data = await client.run("Reveal", id=estate["override"])
    assert data["config"]["value"] == "[SECRET]"
    rows = (await client.run("ConfigList"))["configs"]["edges"]
    own = [edge["node"] for edge in rows if edge["node"]["key"] == "api_key"]
    assert [(node["value"], node["integration"]) for node in own] == [("[SECRET]", None)] * 3
    assert (await client.run("Mappings"))["mappings"]["totalCount"] == 1


async def test_no_token_is_no_answer_to_anything(api, tables) -> None:
    """Without a token even the schema is not told, and what is sent is not read."""
    for body in ({"query": "{ __typename }"}, {"query": "{ __schema { types { name } } }"}, "malformed", []):
        answer = await api.client(None).post(body)
        assert (answer.status, answer.codes) == (401, ["UNAUTHENTICATED"])
