"""Tokens over GraphQL: what may be granted and revoked, and when a token no longer holds."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.access import Permission
from db.authenticator import Authenticator
from gql.app import make_app
from gql.context import Service

ASK = "{ organizations { totalCount } }"
HOUR = timedelta(hours=1)


def later(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


async def create(client: Any, **given: Any) -> dict[str, Any]:
    wanted = {"name": "granted", "permissions": ["config:read"], **given}
    return (await client.run("CreateToken", input=wanted))["createToken"]


@pytest.mark.parametrize("permission", [*Permission, "*"])
async def test_every_permission_can_be_granted_and_holds(api, client, permission: str) -> None:
    """Each permission of the contract can be granted by its name, and the new token works at once."""
    token = (await create(client, permissions=[permission]))["token"]
    answer = await api.client(token).send(ASK)
    assert answer.status == 200
    assert answer.codes == ([] if permission in ("*", "config:read") else ["FORBIDDEN"])


async def test_a_token_is_told_once_and_stored_hashed(api, client, sql) -> None:
    """The token is in the answer and nowhere in the database, which holds its SHA-256."""
    made = await create(client)
    row = await sql.fetchrow("SELECT * FROM tokens WHERE id = $1", uuid.UUID(made["id"]))
    assert made["token"] not in repr(dict(row))
    assert len(row["secret_hash"]) == 32
    assert made["token"].startswith("srt_")
    assert len(made["token"]) >= 47
    assert "token" not in str(await sql.fetch("SELECT actor, keys FROM audit_log"))


BEYOND = {
    "a permission that it lacks": {"permissions": ["config:read", "config:reveal"]},
    "everything": {"permissions": ["*"]},
    "no organization limit": {"organizationIds": None},
    "no integration limit": {"integrations": None},
    "no expiry": {"expiresAt": None},
    "a later expiry": {"expiresAt": later(hours=3)},
}


async def make_manager(api: Any, world: Any) -> dict[str, Any]:
    """A limited token that may grant, and what it may grant at most."""
    end = datetime.now(UTC) + 2 * HOUR
    token = await api.make_token(
        "token:manage",
        "config:read",
        organization_ids=[world.organization],
        integrations=["halo-psa"],
        expires_at=end,
    )
    limits = {"organizationIds": [world.organization], "integrations": ["halo-psa"], "expiresAt": later(hours=1)}
    return {"client": api.client(token), "within": limits}


async def test_a_token_grants_within_its_own_rights(api, world) -> None:
    """A limited token grants a token with the same permissions and limits, or less."""
    manager = await make_manager(api, world)
    for less in ({}, {"organizationIds": []}, {"integrations": []}, {"permissions": ["token:manage"]}):
        made = await create(manager["client"], **manager["within"] | less)
        assert (await api.client(made["token"]).send("{ __typename }")).errors == []


@pytest.mark.parametrize("beyond", BEYOND.values(), ids=list(BEYOND))
async def test_a_token_grants_nothing_beyond_its_own_rights(api, world, tables, beyond: dict[str, Any]) -> None:
    """A token that would have a permission, a limit or an expiry beyond its creator's is FORBIDDEN."""
    manager = await make_manager(api, world)
    before = await tables()
    given = {"name": "x", "permissions": ["config:read"], **manager["within"], **beyond}
    answer = await manager["client"].refused("CreateToken", input=given)
    assert answer.codes == ["FORBIDDEN"]
    assert await tables() == before


async def test_what_a_creator_does_not_see_cannot_be_granted(api, client, world) -> None:
    """An organization or integration beyond the creator's limits is NOT_FOUND, as one that does not exist."""
    await client.run("CreateIntegration", input={"name": "other", "configSchema": []})
    manager = await make_manager(api, world)
    for hidden, nowhere in (
        ({"organizationIds": [world.other]}, {"organizationIds": [str(uuid.uuid4())]}),
        ({"integrations": ["other"]}, {"integrations": ["nowhere"]}),
    ):
        given = {"name": "x", "permissions": ["config:read"], **manager["within"]}
        answers = [await manager["client"].refused("CreateToken", input=given | limits) for limits in (hidden, nowhere)]
        assert answers[0].text == answers[1].text
        assert answers[0].codes == ["NOT_FOUND"]


async def test_a_token_revokes_within_its_own_rights(api, client, world) -> None:
    """What a token could not have granted it cannot revoke: NOT_FOUND, as if it did not exist."""
    manager = await make_manager(api, world)
    strong = await create(client, **manager["within"] | {"permissions": ["config:reveal"]})
    weak = await create(client, **manager["within"])
    answer = await manager["client"].refused("RevokeToken", id=strong["id"])
    assert answer.codes == ["NOT_FOUND"]
    unknown = await manager["client"].refused("RevokeToken", id=str(uuid.uuid4()))
    assert unknown.text == answer.text
    await manager["client"].run("RevokeToken", id=weak["id"])
    assert (await api.client(weak["token"]).send(ASK)).codes == ["UNAUTHENTICATED"]
    assert (await api.client(strong["token"]).send("{ __typename }")).errors == []


async def test_a_granted_expiry_is_the_creators_at_most_by_default(api, world) -> None:
    """Leaving the expiry out is asking for none: a token that expires cannot grant it."""
    manager = await make_manager(api, world)
    limits = {key: value for key, value in manager["within"].items() if key != "expiresAt"}
    given = {"name": "x", "permissions": ["config:read"], **limits}
    assert (await manager["client"].refused("CreateToken", input=given)).codes == ["FORBIDDEN"]


