"""The overview: what applies to an organization, which layer it is from, and what is missing."""

from typing import Any

OVERVIEW = """
query ($o: ID, $i: ID) { overview(organizationId: $o, integrationId: $i) {
  integration { name } mapping { entityId organization { id } } missing
  entries { key source value missing field { type } override { key value } default { key value } }
} }
"""
FIELDS = [
    {"key": "host", "type": "STRING", "required": True},
    {"key": "port", "type": "INT", "default": 443},
    {"key": "user", "type": "STRING"},
    {"key": "password", "type": "SECRET", "required": True},
]


async def make(client: Any, *, mapped: bool = True, **config: Any) -> dict[str, str]:
    organization = (await client.run("CreateOrganization", input={"name": "A"}))["createOrganization"]["organization"]
    integration = (await client.run("CreateIntegration", input={"name": "halo", "configSchema": FIELDS}))[
        "createIntegration"
    ]["integration"]
    given = {"integrationId": integration["id"], "entityId": "7"}
    if mapped:
        given = {**given, "organizationId": organization["id"], "config": config}
    await client.run("CreateMapping", input=given)
    return {"o": organization["id"], "i": integration["id"]}


async def test_layers(client: Any) -> None:
    """An override wins over a default, that over the schema's; a required key without any is missing; secrets are
    masked in every layer."""
    at = await make(client, host="own.example.com", password="hunter2")
    await client.run("SetIntegrationConfig", input={"integrationId": at["i"], "config": {"host": "d", "user": "root"}})
    (found,) = (await client.run(OVERVIEW, o=at["o"]))["overview"]
    assert found["mapping"] == {"entityId": "7", "organization": {"id": at["o"]}}
    told = {entry["key"]: (entry["source"], entry["value"]) for entry in found["entries"]}
    assert told == {
        "host": ("OVERRIDE", "own.example.com"),
        "port": ("SCHEMA_DEFAULT", 443),
        "user": ("DEFAULT", "root"),
        "password": ("OVERRIDE", "[SECRET]"),
    }
    assert [entry["key"] for entry in found["entries"]] == [field["key"] for field in FIELDS]
    assert found["missing"] == []
    (alone,) = (await client.run(OVERVIEW, i=at["i"]))["overview"]
    assert (alone["mapping"], alone["missing"]) == (None, ["password"])
    assert all(entry["override"] is None for entry in alone["entries"])


async def test_a_fallback_has_no_overrides(client: Any) -> None:
    """An organization that uses the fallback mapping inherits everything; without any mapping an integration is shown
    only where it is asked for."""
    at = await make(client, mapped=False)
    (found,) = (await client.run(OVERVIEW, o=at["o"]))["overview"]
    assert found["mapping"] == {"entityId": "7", "organization": None}
    assert found["missing"] == ["host", "password"]
    other = (await client.run("CreateIntegration", input={"name": "other", "configSchema": FIELDS}))[
        "createIntegration"
    ]["integration"]["id"]
    assert len((await client.run(OVERVIEW, o=at["o"]))["overview"]) == 1
    (unmapped,) = (await client.run(OVERVIEW, o=at["o"], i=other))["overview"]
    assert unmapped["mapping"] is None


async def test_it_agrees_with_resolve_and_with_mappings(client: Any, world: Any) -> None:
    """What it says is missing is what a mapping says is missing."""
    query = "query ($o: ID!) { mappings(organizationId: $o) { edges { node { missing integration { name } } } } }"
    mappings = (await client.run(query, o=world.organization))["mappings"]["edges"]
    told = {edge["node"]["integration"]["name"]: edge["node"]["missing"] for edge in mappings}
    found = (await client.run(OVERVIEW, o=world.organization))["overview"]
    own = [one for one in found if one["mapping"]["organization"]]
    assert {one["integration"]["name"]: one["missing"] for one in own} == told


async def test_it_needs_something_to_be_about(client: Any) -> None:
    """Neither an organization nor an integration is refused; one that is not there is NOT_FOUND."""
    assert (await client.refused(OVERVIEW)).codes == ["BAD_USER_INPUT"]
    nobody = "00000000-0000-4000-8000-000000000000"
    assert (await client.refused(OVERVIEW, o=nobody)).codes == ["NOT_FOUND"]
    assert (await client.refused(OVERVIEW, i=nobody)).codes == ["NOT_FOUND"]
