"""Tokens in the database: their shape, the admin's, the comparison, and what an authenticator remembers."""

import hashlib
import hmac
import re
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import authenticator as signing_in
from db.access import Permission, Principal
from db.authenticator import Authenticator, check_expiry
from db.errors import Unauthenticated
from db.tokens import (
    NewToken,
    create_token,
    find_admin_token,
    generate_token,
    hash_token,
    replace_admin_token,
    revoke_token,
    within,
)


def test_tokens_are_random_and_recognizable() -> None:
    """A token is a prefix that scanners know and 256 random bits; no two are alike."""
    made = {generate_token() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"srt_[A-Za-z0-9_-]{43}", token) for token in made)


async def test_only_the_hash_is_stored(sql, transact) -> None:
    """The table holds the SHA-256 of a token and nothing that it could be told from."""
    id, token = await transact(lambda transaction: create_token(transaction, NewToken("x", ["config:read"])))
    row = await sql.fetchrow("SELECT * FROM tokens WHERE id = $1", id)
    assert row["secret_hash"] == hashlib.sha256(token.encode()).digest() == hash_token(token)
    assert token not in repr(dict(row))


async def test_the_comparison_takes_constant_time(database, transact, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database found is compared with what was asked for by hmac.compare_digest, and that decides."""
    _, token = await transact(lambda transaction: create_token(transaction, NewToken("x", ["config:read"])))
    compared: list[tuple[Any, Any]] = []

    def compare(ours: Any, theirs: Any) -> bool:
        compared.append((ours, theirs))
        return False

    monkeypatch.setattr(signing_in.hmac, "compare_digest", compare)
    async with database.read() as session:
        with pytest.raises(Unauthenticated):
            await Authenticator().authenticate(session, token)
    assert compared == [(hash_token(token), hash_token(token))]
    assert hmac is signing_in.hmac


@pytest.mark.parametrize("token", ["", "x", "x" * 31, "x" * 513, "é" * 40, "srt_" + "a" * 43])
async def test_what_is_no_token(database, token: str) -> None:
    """Anything but a stored token is refused with one text, whatever is wrong with it."""
    async with database.read() as session:
        with pytest.raises(Unauthenticated, match=r"^a valid bearer token is needed$"):
            await Authenticator().authenticate(session, token)


async def test_a_new_admin_token_replaces_the_old_one(database, transact) -> None:
    """At most one admin token holds: the one that was set last."""
    first, second = generate_token(), generate_token()
    async with database.read() as session:
        assert await find_admin_token(session) is None
        await transact(lambda transaction: replace_admin_token(transaction, first))
        assert (await Authenticator().authenticate(session, first)).permissions == frozenset(Permission)
        await transact(lambda transaction: replace_admin_token(transaction, second))
        assert await find_admin_token(session) is True
        assert (await Authenticator().authenticate(session, second)).name == "admin"
        with pytest.raises(Unauthenticated):
            await Authenticator().authenticate(session, first)


async def test_the_same_admin_token_again_changes_nothing(database, sql, transact) -> None:
    """A start with the token of the last start keeps it, with its id: what it did stays its own."""
    token = generate_token()
    await transact(lambda transaction: replace_admin_token(transaction, token))
    before = await sql.fetch("SELECT id, secret_hash, permissions, revoked_at FROM tokens")
    await transact(lambda transaction: replace_admin_token(transaction, token))
    assert await sql.fetch("SELECT id, secret_hash, permissions, revoked_at FROM tokens") == before


async def test_a_revoked_admin_token_stays_revoked(database, transact) -> None:
    """A start with the same setting does not bring a revoked token back, nor does one after another token was set; and
    the token that it was to replace is replaced all the same."""
    leaked, other = generate_token(), generate_token()

    async def start(token: str) -> bool:
        return await transact(lambda transaction: replace_admin_token(transaction, token))

    async def holds(token: str) -> bool:
        async with database.read() as session:
            with suppress(Unauthenticated):
                return bool(await Authenticator().authenticate(session, token))
        return False

    assert await start(leaked)
    async with database.read() as session:
        id = (await Authenticator().authenticate(session, leaked)).token_id
    await transact(lambda transaction: revoke_token(transaction, id))
    assert not await start(leaked)
    assert not await holds(leaked)
    async with database.read() as session:
        assert await find_admin_token(session) is False
    assert await start(other)
    assert await holds(other)
    assert not await start(leaked)
    assert not await holds(leaked)
    assert not await holds(other)


async def test_other_tokens_survive_a_new_admin_token(database, transact) -> None:
    """Replacing the admin token ends the admin token only."""
    _, other = await transact(lambda transaction: create_token(transaction, NewToken("x", ["*"])))
    for _ in range(2):
        await transact(lambda transaction: replace_admin_token(transaction, generate_token()))
    async with database.read() as session:
        await Authenticator().authenticate(session, other)


class LateSession:
    """A session whose answer comes after something else has happened."""

    def __init__(self, session: Any, meanwhile: Any) -> None:
        self._session = session
        self._meanwhile = meanwhile

    async def first(self, statement: Any, parameters: Any = None) -> Any:
        row = await self._session.first(statement, parameters)
        await self._meanwhile()
        return row


async def test_a_look_up_that_a_revocation_overtakes_is_not_remembered(database, transact) -> None:
    """A row that was read before a revocation, and arrives after it, is not honoured by the next request."""
    id, token = await transact(lambda transaction: create_token(transaction, NewToken("x", ["*"])))
    authenticator = Authenticator()

    async def revoke() -> None:
        await transact(lambda transaction: revoke_token(transaction, id))
        authenticator.forget()

    async with database.read() as session:
        await authenticator.authenticate(LateSession(session, revoke), token)  # type: ignore[arg-type]
        assert authenticator.recall(token) is None
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(session, token)


async def test_a_token_is_remembered_for_as_long_as_the_feed_is_heard(database, transact, monkeypatch) -> None:
    """Half a second after its look-up, or after the change feed was heard of for the last time, a token is looked up
    again; a person, of whom the feed knows nothing, half a second after the look-up in any case."""
    now = [100.0]
    _, token = await transact(lambda transaction: create_token(transaction, NewToken("x", ["config:read"])))
    authenticator = Authenticator()
    async with database.read() as session:
        with monkeypatch.context() as patch:
            patch.setattr(signing_in.time, "monotonic", lambda: 100.0)
            found = await authenticator.authenticate(session, token)
    monkeypatch.setattr(signing_in.time, "monotonic", lambda: now[0])
    now[0] = 100.5
    assert authenticator.recall(token) is found
    now[0] = 100.51
    assert authenticator.recall(token) is None
    authenticator.vouch(100.3)
    assert authenticator.recall(token) is found
    authenticator.vouch(100.1)
    now[0] = 100.8
    assert authenticator.recall(token) is found
    now[0] = 100.81
    assert authenticator.recall(token) is None
    authenticator.vouch(100.8)
    authenticator._known[hash_token(token)] = (100.3, replace(found, is_person=True))
    assert authenticator.recall(token) is None


async def test_what_is_remembered_is_bounded(database, transact, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of tokens does not grow the memory of an authenticator without end."""
    monkeypatch.setattr(signing_in, "_REMEMBERED", 3)
    authenticator = Authenticator()
    async with database.read() as session:
        for number in range(7):
            new = NewToken(str(number), ["config:read"])
            _, token = await transact(lambda transaction, new=new: create_token(transaction, new))
            await authenticator.authenticate(session, token)
            assert len(authenticator._known) <= 3
            assert authenticator.recall(token) is not None


async def test_a_permission_that_is_no_more_is_none(database, sql, transact) -> None:
    """A stored permission that this software does not know gives no right, and breaks nothing."""
    _, token = await transact(lambda transaction: create_token(transaction, NewToken("x", ["config:read"])))
    await sql.execute("UPDATE tokens SET permissions = '{config:read,config:own}'")
    async with database.read() as session:
        found = await Authenticator().authenticate(session, token)
    assert found.permissions == {Permission.CONFIG_READ}


def test_expiry_is_a_moment() -> None:
    """A token holds until its expiry and not at it."""
    for seconds, holds in ((5, True), (-0.001, False)):
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        principal = Principal(uuid.uuid4(), "x", frozenset(), expires_at=end)
        if holds:
            assert check_expiry(principal) is principal
        else:
            with pytest.raises(Unauthenticated):
                check_expiry(principal)


IDS = [uuid.UUID(int=number) for number in range(3)]
LIMITS = st.none() | st.frozensets(st.sampled_from(IDS))
MOMENTS = st.none() | st.integers(1, 3).map(lambda hour: datetime(2100, 1, 1, hour, tzinfo=UTC))
PRINCIPALS = st.builds(
    lambda permissions, organizations, integrations, end: Principal(
        IDS[0], "x", permissions, organizations, integrations, end
    ),
    st.frozensets(st.sampled_from(Permission), max_size=3),
    LIMITS,
    LIMITS,
    MOMENTS,
)


@given(PRINCIPALS, PRINCIPALS, st.sampled_from(IDS))
def test_within_is_never_more(inner: Principal, outer: Principal, id: uuid.UUID) -> None:
    """Whatever one token may, sees and outlives, a token that it is within does too; it is within itself."""
    assert within(outer, outer)
    if not within(inner, outer):
        return
    assert all(outer.may(permission) for permission in Permission if inner.may(permission))
    assert outer.sees_organization(id) or not inner.sees_organization(id)
    assert outer.sees_integration(id) or not inner.sees_integration(id)
    assert outer.expires_at is None or (inner.expires_at is not None and inner.expires_at <= outer.expires_at)
    assert inner.organization_ids is not None or outer.organization_ids is None