async def test_revocation_holds_at_once_here(api, client) -> None:
    """The process that answered a revocation refuses the token in the very next request."""
    made = await create(client)
    revoked = api.client(made["token"])
    await revoked.run(ASK)
    await client.run("RevokeToken", id=made["id"])
    answer = await revoked.send(ASK)
    assert (answer.status, answer.codes) == (401, ["UNAUTHENTICATED"])
    await client.run("RevokeToken", id=made["id"])


async def test_revocation_holds_within_a_second_elsewhere(api, client) -> None:
    """Another process of the API refuses a revoked token within a second."""
    elsewhere = type(api)(make_app(elsewhere_of(api.service)), elsewhere_of(api.service), api._admin)
    made = await create(client)
    revoked = elsewhere.client(made["token"])
    await revoked.run(ASK)
    await client.run("RevokeToken", id=made["id"])
    await asyncio.sleep(0.9)
    assert (await revoked.send(ASK)).codes == ["UNAUTHENTICATED"]
    await elsewhere.http.aclose()


def elsewhere_of(service: Service) -> Service:
    return Service(
        service.database,
        service.vault,
        service.queue,
        service.audit,
        Authenticator(),
        service.resolver,
        service.changes,
    )


async def test_expiry_is_checked_on_every_request(api, client) -> None:
    """A token that was good a moment ago, and is still remembered, is refused the moment it has expired."""
    end = datetime.now(UTC) + timedelta(seconds=2)
    asking = api.client((await create(client, expiresAt=end.isoformat()))["token"])
    while datetime.now(UTC) < end - timedelta(seconds=0.3):
        assert (await asking.send("{ __typename }")).errors == []
    await asyncio.sleep(max(0, (end - datetime.now(UTC)).total_seconds()))
    assert (await asking.send(ASK)).codes == ["UNAUTHENTICATED"]


async def test_integration_limits_are_ids(api, client, world) -> None:
    """A limit given by name stays with the integration: a new name keeps it, a new integration of the old name
    is none of it."""
    token = await api.make_token("config:read", integrations=["halo-psa"])
    limited = api.client(token)
    await client.run("UpdateIntegration", input={"id": world.integration, "name": "renamed"})
    seen = await limited.run("query ($id: ID) { integration(id: $id) { name } }", id=world.integration)
    assert seen == {"integration": {"name": "renamed"}}
    await client.run("CreateIntegration", input={"name": "halo-psa", "configSchema": []})
    by_name = "query ($name: String) { integration(name: $name) { id } }"
    assert (await limited.refused(by_name, name="halo-psa")).codes == ["NOT_FOUND"]
    await client.run("DeleteIntegration", input={"id": world.integration})
    listed = await limited.run("{ integrations { totalCount } }")
    assert listed["integrations"]["totalCount"] == 0


async def test_a_deleted_organization_leaves_a_token_without_any(api, client, world) -> None:
    """A token limited to an organization that is deleted sees nothing, and surely not everything; neither does it
    see a new organization of the same id."""
    token = await api.make_token("*", organization_ids=[world.other])
    limited = api.client(token)
    assert (await limited.run(ASK))["organizations"]["totalCount"] == 1
    await client.run("DeleteOrganization", input={"id": world.other})
    await client.run("CreateOrganization", input={"id": world.other, "name": "again"})
    assert (await limited.run(ASK))["organizations"]["totalCount"] == 0
    one = "query ($id: ID!) { organization(id: $id) { name } }"
    assert (await limited.refused(one, id=world.other)).codes == ["NOT_FOUND"]
    assert (await limited.refused("CreateOrganization", input={"name": "x"})).codes == ["FORBIDDEN"]


BAD = {
    "no permission": ({"permissions": []}, [["permissions"]]),
    "unknown permissions": (
        {"permissions": ["config:read", "config:own", ""]},
        [["permissions", 1], ["permissions", 2]],
    ),
    "an empty name": ({"name": " "}, [["name"]]),
    "a long name": ({"name": "x" * 256}, [["name"]]),
    "an expiry that is over": ({"expiresAt": "2020-01-01T00:00:00Z"}, [["expiresAt"]]),
    "an expiry without a time zone": ({"expiresAt": "2120-01-01T00:00:00"}, [["expiresAt"]]),
    "an organization that is no id": ({"organizationIds": ["x"]}, [["organizationIds", 0]]),
    "an expiry that is no time": ({"expiresAt": "soon"}, [["input", "expiresAt"]]),
    "an expiry past the last year": ({"expiresAt": "9999-12-31T23:59:59-23:59"}, [["expiresAt"]]),
    "an expiry before the first year": ({"expiresAt": "0001-01-01T00:00:00+23:59"}, [["expiresAt"]]),
    "everything at once": ({"permissions": ["x"], "name": ""}, [["name"], ["permissions", 0]]),
}


@pytest.mark.parametrize(("given", "paths"), BAD.values(), ids=list(BAD))
async def test_bad_tokens(client, tables, given: dict[str, Any], paths: list[list[Any]]) -> None:
    """A token that cannot be is BAD_USER_INPUT with every fault named, and none is made."""
    before = await tables()
    wanted = {"name": "granted", "permissions": ["config:read"], **given}
    answer = await client.refused("CreateToken", input=wanted)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert [problem["path"] for problem in answer.problems] == paths
    assert await tables() == before
