"""resolve: what SDK clients ask for."""


async def test_resolve_merges_default_and_override(client, world):
    """The schema's default, the integration's default and the override are merged; the secret is in the clear."""
    data = await client.run("ResolveExplained", integration="halo-psa", organizationId=world.organization)
    resolved = data["resolve"]
    assert resolved["config"] == {
        "url": "https://halo.example.com",
        "api_key": "the-default-key",
        "port": 8443,
    }
    assert resolved["missing"] == []
    assert {entry["key"]: entry["source"] for entry in resolved["entries"]} == {
        "url": "DEFAULT",
        "api_key": "DEFAULT",
        "port": "OVERRIDE",
    }
