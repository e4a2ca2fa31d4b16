"""Organizations: made, listed, and deleted with everything that is theirs."""

import uuid
from typing import Any

import pytest

LIST = """
query ($first: Int, $after: String) { organizations(first: $first, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } edges { node { id name } }
} }
"""


async def test_an_organization_keeps_the_id_that_the_platform_knows(client: Any) -> None:
    """CreateOrganization takes the platform's id, or makes one; an id that is taken is CONFLICT."""
    id = str(uuid.uuid4())
    made = await client.run("CreateOrganization", input={"id": id, "name": "A"})
    assert made["createOrganization"]["organization"] == {"id": id, "name": "A"}
    answer = await client.refused("CreateOrganization", input={"id": id, "name": "B"})
    assert answer.codes == ["CONFLICT"]
    other = await client.run("CreateOrganization", input={"name": "A"})
    assert other["createOrganization"]["organization"]["id"] != id
    shown = await client.run("query ($id: ID!) { organization(id: $id) { name } }", id=id)
    assert shown["organization"]["name"] == "A"


@pytest.mark.parametrize(
    "given",
    [{"name": ""}, {"name": "x" * 256}, {"name": "x", "id": "nobody"}, {"name": "x", "id": str(uuid.UUID(int=0))}],
)
async def test_what_is_no_organization(given: dict[str, Any], client: Any) -> None:
    """A name has 1 to 255 characters, an id is a UUID, and not the nil one, which stands for no organization."""
    answer = await client.refused("CreateOrganization", input=given)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert [problem["path"] for problem in answer.problems] == [["id"] if "id" in given else ["name"]]


async def test_organizations_are_listed_by_name(client: Any) -> None:
    """The list is by name, page by page, each once, names that repeat included."""
    names = ["b", "a", "c", "a", "ä"]
    for name in names:
        await client.run("CreateOrganization", input={"name": name})
    seen: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await client.run(LIST, first=2, after=after))["organizations"]
        assert page["totalCount"] == 5
        seen += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len({node["id"] for node in seen}) == 5
    assert sorted(node["name"] for node in seen) == sorted(names)
    assert [node["name"] for node in seen][:2] == ["a", "a"]


@pytest.fixture
async def estate(client: Any, world: Any, write_legacy: Any) -> Any:
    """Everything an organization can have: overrides, standalone configs, history, data keys, a limited token."""
    for owner in (world.organization, world.other):
        for value in ("s1", "s2"):
            given = {"organizationId": owner, "key": "k", "type": "SECRET", "value": value}
            await client.run("SetConfig", input=given)
    await client.run("UpdateMapping", input={"id": world.mapping, "config": {"api_key": "own", "port": None}})
    await write_legacy("old", "plaintext", organization=world.organization, type="secret")
    token = {"name": "limited", "permissions": ["config:read"], "organizationIds": [world.organization]}
    made = await client.run("CreateToken", input=token)
    return made["createToken"]["token"]


async def test_deleting_an_organization_destroys_everything(client: Any, world: Any, estate: str, sql: Any) -> None:
    """Deletes its mappings, overrides, configs and history, and destroys its data keys; nobody else's."""
    owned = ("integration_mappings", "configs", "config_history", "data_keys")
    count = "SELECT count(*) FROM {} WHERE organization_id = $1"
    before = {table: await sql.fetchval(count.format(table), world.other) for table in owned}
    assert all([await sql.fetchval(count.format(table), world.organization) for table in owned])
    data = await client.run("DeleteOrganization", input={"id": world.organization})
    assert data["deleteOrganization"]["id"] == world.organization
    assert [await sql.fetchval(count.format(table), world.organization) for table in owned] == [0, 0, 0, 0]
    assert {table: await sql.fetchval(count.format(table), world.other) for table in owned} == before
    assert await sql.fetchval("SELECT count(*) FROM organizations WHERE id = $1", uuid.UUID(world.organization)) == 0
    deed = await sql.fetchrow("SELECT actor, organization_id FROM audit_log WHERE action = 'organization.delete'")
    assert tuple(deed) == ("admin", uuid.UUID(world.organization))
    answer = await client.refused("DeleteOrganization", input={"id": world.organization})
    assert answer.codes == ["NOT_FOUND"]


