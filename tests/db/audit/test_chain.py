"""The chains: appended in one order by any number of writers, whole after a crash, and closed to changes."""

import asyncio
import hashlib
import hmac
import json
import os
import random
import signal
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from db.audit.chain import GENESIS, Link, canonical, encode
from db.audit.deeds import Deed
from db.sessions import Database
from db.vault import Transaction
from tests.processes import started

ORGANIZATIONS = [uuid.UUID(int=number) for number in range(1, 13)]
"""The first would be an id of all zeros but for its last bit: nothing stands for 'global' but null."""


async def test_fifty_writers(database_url: str, vault, admin, faults, tamper) -> None:
    """Fifty writers at a time, to one chain, to many, and to several in one transaction in any order: no chain forks or
    has a gap, every event is there, and nobody is a deadlock's victim."""
    database = Database(database_url, connections=25)
    lots = random.Random(4)
    attempts = done = 0

    async def write(number: int) -> None:
        nonlocal done
        scopes = [None] if number % 2 else lots.sample([None, *ORGANIZATIONS], lots.randint(1, 6))

        async def work(session) -> None:
            nonlocal attempts
            attempts += 1
            for scope in scopes:
                Transaction(session, admin, vault).record(Deed("test.deed", scope, detail={"writer": number}))

        for _ in range(8):
            await database.write(work)
            done += len(scopes)

    try:
        await asyncio.gather(*(write(number) for number in range(50)))
    finally:
        await database.close()
    assert attempts == 400
    assert await faults() == []
    (row,) = await tamper("SELECT count(*) FROM audit_log")
    assert row["count"] == done


async def test_tenants_do_not_wait_for_each_other(database: Database, vault, admin, transact) -> None:
    """While one organization's chain is being appended to and not committed, another's is appended to."""
    appended, release = asyncio.Event(), asyncio.Event()

    async def hold(session) -> None:
        deed = Deed("test.deed", ORGANIZATIONS[0]).by(admin)
        await vault.audit.append(session, [deed])
        appended.set()
        await release.wait()

    async def note(transaction: Transaction, scope: uuid.UUID) -> None:
        transaction.record(Deed("test.deed", scope))

    await transact(lambda transaction: note(transaction, ORGANIZATIONS[2]))
    holding = asyncio.create_task(database.write(hold))
    await appended.wait()
    async with asyncio.timeout(60):
        await transact(lambda transaction: note(transaction, ORGANIZATIONS[1]))
    waiting = asyncio.create_task(transact(lambda transaction: note(transaction, ORGANIZATIONS[0])))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    release.set()
    await asyncio.gather(holding, waiting)


async def test_the_log_is_written_last_and_in_two_statements(database: Database, transact) -> None:
    """However many events a transaction records, for however many chains, the log takes two statements, and they are
    its last: a head is locked no longer than they and the commit take."""
    await transact(lambda transaction: _record(transaction, [None]))
    statements: list[str] = []

    def note(connection, cursor, statement, parameters, context, many) -> None:
        statements.append(statement)

    async def work(transaction: Transaction) -> None:
        await _record(transaction, [None, *ORGANIZATIONS] * 5)
        await transaction.session.execute(text("SELECT 'the work'"))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    await transact(work)
    assert [statement.split()[0:3] for statement in statements] == [
        ["SELECT", "'the", "work'"],
        ["INSERT", "INTO", "audit_heads"],
        ["WITH", "heads", "AS"],
    ]


async def _record(transaction: Transaction, scopes) -> None:
    transaction.record(*(Deed("test.deed", scope) for scope in scopes))


async def test_nothing_is_recorded_of_what_is_rolled_back(record, transact, faults, tamper) -> None:
    """A transaction that fails leaves no event, and no gap where one would have been."""
    await record(None)

    async def fail(transaction: Transaction) -> None:
        await _record(transaction, [None])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await transact(fail)
    await record(None)
    assert await faults() == []
    assert [row["sequence"] for row in await tamper("SELECT sequence FROM audit_log ORDER BY 1")] == [1, 2]


WRITER = """
import asyncio, sys, uuid
from db.access import Permission, Principal
from db.audit.buffer import AuditBuffer
from db.crypto.keyring import RootKeyring
from db.audit.chain import AuditLog
from db.audit.deeds import Deed, Origin
from db.sessions import Database

async def main():
    database = Database(sys.argv[1])
    buffer = AuditBuffer(database, AuditLog(RootKeyring.parse(sys.stdin.readline().strip())))
    principal = Principal(uuid.uuid4(), "writer", frozenset(Permission))
    while True:
        for number in range(2500):
            origin = Origin(reason=str(number))
            buffer.add(principal, Deed("config.resolve", uuid.UUID(int=number % 40 + 1)), origin)
        await buffer.flush()
        print("flushed", flush=True)

asyncio.run(main())
"""


