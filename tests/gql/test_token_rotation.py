"""Tokens over the API: the list, rotation, and how soon a revocation holds."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from db import tokens as rules
from db.access import Permission, Principal
from db.authenticator import FRESH_SECONDS, Authenticator
from db.errors import Unauthenticated
from db.token_list import select_tokens
from db.tokens import NewToken, create_token, within
from db.usage import TokenUsage

FIELDS = """
    id name permissions organizationIds integrations createdAt createdBy expiresAt revokedAt lastUsedAt
    previousSecretUntil
"""
TOKENS = f"""
    query ($first: Int! = 50, $after: String) {{
        tokens(first: $first, after: $after) {{
            totalCount pageInfo {{ endCursor hasNextPage }} edges {{ node {{ {FIELDS} }} }}
        }}
    }}
"""
ROTATE = """
    mutation ($id: ID!, $overlap: Int!) {
        rotateToken(id: $id, overlapSeconds: $overlap) { id token previousSecretUntil }
    }
"""
PING = "{ organizations { totalCount } }"


async def make(api, *permissions: str, **rest: Any) -> tuple[str, str]:
    """A new token: its id and its secret."""
    id, token = await api.transact(lambda transaction: create_token(transaction, NewToken("t", permissions, **rest)))
    return str(id), token


async def list_all(client) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await client.run(TOKENS))["tokens"]["edges"]]


async def holds(api, token: str) -> bool:
    return not (await api.client(token).send(PING)).errors


async def test_what_the_list_shows(api, client, world) -> None:
    """A token's name, rights and times, newest first; never its secret, nor the hash of it."""
    ends = datetime.now(UTC) + timedelta(days=1)
    limits = {"organization_ids": [world.organization], "integrations": [world.name], "expires_at": ends}
    id, secret = await make(api, "config:read", **limits)
    answer = await client.send(TOKENS)
    shown = answer.data["tokens"]["edges"][0]["node"]
    created = datetime.fromisoformat(shown.pop("createdAt"))
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=30)
    assert shown == {
        "id": id,
        "name": "t",
        "permissions": ["config:read"],
        "organizationIds": [world.organization],
        "integrations": [world.name],
        "createdBy": "admin",
        "expiresAt": ends.isoformat(),
        "revokedAt": None,
        "lastUsedAt": None,
        "previousSecretUntil": None,
    }
    assert secret not in answer.text
    assert rules.hash_token(secret).hex() not in answer.text


