"""Resolves wait in a buffer: how long, how many, and that none is written twice or lost while the process lives."""

import asyncio
import gc
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from db.audit.buffer import BUFFER_LIMIT, FLUSH_SECONDS, AuditBuffer
from db.audit.deeds import Deed, Origin
from tests.timing import within

A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)


@pytest.fixture
def buffer(database, vault) -> AuditBuffer:
    return AuditBuffer(database, vault.audit)


async def test_an_event_is_on_record_within_its_time(buffer, admin, tamper) -> None:
    """What is added is in the log FLUSH_SECONDS later, and the time that writing it takes."""
    buffer.start()
    await asyncio.sleep(0.1)
    buffer.add(admin, Deed("config.resolve", A, keys=["key"]), Origin("192.0.2.1", "nightly"))
    with within(FLUSH_SECONDS + 2):
        async with asyncio.timeout(60):
            while not (rows := await tamper("SELECT * FROM audit_log")):
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


async def test_the_same_deed_is_one_event_that_counts(buffer, admin, faults, tamper) -> None:
    """What the same caller does to the same thing from the same place for the same reason is one event a batch, which
    tells how often, when first and when last; whatever differs in anything is an event of its own."""
    other = replace(admin, token_id=uuid.uuid4())
    deed = Deed("config.resolve", A, integration_id=B, keys=["one", "two"])
    different = [
        (admin, deed, Origin("192.0.2.2")),
        (admin, deed, Origin("192.0.2.1", "why")),
        (other, deed, Origin("192.0.2.1")),
        (replace(admin, name="renamed"), deed, Origin("192.0.2.1")),
        (admin, replace(deed, keys=["one"]), Origin("192.0.2.1")),
        (admin, replace(deed, organization_id=B), Origin("192.0.2.1")),
        (admin, replace(deed, integration_id=A), Origin("192.0.2.1")),
        (admin, replace(deed, config_id=A), Origin("192.0.2.1")),
        (admin, replace(deed, action="config.other"), Origin("192.0.2.1")),
        (admin, replace(deed, detail={"a": 1}), Origin("192.0.2.1")),
        (admin, replace(deed, detail={"a": 1}), Origin("192.0.2.1")),
    ]
    began = datetime.now(UTC)
    buffer.add(admin, deed, Origin("192.0.2.1"))
    for given in different:
        buffer.add(*given)
    await asyncio.sleep(0.01)
    for _ in range(4):
        buffer.add(admin, replace(deed, at=began - timedelta(days=1)), Origin("192.0.2.1"))
    await buffer.flush()
    counted = await tamper("SELECT times, at, last_at FROM audit_log WHERE times > 1")
    assert [row["times"] for row in counted] == [5]
    assert began <= counted[0]["at"] < counted[0]["last_at"] <= datetime.now(UTC)
    once = await tamper("SELECT times, last_at FROM audit_log WHERE times = 1")
    assert [row["last_at"] for row in once] == [None] * len(different)
    buffer.add(admin, deed, Origin("192.0.2.1"))
    await buffer.flush()
    assert len(await tamper("SELECT FROM audit_log")) == len(different) + 2
    assert await faults() == []


COUNTS = ["times = 1", "times = 2", "last_at = NULL", "last_at = last_at + interval '1 microsecond'"]


@pytest.mark.parametrize("change", COUNTS)
async def test_a_count_that_was_changed_is_found(buffer, admin, faults, tamper, change: str) -> None:
    """How often something was done, and when for the last time, is vouched for like all else."""
    for _ in range(3):
        buffer.add(admin, Deed("config.resolve", A))
    await buffer.flush()
    assert await faults() == []
    await tamper(f"UPDATE audit_log SET {change}")
    (fault,) = await faults()
    assert "changed or inserted" in fault


async def test_a_flush_lets_requests_go_on(buffer, admin) -> None:
    """While many different events are written, nothing else on the event loop waits long for its turn."""
    for number in range(5_000):
        buffer.add(admin, Deed("config.resolve", uuid.UUID(int=number + 1)))
    longest, going = 0.0, True

    async def watch() -> None:
        nonlocal longest
        while going:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    gc.collect()
    gc.disable()  # A collection of all that the tests before have left takes longer than what is measured here.
    try:
        watching, before = asyncio.create_task(watch()), time.thread_time()
        await buffer.flush()
        whole, going = time.thread_time() - before, False
        await watching
    finally:
        gc.enable()
    assert longest < whole / 10, "one go of a thousand events, a fifth of the work, takes twice as long"


async def test_resolving_stops_before_too_many_events_wait(buffer, admin, monkeypatch) -> None:
    """The buffer's memory is bounded: it is full at EVENT_LIMIT different events, also while they are being written."""
    monkeypatch.setattr("db.audit.buffer.EVENT_LIMIT", 3)
    for number in range(2):
        buffer.add(admin, Deed("config.resolve", uuid.UUID(int=number + 1)))
    buffer.add(admin, Deed("config.resolve", uuid.UUID(int=1)))
    assert not buffer.full
    buffer.add(admin, Deed("config.resolve", uuid.UUID(int=3)))
    assert buffer.full
    await buffer.flush()
    assert not buffer.full


async def test_resolving_stops_before_too_many_wait(buffer, admin) -> None:
    """The buffer is full at BUFFER_LIMIT resolves: a killed process never loses more."""
    deed = Deed("config.resolve", A)
    for _ in range(BUFFER_LIMIT - 1):
        buffer.add(admin, deed)
    assert not buffer.full
    buffer.add(admin, deed)
    assert buffer.full


async def test_resolving_stops_before_one_waits_too_long(buffer, admin, monkeypatch, tamper) -> None:
    """While the log cannot be written, the buffer is full once its oldest event has waited for PATIENCE seconds, even
    if the write that hangs is still under way; and it empties by itself once the log can be written again."""
    monkeypatch.setattr("db.audit.buffer.PATIENCE", 2)
    await tamper("BEGIN")
    await tamper("LOCK TABLE audit_heads IN ACCESS EXCLUSIVE MODE")
    buffer.add(admin, Deed("config.resolve", A))
    flushing = asyncio.create_task(buffer.flush())
    await asyncio.sleep(0.1)
    assert not buffer.full
    async with asyncio.timeout(60):
        while not buffer.full:
            await asyncio.sleep(0.05)
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