async def test_a_killed_process_leaves_whole_chains(database_url: str, root_keys: str, faults, tamper) -> None:
    """A process that is killed in the middle of a batch, again and again, leaves chains without a gap or a fork."""
    root = Path(__file__).parent.parent.parent.parent
    lots = random.Random(7)
    for _ in range(4):
        with started(
            [sys.executable, "-c", WRITER, database_url],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(root)},
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(root_keys.encode() + b"\n")
            child.stdin.flush()
            await asyncio.to_thread(child.stdout.readline)
            await asyncio.sleep(lots.uniform(0.02, 0.25))
            child.send_signal(signal.SIGKILL)
    await asyncio.sleep(0.2)
    assert await faults() == []
    (row,) = await tamper("SELECT count(*) FROM audit_log")
    assert row["count"] >= 4 * 2500


REFUSED = ["UPDATE audit_log SET actor = 'x'", "UPDATE audit_log SET actor = actor WHERE false"]
for table in ("audit_log", "audit_heads", "audit_keys"):
    REFUSED += [f"DELETE FROM {table}", f"TRUNCATE {table}"]


@pytest.mark.parametrize("change", REFUSED)
async def test_a_trigger_refuses_changes(database_url: str, record, change: str) -> None:
    """With one role for everything, a trigger refuses to change or remove what was recorded, heads and keys too."""
    await record(None)
    connection = await asyncpg.connect(database_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await connection.execute(change)
    await connection.close()


async def test_what_cannot_be_recorded_is_not_done(transact, tamper) -> None:
    """Where the log cannot be appended to, the transaction that would have been on record fails as a whole."""
    await tamper("ALTER TABLE audit_log RENAME TO away")
    await tamper("CREATE TABLE mark (number int)")

    async def work(transaction: Transaction) -> None:
        await transaction.session.execute(text("INSERT INTO mark VALUES (1)"))
        transaction.record(Deed("test.deed"))

    with pytest.raises(DBAPIError):
        await transact(work)
    assert await tamper("SELECT * FROM mark") == []


async def test_the_documented_encoding(record, vault, database: Database, tamper) -> None:
    """docs/audit.md's recipe, written down again here, makes the MAC of a stored event from its exported columns."""
    await record(ORGANIZATIONS[0], 2)
    (row,) = await tamper("SELECT * FROM audit_log WHERE sequence = 2")
    names = ("token_id", "organization_id", "integration_id", "config_id")
    ids = {name: None if row[name] is None else str(row[name]) for name in names}
    told = {
        "purpose": "strongroom audit event 1",
        "id": str(row["id"]),
        "at": row["at"].strftime("%Y-%m-%dT%H:%M:%S.%f+00:00"),
        "actor": row["actor"],
        "tokenId": ids["token_id"],
        "action": row["action"],
        "organizationId": ids["organization_id"],
        "integrationId": ids["integration_id"],
        "configId": ids["config_id"],
        "keys": row["keys"],
        "detail": json.loads(row["detail"]),
        "address": row["address"],
        "reason": row["reason"],
        "sequence": row["sequence"],
        "keyId": str(row["key_id"]),
        "previous": row["previous"].hex(),
    }
    message = json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii")
    async with database.read() as session:
        key = await vault.audit.keys.find(session, row["key_id"])
    assert key.mac(message) == row["mac"]
    assert row["mac"] == hmac.digest(key._secret, message, hashlib.sha256)


def test_no_two_events_have_one_encoding(admin) -> None:
    """What is null is not what is empty, and a text that looks like structure stays a text."""
    texts = [None, "", "null", '","reason":"x', "\\", "é", "e\u0301"]
    one, link = Deed("a").by(admin), Link(1, uuid.UUID(int=1), GENESIS)
    assert len({encode(replace(one, reason=reason), link) for reason in texts}) == len(texts)


plain = st.none() | st.booleans() | st.integers() | st.text()


@given(
    st.dictionaries(
        st.text(), st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
    )
)
def test_there_is_one_canonical_form(value: dict[str, Any]) -> None:
    """Whatever an event holds, its bytes are those of the recipe in docs/audit.md: sorted, without spaces, ASCII."""
    assert canonical(value) == json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def test_what_was_done_once_is_told_as_it_always_was(admin) -> None:
    """Events from before there were counts are verified as they are: done once, an event does not tell how often."""
    event = Deed("a").by(admin)
    assert not {"times", "lastAt"} & event.told().keys()
    counted = replace(event, times=2, last_at=event.at)
    assert counted.told() == {**event.told(), "times": 2, "lastAt": event.told()["at"]}