async def test_pages(api, client) -> None:
    """The list goes on by its cursor, without a gap."""
    made = [(await make(api, "config:read"))[0] for _ in range(5)]
    seen: list[str] = []
    after, more = None, True
    while more:
        page = (await client.run(TOKENS, first=2, after=after))["tokens"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert len(seen) == 6
    assert seen[:5] == made[::-1]


async def test_a_deleted_integration_keeps_its_name_in_the_list(api, client, world) -> None:
    """A token that is limited to what is deleted is not shown as one without limits."""
    await make(api, "config:read", integrations=[world.name])
    await client.run("DeleteIntegration", input={"id": world.integration})
    assert (await list_all(client))[0]["integrations"] == [world.name]


RIGHTS = st.sets(st.sampled_from(sorted(Permission)), min_size=1)
IDS = [uuid.UUID(int=number) for number in range(3)]
LIMITS = st.none() | st.sets(st.sampled_from(IDS))
TIMES = st.none() | st.integers(1, 3).map(lambda days: datetime(2100, 1, days, tzinfo=UTC))


def principals(rights: st.SearchStrategy[Any]) -> st.SearchStrategy[Principal]:
    return st.builds(
        lambda permissions, organizations, integrations, ends, person: Principal(
            uuid.uuid4(),
            "x",
            frozenset(permissions),
            None if organizations is None else frozenset(organizations),
            None if integrations is None else frozenset(integrations),
            ends,
            person,
        ),
        rights,
        LIMITS,
        LIMITS,
        TIMES,
        st.booleans(),
    )


CALLERS = principals(RIGHTS | st.just(set(Permission)))


async def test_the_list_is_what_may_be_revoked(database, transact) -> None:
    """What a caller sees in the list is exactly what is within its rights: the gate in SQL is the rule in Python."""
    granted: list[Principal] = []

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(CALLERS)
    def collect(principal: Principal) -> None:
        granted.append(principal)

    collect()
    rows = [
        rules._row(one, ["*"] if one.is_person and len(one.permissions) == 9 else sorted(one.permissions), str(n), "x")
        for n, one in enumerate(granted)
    ]
    await transact(lambda transaction: transaction.session.execute(rules.insert(rules.Token), rows))
    async with database.read() as session:
        for caller in granted:
            seen = {row.id for row in await session.rows(select_tokens(caller))}
            assert seen == {one.token_id for one in granted if within(one, caller)}


async def test_rotation(api, client, database) -> None:
    """The new secret holds at once, the old one for the overlap; the token stays what it is, and it is on record."""
    id, old = await make(api, "config:read")
    before = (await list_all(client))[0]
    assert await holds(api, old)
    rotated = (await client.run(ROTATE, id=id, overlap=3600))["rotateToken"]
    until = datetime.fromisoformat(rotated["previousSecretUntil"])
    assert rotated["id"] == id
    assert abs(until - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=30)
    assert await holds(api, rotated["token"])
    assert await holds(api, old)
    assert (await list_all(client))[0] == before | {"previousSecretUntil": rotated["previousSecretUntil"]}
    async with database.read() as session:
        detail = await session.scalar(text("SELECT detail FROM audit_log WHERE action = 'token.rotate'"))
    assert detail == {"token": id, "overlapSeconds": 3600}


async def test_the_overlap_ends(api, client) -> None:
    """When the overlap is over, at once without any, the old secret is as unknown as one that never was."""
    id, old = await make(api, "config:read")
    assert await holds(api, old)
    rotated = (await client.run(ROTATE, id=id, overlap=0))["rotateToken"]
    assert not await holds(api, old)
    assert await holds(api, rotated["token"])


async def test_two_secrets_at_most(api, client) -> None:
    """A second rotation ends the first secret, however long its overlap was."""
    id, first = await make(api, "config:read")
    second = (await client.run(ROTATE, id=id, overlap=3600))["rotateToken"]["token"]
    third = (await client.run(ROTATE, id=id, overlap=3600))["rotateToken"]["token"]
    assert [await holds(api, token) for token in (first, second, third)] == [False, True, True]


async def test_revoking_ends_both_secrets(api, client) -> None:
    """A token that is revoked in its overlap is gone with both of its secrets, and does not come back by rotating."""
    id, old = await make(api, "config:read")
    new = (await client.run(ROTATE, id=id, overlap=3600))["rotateToken"]["token"]
    assert await holds(api, old)
    await client.run("RevokeToken", id=id)
    assert not await holds(api, old)
    assert not await holds(api, new)
    assert (await client.refused(ROTATE, id=id, overlap=0)).codes == ["CONFLICT"]


async def test_an_old_secret_does_not_outlive_its_overlap(api, client) -> None:
    """Whoever holds a secret that is being rotated out cannot make it last: it neither rotates its own token nor
    grants one beyond its end."""
    id, old = await make(api, "token:manage")
    await client.run(ROTATE, id=id, overlap=3600)
    thief = api.client(old)
    assert (await thief.refused(ROTATE, id=id, overlap=0)).codes == ["NOT_FOUND"]
    create = "mutation ($input: CreateTokenInput!) { createToken(input: $input) { id } }"
    given = {"name": "x", "permissions": ["token:manage"]}
    assert (await thief.refused(create, input=given)).codes == ["FORBIDDEN"]


@pytest.mark.parametrize("overlap", [-1, 7 * 24 * 3600 + 1, 2**31 - 1])
async def test_how_long_an_overlap_may_be(api, client, overlap: int) -> None:
    """An overlap is a week at most."""
    id, _ = await make(api, "config:read")
    assert (await client.refused(ROTATE, id=id, overlap=overlap)).codes == ["BAD_USER_INPUT"]
    assert (await client.run(ROTATE, id=id, overlap=7 * 24 * 3600))["rotateToken"]["id"] == id


async def test_an_overlap_does_not_outlast_the_token(api, client) -> None:
    """The old secret ends with the token, if that is sooner."""
    ends = datetime.now(UTC) + timedelta(minutes=1)
    id, _ = await make(api, "config:read", expires_at=ends)
    rotated = (await client.run(ROTATE, id=id, overlap=3600))["rotateToken"]
    assert rotated["previousSecretUntil"] == ends.isoformat()


async def test_the_admin_token_is_not_rotated(client) -> None:
    """A setting makes the admin token: at the next start a rotation would be undone, so there is none."""
    (admin,) = await list_all(client)
    assert (await client.refused(ROTATE, id=admin["id"], overlap=0)).codes == ["CONFLICT"]


async def test_last_use(api, client) -> None:
    """Every sign-in counts as a use, one that is remembered too; a refused one does not."""
    usage = TokenUsage(api.service.database)
    service = replace(api.service, authenticator=Authenticator(usage=usage))
    id, token = await make(api, "config:read")
    other, _ = await make(api, "config:read")
    await service.authenticator.sign_in(service.database, token, "192.0.2.1")
    usage._used.clear()
    await service.authenticator.sign_in(service.database, token, "192.0.2.1")
    await usage.flush()
    shown = {node["id"]: node["lastUsedAt"] for node in await list_all(client)}
    assert shown[id] is not None
    assert shown[other] is None


async def test_a_look_up_under_way_is_not_remembered(api, client) -> None:
    """A token that is revoked while it is being looked up does not go on holding here."""
    id, token = await make(api, "config:read")
    authenticator: Authenticator = api.service.authenticator
    begun = authenticator._begin()
    async with api.service.database.read() as session:
        principal = await authenticator.authenticate(session, token)
    await client.run("RevokeToken", id=id)
    authenticator._remember(rules.hash_token(token), begun, principal)
    assert not await holds(api, token)


async def test_another_process_follows_within_a_second(api, client) -> None:
    """A process that knows a token asks again within half a second: a revocation elsewhere holds in time."""
    id, token = await make(api, "config:read")
    elsewhere = Authenticator()
    await elsewhere.sign_in(api.service.database, token, "192.0.2.1")
    await client.run("RevokeToken", id=id)
    assert FRESH_SECONDS < 1
    elsewhere._known = {key: (at - FRESH_SECONDS, known) for key, (at, known) in elsewhere._known.items()}
    with pytest.raises(Unauthenticated):
        await elsewhere.sign_in(api.service.database, token, "192.0.2.1")
