"""Sessions: reads that commit by themselves, writes that are one transaction and run again after a deadlock."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.sessions import Database, WriteSession, sqlstate


@pytest.fixture
async def numbered(sql: Any) -> None:
    """A table of two rows."""
    await sql.execute("CREATE TABLE numbered (id int PRIMARY KEY, n int); INSERT INTO numbered VALUES (1, 0), (2, 0)")


ADD = text("UPDATE numbered SET n = n + 1 WHERE id = :id")


async def test_a_real_deadlock_is_run_again(database: Database, numbered: None, sql: Any) -> None:
    """Two transactions that lock two rows in opposite orders both succeed, and each counts once."""
    both = asyncio.Barrier(2)
    attempts: list[int] = []

    async def add(first: int, second: int) -> None:
        async def work(session: WriteSession) -> None:
            attempts.append(first)
            await session.execute(ADD, {"id": first})
            if len(attempts) <= 2:
                await both.wait()
            await session.execute(ADD, {"id": second})

        await database.write(work)

    await asyncio.gather(add(1, 2), add(2, 1))
    assert len(attempts) == 3
    assert [row["n"] for row in await sql.fetch("SELECT n FROM numbered")] == [2, 2]


async def test_after_commit_is_after_the_commit_and_once(database: Database, numbered: None, sql: Any) -> None:
    """What is to happen after a commit happens once it has committed, for the attempt that did; else never."""
    told: list[str] = []
    tries: list[int] = []

    async def work(session: WriteSession) -> None:
        tries.append(1)
        session.after_commit(lambda: told.append(f"attempt {len(tries)}"))
        await session.execute(ADD, {"id": 1})
        assert told == []
        if len(tries) == 1:
            await session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"))

    await database.write(work)
    assert told == ["attempt 2"]
    assert await sql.fetchval("SELECT n FROM numbered WHERE id = 1") == 1


async def test_other_errors_are_not_run_again(database: Database, numbered: None) -> None:
    """An error that is no deadlock rolls back, is raised at once, and nothing is called back."""
    tries: list[int] = []

    async def work(session: WriteSession) -> None:
        tries.append(1)
        session.after_commit(lambda: tries.append(0))
        await session.execute(text("INSERT INTO numbered VALUES (1, 1)"))

    with pytest.raises(DBAPIError) as raised:
        await database.write(work)
    assert sqlstate(raised.value) == "23505"
    assert tries == [1]


async def test_errors_show_no_parameters(database: Database, numbered: None) -> None:
    """The text of a database error has none of the statement's parameters: they may be secrets."""

    async def work(session: WriteSession) -> None:
        statement = text("INSERT INTO numbered SELECT 1, length(CAST(:secret AS text))")
        await session.execute(statement, {"secret": "planted-secret"})

    with pytest.raises(DBAPIError) as raised:
        await database.write(work)
    assert "planted-secret" not in str(raised.value)


async def test_a_write_that_fails_changes_nothing(database: Database, numbered: None, sql: Any) -> None:
    """A write session is one transaction: all of it, or none."""

    async def work(session: WriteSession) -> None:
        await session.execute(ADD, {"id": 1})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(work)
    assert await sql.fetchval("SELECT sum(n) FROM numbered") == 0


async def test_a_read_is_no_transaction(database: Database, numbered: None, sql: Any) -> None:
    """A read session sees what was committed since its last statement, and holds nothing open."""
    async with database.read() as session:
        assert await session.scalar(text("SELECT n FROM numbered WHERE id = 1")) == 0
        await sql.execute("UPDATE numbered SET n = 7")
        assert await session.scalar(text("SELECT n FROM numbered WHERE id = 1")) == 7
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()"
        assert await sql.fetchval(open_ones) == 0
