"""The audit log in the database: deeds, and the buffer of those that may wait a moment."""

import asyncio
import logging
import uuid
from typing import Any

import pytest

from db.audit.buffer import AuditBuffer
from db.audit.deeds import Deed


async def actions(sql: Any) -> list[str]:
    return [row["action"] for row in await sql.fetch("SELECT action FROM audit_log ORDER BY at")]


def recording(*deeds: Deed) -> Any:
    async def work(transaction: Any) -> None:
        transaction.record(*deeds)

    return work


def test_a_deed_has_no_room_for_a_value() -> None:
    """A record is who, what and where. `keys` are names and `detail` is what the rules put there."""
    assert set(Deed.__slots__) == {
        "action",
        "organization_id",
        "integration_id",
        "config_id",
        "keys",
        "detail",
        "at",
    }


async def test_deeds_commit_with_their_transaction(sql, transact) -> None:
    """A transaction that fails takes its records with it."""

    async def fail(transaction: Any) -> None:
        transaction.record(Deed("a"), Deed("b"))
        raise KeyError

    with pytest.raises(KeyError):
        await transact(fail)
    assert await actions(sql) == []
    await transact(recording(Deed("a"), Deed("b")))
    assert sorted(await actions(sql)) == ["a", "b"]
    await transact(recording())
    assert len(await actions(sql)) == 2


async def test_the_buffer_writes_within_a_second(database, vault, sql, admin) -> None:
    """A deed that was added is in the table about a second later, without anybody asking."""
    buffer = AuditBuffer(database, vault.audit)
    buffer.start()
    buffer.add(admin, Deed("resolve", keys=["b", "a"]))
    assert await actions(sql) == []
    for _ in range(60):
        if await actions(sql):
            break
        await asyncio.sleep(0.05)
    (row,) = await sql.fetch("SELECT * FROM audit_log")
    assert (row["actor"], row["token_id"], row["keys"]) == ("admin", admin.token_id, ["a", "b"])
    await buffer.stop()


async def test_stopping_writes_what_waits(database, vault, sql, admin) -> None:
    """An orderly end loses nothing."""
    buffer = AuditBuffer(database, vault.audit)
    buffer.start()
    for number in range(100):
        buffer.add(admin, Deed(f"resolve {number}"))
    await buffer.stop()
    assert len(await actions(sql)) == 100
    await buffer.stop()
    assert len(await actions(sql)) == 100


async def test_a_stop_during_a_flush_loses_nothing(database, vault, sql, admin) -> None:
    """What is being written when the end comes is written once, before it."""
    await sql.execute("BEGIN; LOCK audit_log IN EXCLUSIVE MODE")
    buffer = AuditBuffer(database, vault.audit)
    buffer.start()
    buffer.add(admin, Deed("resolve"))
    await asyncio.sleep(1.1)
    stopping = asyncio.create_task(buffer.stop())
    await asyncio.sleep(0.05)
    await sql.execute("ROLLBACK")
    await stopping
    assert await actions(sql) == ["resolve"]


async def test_a_database_that_is_away_keeps_the_deeds_waiting(
    database, vault, sql, admin, caplog: pytest.LogCaptureFixture
) -> None:
    """While nothing can be written the deeds wait, are told of without their content, and are written later."""
    buffer = AuditBuffer(database, vault.audit)
    await sql.execute("ALTER TABLE audit_log RENAME TO away")
    buffer.add(admin, Deed("resolve", keys=["the-key-name"], config_id=uuid.uuid4()))
    with caplog.at_level(logging.DEBUG, "strongroom"):
        await buffer.flush()
    assert [record.getMessage() for record in caplog.records] == ["1 audit events wait: ProgrammingError"]
    buffer.add(admin, Deed("resolve"))
    await sql.execute("ALTER TABLE away RENAME TO audit_log")
    await buffer.flush()
    assert await actions(sql) == ["resolve", "resolve"]


async def test_the_buffer_survives_its_own_errors(database, vault, sql, admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of any kind ends neither the buffer nor what waits in it."""
    monkeypatch.setattr("db.audit.buffer.FLUSH_SECONDS", 0.05)
    buffer = AuditBuffer(database, vault.audit)
    write = database.write
    failures = [RuntimeError("boom"), ValueError("boom"), KeyError("boom")]

    async def fail_first(work: Any) -> Any:
        if failures:
            raise failures.pop()
        return await write(work)

    monkeypatch.setattr(database, "write", fail_first)
    buffer.start()
    buffer.add(admin, Deed("resolve"))
    async with asyncio.timeout(30):
        while not await actions(sql):
            await asyncio.sleep(0.02)
    assert failures == []
    assert await actions(sql) == ["resolve"]
    await buffer.stop()


async def test_a_commit_that_was_not_heard_of_is_no_second_record(
    database, vault, sql, admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that was committed just before the connection broke is written again without doubling or blocking."""
    buffer = AuditBuffer(database, vault.audit)
    write = database.write

    async def break_after(work: Any) -> Any:
        await write(work)
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", break_after)
        buffer.add(admin, Deed("resolve"))
        await buffer.flush()
    buffer.add(admin, Deed("another"))
    await buffer.flush()
    assert await actions(sql) == ["resolve", "another"]


def test_a_full_buffer_says_so(database, vault, admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The buffer is bounded: past its limit it asks for no more."""
    monkeypatch.setattr("db.audit.buffer.BUFFER_LIMIT", 2)
    buffer = AuditBuffer(database, vault.audit)
    buffer.add(admin, Deed("a"))
    assert buffer.full is False
    buffer.add(admin, Deed("b"))
    assert buffer.full is True
