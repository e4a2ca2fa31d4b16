"""resolve: what SDK clients ask for."""

import uuid
from typing import Any

import pytest
from sqlalchemy import event

from db.sessions import Database

DAMAGE = "UPDATE configs SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE sealed IS NOT NULL"


async def explained(client: Any, organization: str) -> dict[str, Any]:
    """A resolve with everything it tells."""
    data = await client.run("ResolveExplained", integration="halo-psa", organizationId=organization)
    return data["resolve"]


async def set_defaults(client: Any, world: Any, **config: Any) -> None:
    given = {"integrationId": world.integration, "config": config}
    await client.run("SetIntegrationConfig", input=given)


async def map_to(client: Any, world: Any, organization: str | None, **config: Any) -> None:
    given = {"integrationId": world.integration, "organizationId": organization, "entityId": "e"}
    await client.run("CreateMapping", input={**given, **({"config": config} if config else {})})


async def test_resolve_merges_default_and_override(client: Any, world: Any) -> None:
    """The schema's default, the integration's default and the override are merged; the secret is in the clear."""
    resolved = await explained(client, world.organization)
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


async def test_each_layer_wins_over_the_one_before(client: Any, world: Any) -> None:
    """The schema's default, then the default, then the override; each entry names its layer and type."""
    sources: list[tuple[Any, str]] = []

    async def note() -> None:
        told = await explained(client, world.other)
        sources.extend((e["value"], e["source"]) for e in told["entries"] if e["key"] == "port")

    await map_to(client, world, world.other)
    await note()
    await set_defaults(client, world, port=1)
    await note()
    given = {"integrationId": world.integration, "mappings": []}
    given["mappings"] = [{"organizationId": world.other, "entityId": "e", "config": {"port": 2}}]
    await client.run("UpsertMappings", input=given)
    await note()
    given["mappings"][0]["config"] = {"port": None}
    await client.run("UpsertMappings", input=given)
    await set_defaults(client, world, port=None)
    await note()
    assert sources == [(443, "SCHEMA_DEFAULT"), (1, "DEFAULT"), (2, "OVERRIDE"), (443, "SCHEMA_DEFAULT")]


@pytest.mark.parametrize("value", [False, 0, [], {}], ids=repr)
async def test_what_is_false_is_no_absence(value: Any, client: Any, world: Any) -> None:
    """false, 0, an empty list or object are values: they win over a default."""
    schema = [{"key": "k", "type": "JSON", "default": {"a": 1}, "required": True}]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    await set_defaults(client, world, k=value)
    told = await explained(client, world.organization)
    assert (told["config"], told["missing"]) == ({"k": value}, [])
    assert type(told["config"]["k"]) is type(value)


async def test_entries_are_exactly_the_keys_of_config(client: Any, world: Any) -> None:
    """`entries` has exactly the keys of `config`, in the schema's order, with the same values."""
    await set_defaults(client, world, verify=True, extra={"z": 1, "a": [None]})
    told = await explained(client, world.organization)
    assert {entry["key"]: entry["value"] for entry in told["entries"]} == told["config"]
    assert [entry["key"] for entry in told["entries"]] == ["url", "api_key", "port", "verify", "extra"]
    assert [entry["type"] for entry in told["entries"]] == ["STRING", "SECRET", "INT", "BOOL", "JSON"]


async def test_missing_is_what_is_required_and_nowhere(client: Any, world: Any) -> None:
    """Required keys that neither an override, a default nor the schema's default fills are `missing`, in order."""
    await set_defaults(client, world, url=None, api_key="")
    told = await explained(client, world.organization)
    assert told["missing"] == ["url", "api_key"]
    assert told["config"] == {"port": 8443}


async def test_an_organization_without_a_mapping_is_not_found(client: Any, world: Any) -> None:
    """Without a mapping of its own or a fallback, an organization resolves nothing: NOT_FOUND."""
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.other)
    assert answer.codes == ["NOT_FOUND"]
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=str(uuid.uuid4()))
    assert answer.codes == ["NOT_FOUND"]
    answer = await client.refused("Resolve", integration="nope", organizationId=world.organization)
    assert answer.codes == ["NOT_FOUND"]


async def test_the_fallback_is_for_those_without_a_mapping(client: Any, world: Any, write_legacy: Any) -> None:
    """An organization that uses the fallback mapping has no overrides, even where older software left some."""
    await write_legacy("port", 1, integration=world.integration, organization=world.other)
    await map_to(client, world, None)
    told = await explained(client, world.other)
    assert (told["entityId"], told["config"]["port"], told["organization"]["id"]) == ("e", 443, world.other)
    own = await explained(client, world.organization)
    assert (own["entityId"], own["config"]["port"]) == ("42", 8443)
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=str(uuid.uuid4()))
    assert answer.codes == ["NOT_FOUND"]


async def test_other_organizations_and_standalone_values_are_not_merged(client: Any, world: Any) -> None:
    """Only the integration's own rows count: no standalone value and nothing of another organization."""
    await map_to(client, world, world.other, port=1, verify=True, api_key="other's")
    for owner in (None, world.organization):
        given = {"organizationId": owner, "key": "extra", "type": "INT", "value": 1}
        await client.run("SetConfig", input=given)
    told = await explained(client, world.organization)
    assert told["config"] == {
        "url": "https://halo.example.com",
        "api_key": "the-default-key",
        "port": 8443,
    }


