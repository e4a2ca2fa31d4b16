"""Resolves wait in a buffer: how long, how many, and that none is written twice or lost while the process lives."""

import asyncio
import time
import uuid
from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError

from db import audit
from db.audit import BUFFER_LIMIT, FLUSH_SECONDS, AuditBuffer
from db.deeds import Deed, Origin

A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)


@pytest.fixture
def buffer(database, vault) -> AuditBuffer:
    return AuditBuffer(database, vault.audit)


async def test_an_event_is_on_record_within_its_time(buffer, admin, tamper) -> None:
    """What is added is in the log FLUSH_SECONDS later, and the time that writing it takes."""
    buffer.start()
    await asyncio.sleep(0.1)
    buffer.add(admin, Deed("config.resolve", A, keys=["key"]), Origin("192.0.2.1", "nightly"))
    added = time.monotonic()
    while not (rows := await tamper("SELECT * FROM audit_log")):
        assert time.monotonic() - added < FLUSH_SECONDS + 2
        await asyncio.sleep(0.02)
    assert (rows[0]["address"], rows[0]["reason"], rows[0]["actor"]) == ("192.0.2.1", "nightly", "admin")
    await buffer.stop()


async def test_stopping_writes_what_waits(buffer, admin, faults, tamper) -> None:
    """A process that is told to end loses nothing, and each chain keeps its order."""
    buffer.start()
    for number in range(2_500):
        buffer.add(admin, Deed("config.resolve", [A, B, None][number % 3], detail={"number": number}))
    await buffer.stop()
    assert await faults() == []
    rows = await tamper("SELECT organization_id, (detail->>'number')::int AS n FROM audit_log ORDER BY 1, sequence")
    assert len(rows) == 2_500
    for owner in (A, B, None):
        numbers = [row["n"] for row in rows if row["organization_id"] == owner]
        assert numbers == sorted(numbers)


async def test_resolving_stops_before_too_many_wait(buffer, admin) -> None:
    """The buffer is full at BUFFER_LIMIT events: a killed process never loses more."""
    deed = Deed("config.resolve", A)
    for _ in range(BUFFER_LIMIT - 1):
        buffer.add(admin, deed)
    assert not buffer.full
    buffer.add(admin, deed)
    assert buffer.full


async def test_resolving_stops_before_one_waits_too_long(buffer, admin, monkeypatch, tamper) -> None:
    """While the log cannot be written, the buffer is full once its oldest event has waited for PATIENCE seconds, even
    if the write that hangs is still under way; and it empties by itself once the log can be written again."""
    monkeypatch.setattr(audit, "PATIENCE", 0.3)
    await tamper("BEGIN")
    await tamper("LOCK TABLE audit_heads IN ACCESS EXCLUSIVE MODE")
    buffer.add(admin, Deed("config.resolve", A))
    flushing = asyncio.create_task(buffer.flush())
    await asyncio.sleep(0.1)
    assert not buffer.full
    await asyncio.sleep(0.3)
    assert buffer.full
    await tamper("COMMIT")
    await flushing
    assert not buffer.full
    assert len(await tamper("SELECT FROM audit_log")) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_without_an_answer(
    buffer, admin, database, monkeypatch, faults, tamper, committed: bool
) -> None:
    """Where the connection breaks at the commit, nobody knows whether it held: either way each event is on record
    once, with what was added meanwhile."""
    write = database.write

    async def break_off(work) -> None:
        if committed:
            await write(work)
        raise OperationalError("COMMIT", None, ConnectionResetError())

    buffer.add(admin, Deed("config.resolve", B))
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", break_off)
        await buffer.flush()
    buffer.add(admin, Deed("config.resolve", A))
    await buffer.flush()
    await buffer.flush()
    rows = await tamper("SELECT organization_id FROM audit_log ORDER BY 1")
    assert [row["organization_id"] for row in rows] == [A, B]
    assert await faults() == []


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "a\ud800b", "ä" * 255])
async def test_a_name_of_any_kind(buffer, admin, faults, tamper, name: str) -> None:
    """Whatever an identity provider calls somebody, the event is kept, and no other one waits because of it."""
    buffer.add(replace(admin, name=name), Deed("config.resolve", A))
    buffer.add(admin, Deed("config.resolve", A))
    await buffer.flush()
    assert len(await tamper("SELECT FROM audit_log")) == 2
    assert await faults() == []


async def test_a_cancelled_flush_loses_nothing(buffer, admin, faults, tamper) -> None:
    """A flush that is cancelled while it writes leaves its events to the next one, which writes each once."""
    for number in range(3_000):
        buffer.add(admin, Deed("config.resolve", A), Origin(reason=str(number)))
    flushing = asyncio.create_task(buffer.flush())
    while not await tamper("SELECT FROM audit_log LIMIT 1"):
        await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    await buffer.flush()
    assert len(await tamper("SELECT FROM audit_log")) == 3_000
    assert await faults() == []
