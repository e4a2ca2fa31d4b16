"""Sign-ins are on record, and nobody can fill the log with them."""

import hashlib
import uuid
from dataclasses import replace
from typing import Any

import pytest

from db import sign_ins
from db.access import Principal
from db.sign_ins import ACCEPTED_A_MINUTE, AGAIN_SECONDS, PLACES, SignIns
from db.throttle import UNKNOWN
from db.tokens import NewToken, create_token, hash_token, revoke_token, rotate_token


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signing(database, vault, clock: Clock) -> SignIns:
    return SignIns(database, vault.audit, clock)


@pytest.fixture
def recorded(tamper, signing: SignIns) -> Any:
    """What is on record of sign-ins once what waits is written: the oldest first."""

    async def read() -> list[dict[str, Any]]:
        await signing.flush()
        rows = await tamper("SELECT * FROM audit_log WHERE action LIKE 'sign_in.%' ORDER BY sequence")
        return [dict(row) for row in rows]

    return read


def caller(number: int = 1, *, person: bool = False) -> Principal:
    return Principal(uuid.UUID(int=number), f"caller {number}", frozenset(), is_person=person)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


async def test_who_came_from_where(signing, recorded, clock, faults) -> None:
    """Each caller is on record once a day for each address that it comes from, and no more often."""
    for _ in range(3):
        signing.accept(caller(1), "192.0.2.1")
        signing.accept(caller(1), "192.0.2.2")
        signing.accept(caller(2, person=True), "192.0.2.1")
        signing.accept(caller(2, person=True), UNKNOWN)
    told = [(row["actor"], row["token_id"].int, row["address"], row["detail"]) for row in await recorded()]
    assert told == [
        ("caller 1", 1, "192.0.2.1", '{"kind": "token"}'),
        ("caller 1", 1, "192.0.2.2", '{"kind": "token"}'),
        ("caller 2", 2, "192.0.2.1", '{"kind": "person"}'),
        ("caller 2", 2, None, '{"kind": "person"}'),
    ]
    clock.now += AGAIN_SECONDS
    signing.accept(caller(1), "192.0.2.1")
    assert len(await recorded()) == 5
    assert await faults() == []


async def test_a_caller_with_many_addresses(signing, recorded) -> None:
    """An IPv6 network is one place: who has 2^64 addresses is on record once."""
    for number in range(200):
        signing.accept(caller(), f"2001:db8::{number:x}")
    assert len(await recorded()) == 1


async def test_no_more_than_so_many_a_minute(signing, recorded, clock) -> None:
    """Past ACCEPTED_A_MINUTE nothing is recorded; who was left out is on record when it comes again later."""
    for number in range(1, ACCEPTED_A_MINUTE * 3):
        signing.accept(caller(number), "192.0.2.1")
    assert len(await recorded()) == ACCEPTED_A_MINUTE
    clock.now += 60
    signing.accept(caller(ACCEPTED_A_MINUTE + 1), "192.0.2.1")
    assert (await recorded())[-1]["token_id"].int == ACCEPTED_A_MINUTE + 1


async def test_what_is_remembered_is_bounded(signing, clock, monkeypatch) -> None:
    """However many callers come, so many are kept in mind."""
    monkeypatch.setattr(sign_ins, "_REMEMBERED", 50)
    for number in range(1, 500):
        clock.now += 1
        signing.accept(caller(number), "192.0.2.1")
    assert len(signing._seen) == 50


async def test_refusals_are_counted(signing, recorded, faults) -> None:
    """Refusals of a minute are one event for each address, with how many there were, by nobody's token."""
    for number in range(500):
        signing.refuse("192.0.2.1", digest(str(number)))
    signing.refuse("192.0.2.2", digest("other"))
    rows = await recorded()
    told = [(row["action"], row["actor"], row["token_id"], row["address"], row["detail"]) for row in rows]
    assert told == [
        ("sign_in.refuse", "nobody", None, "192.0.2.1", '{"count": 500}'),
        ("sign_in.refuse", "nobody", None, "192.0.2.2", '{"count": 1}'),
    ]
    assert len(await recorded()) == 2
    assert await faults() == []


async def test_an_attack_from_everywhere(signing, recorded) -> None:
    """However many addresses fail in a minute, PLACES are told apart and the others are one event."""
    for number in range(3_000):
        signing.refuse(f"192.0.{number // 250}.{number % 250}", digest(str(number)))
    rows = await recorded()
    assert len(rows) == PLACES + 1
    assert (rows[-1]["address"], rows[-1]["detail"]) == (None, f'{{"count": {3_000 - PLACES}}}')


async def test_a_token_that_no_longer_holds(signing, recorded, transact) -> None:
    """Whoever tries a token that was revoked or rotated out is on record with that token's id, never with the token."""

    async def make(name: str) -> tuple[uuid.UUID, str]:
        return await transact(lambda transaction: create_token(transaction, NewToken(name, ["config:read"])))

    (revoked, leaked), (rotated, old) = await make("revoked"), await make("rotated")
    await transact(lambda transaction: revoke_token(transaction, revoked))
    await transact(lambda transaction: rotate_token(transaction, rotated, 0))
    for token in (leaked, old, "made up"):
        signing.refuse("192.0.2.1", hash_token(token))
    [row] = await recorded()
    assert row["detail"] == f'{{"count": 3, "tokens": ["{min(revoked, rotated)}", "{max(revoked, rotated)}"]}}'
    assert leaked not in str(row)


async def test_without_a_database(signing, recorded, database, monkeypatch) -> None:
    """While the database does not answer, nothing fails, and what was refused is on record afterwards."""

    def fail(*_: Any) -> Any:
        raise OSError

    signing.refuse("192.0.2.1", digest("x"))
    with monkeypatch.context() as patch:
        patch.setattr(database, "read", fail)
        patch.setattr(database, "write", fail)
        await signing.flush()
    assert [row["detail"] for row in await recorded()] == ['{"count": 1}']


async def test_an_end_writes_what_waits(signing, tamper, admin) -> None:
    """A process that is told to end loses no sign-in."""
    signing.start()
    signing.accept(replace(admin, token_id=uuid.uuid4()), "192.0.2.1")
    signing.refuse("192.0.2.1", digest("x"))
    await signing.stop()
    assert len(await tamper("SELECT FROM audit_log")) == 2