async def test_undecryptable_names_all_keys(client: Any, world: Any, sql: Any) -> None:
    """If a secret cannot be opened, the whole resolve fails with `UNDECRYPTABLE` and `extensions.keys`: all of them."""
    schema = [{"key": key, "type": "SECRET"} for key in ("c", "a", "b", "d")]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    await set_defaults(client, world, a="1", b="2", c="3", d="4")
    await sql.execute(f"{DAMAGE} AND key IN ('a', 'c')")
    await sql.execute("UPDATE configs SET sealed = (SELECT sealed FROM configs WHERE key = 'd') WHERE key = 'b'")
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert (answer.data, answer.errors[0]["extensions"]) == (
        None,
        {"code": "UNDECRYPTABLE", "keys": ["a", "b", "c"]},
    )


async def test_a_shadowed_value_is_never_opened(client: Any, world: Any, sql: Any) -> None:
    """The override wins before opening is judged: a damaged default that it shadows fails nothing."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": "own"}})
    await map_to(client, world, world.other)
    await sql.execute(f"{DAMAGE} AND organization_id IS NULL")
    told = await explained(client, world.organization)
    assert told["config"]["api_key"] == "own"
    assert (await client.refused("Resolve", integration="halo-psa", organizationId=world.other)).codes == [
        "UNDECRYPTABLE"
    ]


async def test_there_is_no_falling_back(client: Any, world: Any, sql: Any) -> None:
    """A damaged override fails the resolve: the default that opens is not handed out in its place."""
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": "own"}})
    await sql.execute(f"{DAMAGE} AND organization_id IS NOT NULL")
    answer = await client.refused("Resolve", integration="halo-psa", organizationId=world.organization)
    assert answer.errors[0]["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["api_key"]}


async def test_a_list_survives_what_cannot_be_opened(client: Any, world: Any, sql: Any) -> None:
    """A list survives rows that cannot be opened; a reveal of one is null with UNDECRYPTABLE on its path."""
    await sql.execute(DAMAGE)
    listed = await client.run("ConfigList")
    assert listed["configs"]["totalCount"] == 3
    document = "{ configs { edges { node { key value decryptedValue } } } }"
    answer = await client.send(document)
    values = {e["node"]["key"]: e["node"]["decryptedValue"] for e in (answer.data or {})["configs"]["edges"]}
    assert values == {"api_key": None, "port": 8443, "url": "https://halo.example.com"}
    assert answer.codes == ["UNDECRYPTABLE"]
    assert answer.errors[0]["path"][-1] == "decryptedValue"


@pytest.fixture
def fetched(api: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that resolves send."""
    statements: list[str] = []
    fetch = api.service.resolver.pool.fetch

    async def note(statement: str, *arguments: object) -> Any:
        statements.append(statement)
        return await fetch(statement, *arguments)

    monkeypatch.setattr(api.service.resolver.pool, "fetch", note)
    return statements


@pytest.mark.parametrize("kind", ["own mapping", "fallback", "cold keys"])
async def test_resolve_is_one_statement(
    kind: str, client: Any, world: Any, database: Database, vault: Any, fetched: list[str]
) -> None:
    """`resolve` is one SQL round trip: integration, mapping, schema, rows and data keys in one statement."""
    owner = world.organization
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": "own", "extra": 1}})
    if kind == "fallback":
        await map_to(client, world, None)
        owner = world.other
    if kind == "cold keys":
        vault.data_keys._opened.clear()
    statements: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "audit_log" not in statement and "tokens" not in statement:
            statements.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    found = await client.run("Resolve", integration="halo-psa", organizationId=owner)
    event.remove(engine, "before_cursor_execute", note)
    assert statements == []
    assert len(fetched) == 1
    assert found["resolve"]["config"]["api_key"] == ("the-default-key" if kind == "fallback" else "own")


async def test_a_resolve_that_tells_a_secret_is_on_record(api: Any, client: Any, world: Any, sql: Any) -> None:
    """Resolving secrets is audited, by key and without a value."""
    await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    await api.service.audit.flush()
    row = await sql.fetchrow("SELECT * FROM audit_log WHERE action = 'config.resolve'")
    assert (row["actor"], row["keys"], str(row["organization_id"])) == ("admin", ["api_key"], world.organization)
    assert "the-default-key" not in str(row)


async def test_another_organizations_is_not_looked_up(api, client, world, monkeypatch) -> None:
    """A token limited to an organization is refused another's before anything is looked up, in memory or in the
    database: how long the refusal takes tells nothing, and whether the organization or the integration exists does
    not either."""
    limited = api.client(await api.make_token("config:resolve", organization_ids=[world.other]))

    def fail(*_: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(type(api.service.resolver.snapshots), "get", fail)
    monkeypatch.setattr(type(api.service.resolver.snapshots), "fill", fail)
    asked = [(world.name, world.organization), (world.name, str(uuid.uuid4())), ("nothing", world.organization)]
    told = {(await limited.refused("Resolve", integration=name, organizationId=id)).text for name, id in asked}
    assert len(told) == 1
    assert "organization not found" in told.pop()