async def test_its_secrets_are_gone_from_backups_too(
    client: Any, world: Any, estate: str, sql: Any, root_keyring: Any
) -> None:
    """A backup's ciphertext that is put back after the deletion opens no more: its data key is destroyed."""
    held = await sql.fetchrow("SELECT * FROM configs WHERE key = 'api_key' AND organization_id IS NOT NULL")
    await client.run("DeleteOrganization", input={"id": world.organization})
    await client.run("CreateOrganization", input={"id": world.organization, "name": "again"})
    given = {"organizationId": world.organization, "key": "k", "type": "SECRET", "value": "new"}
    await client.run("SetConfig", input=given)
    key = await sql.fetchval("SELECT id FROM data_keys WHERE organization_id = $1", uuid.UUID(world.organization))
    assert key != held["data_key_id"]
    id = uuid.uuid4()
    await sql.execute(
        "INSERT INTO configs (id, organization_id, key, config_type, sealed, data_key_id, legacy, updated_by)"
        " VALUES ($1, $2, 'api_key', 'secret', $3, $4, false, 'x')",
        id,
        uuid.UUID(world.organization),
        held["sealed"],
        key,
    )
    answer = await client.refused("Reveal", id=str(id))
    assert answer.errors[0]["extensions"] == {"code": "UNDECRYPTABLE", "keys": ["api_key"]}


async def test_a_new_organization_of_the_same_id_is_nothing_an_old_token_sees(
    api: Any, client: Any, world: Any, estate: str
) -> None:
    """A token that was limited to a deleted organization sees nothing of a new one with the same id."""
    limited = api.client(estate)
    assert (await limited.run(LIST))["organizations"]["totalCount"] == 1
    await client.run("DeleteOrganization", input={"id": world.organization})
    await client.run("CreateOrganization", input={"id": world.organization, "name": "again"})
    assert (await limited.run(LIST))["organizations"]["totalCount"] == 0


async def test_tokens_of_a_deleted_organization_are_nobody_elses(
    api: Any, client: Any, world: Any, estate: str, sql: Any
) -> None:
    """A token that was limited to an organization that is gone, alone or beside others, is within no other
    organization's rights: its manager neither sees its name nor may rotate or revoke it. Unlimited ones do and may."""
    both = {"name": "both", "permissions": ["config:read"], "organizationIds": [world.organization, world.other]}
    await client.run("CreateToken", input=both)
    manager = api.client(await api.make_token("token:manage", "config:read", organization_ids=[world.other]))
    await client.run("DeleteOrganization", input={"id": world.organization})
    listed = "{ tokens { totalCount edges { node { id name organizationIds } } } }"
    assert [edge["node"]["name"] for edge in (await manager.run(listed))["tokens"]["edges"]] == ["test"]
    seen = {edge["node"]["name"]: edge["node"] for edge in (await client.run(listed))["tokens"]["edges"]}
    for name in ("limited", "both"):
        assert world.organization not in seen[name]["organizationIds"]
        for mutation in ("rotateToken", "revokeToken"):
            answer = await manager.refused(f'mutation {{ {mutation}(id: "{seen[name]["id"]}") {{ id }} }}')
            assert answer.codes == ["NOT_FOUND"]
        await client.run("RevokeToken", id=seen[name]["id"])


async def test_a_failed_deletion_deletes_nothing(client: Any, world: Any, estate: str, sql: Any) -> None:
    """Deleting is one transaction: where its record cannot be written, everything stays and opens."""
    await sql.execute("ALTER TABLE audit_log ADD CONSTRAINT broken CHECK (action <> 'organization.delete')")
    answer = await client.refused("DeleteOrganization", input={"id": world.organization})
    assert answer.codes == ["INTERNAL"]
    data = await client.run("Resolve", integration="halo-psa", organizationId=world.organization)
    assert data["resolve"]["config"]["api_key"] == "own"
