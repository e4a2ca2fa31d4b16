"""People sign in with JWTs: who they are, and what they may."""

import time
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from db.access import Permission
from db.oidc import Oidc
from db.people import People
from tests.gql.people.provider import AUDIENCE, CONFIGS, TOLD, WHO, Provider, SignIn


async def test_a_person_signs_in(provider: Provider, sign_in: SignIn, world) -> None:
    """A JWT of the configured provider opens what its claim says, and nothing else."""
    person = sign_in(provider.sign(permissions=["config:read"]))
    assert (await person.run(CONFIGS))["configs"]["totalCount"] == 3
    assert (await person.refused(WHO)).codes == ["FORBIDDEN"]


async def test_who_wrote_it(api, provider: Provider, sign_in: SignIn, world) -> None:
    """A write, and its audit record, name the person; the id on record is the same at every sign-in."""
    save = 'mutation { setConfig(input: {key: "k", type: STRING, value: "v"}) { config { updatedBy } } }'
    for iat in (-5, -4):
        person = sign_in(provider.sign(preferred_username="anna@example.com", iat=int(time.time()) + iat))
        assert (await person.run(save))["setConfig"]["config"]["updatedBy"] == "anna@example.com"
    async with api.service.database.read() as session:
        rows = await session.rows(text("SELECT DISTINCT token_id FROM audit_log WHERE actor = 'anna@example.com'"))
    assert len(rows) == 1


async def test_a_name_that_cannot_be_kept(provider: Provider, sign_in: SignIn) -> None:
    """A preferred name that is missing, too long or unfit is not used; such a subject does not sign in at all."""
    save = 'mutation { setConfig(input: {key: "k", type: STRING, value: "v"}) { config { updatedBy } } }'
    for name in (None, 7, "", "x" * 256, "nul\0", ["a"]):
        person = sign_in(provider.sign(preferred_username=name))
        assert (await person.run(save))["setConfig"]["config"]["updatedBy"] == "anna"
        assert (await sign_in(provider.sign(sub=name)).post({"query": WHO})).text == TOLD


PERMISSIONS = {
    "listed": (["config:read"], None, {Permission.CONFIG_READ}),
    "apart by spaces": ("config:read audit:read", None, {Permission.CONFIG_READ, Permission.AUDIT_READ}),
    "everything": (["*"], None, set(Permission)),
    "unknown": (["config:delete", "x"], None, set()),
    "missing": (None, None, set()),
    "no list": ({"config:read": True}, None, set()),
    "a list of anything": (["config:read", 7], None, set()),
    "a role": (["operator"], {"operator": frozenset({Permission.BACKFILL_RUN})}, {Permission.BACKFILL_RUN}),
    "no role, but a permission": (["*", "config:read"], {"operator": frozenset({Permission.BACKFILL_RUN})}, set()),
}


@pytest.mark.parametrize("case", PERMISSIONS)
async def test_permissions(provider: Provider, database, case: str) -> None:
    """A claim gives the permissions that it names, by way of the roles where there are any; missing or not of its
    form, it gives none."""
    claim, roles, expected = PERMISSIONS[case]
    oidc = Oidc(provider.url, (AUDIENCE,), roles=roles, permissions_claim="realm.roles")
    credential = provider.sign(permissions=["*"], realm={"roles": claim} if claim is not None else {})
    assert (await People(oidc).identify(database, credential)).permissions == expected


async def test_a_claim_with_dots_in_its_name(provider: Provider, database) -> None:
    """A claim is found by its whole name first, by its path only then."""
    oidc = Oidc(provider.url, (AUDIENCE,), permissions_claim="https://example.com/roles")
    credential = provider.sign("first", None, **{"https://example.com/roles": ["config:read"]})
    assert (await People(oidc).identify(database, credential)).permissions == {Permission.CONFIG_READ}


async def test_limits(provider: Provider, sign_in: SignIn, world) -> None:
    """A person limited to organizations and integrations sees theirs and what is global, as a token would."""
    claims = {"organizations_claim": "orgs", "integrations_claim": "products"}

    async def count(**given: Any) -> Any:
        answer = await sign_in(provider.sign(**given), **claims).send(CONFIGS)
        return answer.codes[0] if answer.errors else answer.data["configs"]["totalCount"]

    assert await count(orgs=[world.organization], products=["*"]) == 3
    assert await count(orgs=[world.other], products=[world.name]) == 2
    assert await count(orgs=["no id"], products=[world.name, "nothing"]) == 2
    assert await count(orgs=["*"], products=["*"]) == 3
    assert await count(orgs=["*"], products=[]) == 0
    assert await count(products=["*"]) == "FORBIDDEN"
    assert await count(orgs=["*"]) == "FORBIDDEN"
    assert await count(orgs=7, products=["*"]) == "FORBIDDEN"
    limited = sign_in(provider.sign(orgs=[world.other], products=["*"]), **claims)
    create = 'mutation { createOrganization(input: {name: "x"}) { organization { id } } }'
    assert (await limited.refused(create)).codes == ["FORBIDDEN"]


async def test_a_person_grants_tokens(provider: Provider, sign_in: SignIn, world) -> None:
    """A sign-in ends soon, a person's rights do not: a person makes tokens that last, within their own rights."""
    person = sign_in(provider.sign(permissions=["token:manage", "config:read"]))
    create = 'mutation ($p: [String!]!) { createToken(input: {name: "t", permissions: $p}) { id } }'
    made = await person.run(create, p=["config:read"])
    assert (await person.refused(create, p=["config:write"])).codes == ["FORBIDDEN"]
    listed = await person.run("{ tokens { edges { node { id createdBy } } } }")
    assert listed["tokens"]["edges"] == [{"node": {"id": made["createToken"]["id"], "createdBy": "anna"}}]


async def test_tokens_go_on_working(client, api, provider: Provider, sign_in: SignIn) -> None:
    """Bearer tokens work beside people."""
    token = await api.make_token("token:manage")
    assert not (await sign_in(token).send(WHO)).errors
    assert (await sign_in(f"srt_{uuid.uuid4()}{uuid.uuid4()}").send(WHO)).codes == ["UNAUTHENTICATED"]
