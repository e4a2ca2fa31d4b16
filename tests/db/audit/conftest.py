"""The audit log as its tests use it.

record     `await record(owner, 3)`: three events on an organization's chain (None: the global one)
faults     `await faults()`: what verifying complains of, as lines; `faults(checkpoint)` begins at one
tamper     `await tamper("UPDATE …")` as somebody for whom no trigger fires
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from db.audit.checkpoints import read_checkpoint, take_checkpoint
from db.audit.deeds import Deed
from db.audit.verification import Verification
from db.sessions import Database
from db.vault import Vault

Record = Callable[..., Awaitable[None]]
Faults = Callable[..., Awaitable[list[str]]]
Tamper = Callable[..., Awaitable[Any]]


@pytest.fixture
def record(transact: Any) -> Record:
    """Records events, each in a transaction of its own."""

    async def run(organization_id: uuid.UUID | None = None, count: int = 1, action: str = "test.deed") -> None:
        async def work(transaction: Any) -> None:
            detail = {"count": count, "big": 2**53 + 1, "text": 'ä\u2028"\\', "truth": True, "nothing": None}
            transaction.record(Deed(action, organization_id, keys=["b", "a"], detail=detail))

        for _ in range(count):
            await transact(work)

    return run


@pytest.fixture
def faults(database: Database, vault: Vault) -> Faults:
    """Verifies the log."""

    async def run(checkpoint: str | None = None) -> list[str]:
        known = None
        if checkpoint is not None:
            async with database.read() as session:
                known = await read_checkpoint(session, vault.audit, checkpoint)
        return [str(fault) async for fault in Verification(database, vault.audit, known).faults()]

    return run


@pytest.fixture
def checkpoint(database: Database, vault: Vault) -> Callable[[], Awaitable[str]]:
    """Takes a checkpoint."""
    return lambda: database.write(lambda session: take_checkpoint(session, vault.audit))


@pytest.fixture
async def tamper(database_url: str) -> AsyncIterator[Tamper]:
    """Runs statements as a superuser who has turned triggers off."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET session_replication_role = 'replica'")

    async def run(statement: str, *arguments: Any) -> Any:
        return await connection.fetch(statement, *arguments)

    yield run
    await connection.close()
