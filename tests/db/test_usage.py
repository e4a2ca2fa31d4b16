"""When a token was last used: written in batches, at most once a minute for each token."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from db import usage
from db.sessions import Database
from db.tokens import NewToken, create_token
from db.usage import TokenUsage


@pytest.fixture
async def token(transact) -> uuid.UUID:
    id, _ = await transact(lambda transaction: create_token(transaction, NewToken("t", ["config:read"])))
    return id


async def last_used(database: Database, token: uuid.UUID) -> Any:
    async with database.read() as session:
        return await session.scalar(text("SELECT last_used_at FROM tokens WHERE id = :id"), {"id": token})


async def test_a_use_is_written(database: Database, token: uuid.UUID) -> None:
    """The first use is written with the next batch; until then the token was never used."""
    uses = TokenUsage(database)
    assert await last_used(database, token) is None
    uses.note(token)
    await uses.flush()
    assert datetime.now(UTC) - await last_used(database, token) < timedelta(seconds=30)


async def test_at_most_once_a_minute(database: Database, token: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a token is used, it is written once a minute; the last use is not lost by that."""
    uses = TokenUsage(database)
    written: list[datetime] = []
    for _ in range(5):
        uses.note(token)
        await uses.flush()
        written.append(await last_used(database, token))
    assert len(set(written)) == 1
    monkeypatch.setattr(usage, "WRITE_SECONDS", 0.0)
    await uses.flush()
    assert await last_used(database, token) > written[0]


async def test_processes_together(database: Database, token: uuid.UUID) -> None:
    """Two processes do not write the same minute twice."""
    for uses in (TokenUsage(database), TokenUsage(database)):
        uses.note(token)
        await uses.flush()
        first = await last_used(database, token)
    uses = TokenUsage(database)
    uses.note(token)
    await uses.flush()
    assert await last_used(database, token) == first


async def test_stopping_writes_what_waits(database: Database, token: uuid.UUID) -> None:
    """An orderly end loses nothing; a kill loses a minute at most."""
    uses = TokenUsage(database)
    uses.start()
    uses.note(token)
    await uses.stop()
    assert await last_used(database, token) is not None


async def test_a_database_that_does_not_answer(
    database: Database, token: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    """Uses wait for the database, without a word about the token in the log."""
    lost = Database("postgresql://localhost:1/nothing")
    uses = TokenUsage(lost)
    uses.note(token)
    await uses.flush()
    assert "waits" in caplog.text
    assert str(token) not in caplog.text
    uses._database = database
    await uses.flush()
    assert await last_used(database, token) is not None
    await lost.close()


async def test_memory_is_bounded(database: Database) -> None:
    """What is kept is what was used within the last minute: ids that are written are forgotten after it."""
    uses = TokenUsage(database)
    for _ in range(100):
        uses.note(uuid.uuid4())
    await uses.flush()
    assert not uses._used
    uses._written = dict.fromkeys(uses._written, -1e9)
    await uses.flush()
    assert not uses._written
