"""Writing configs: the order in which several writers of one owner get their turn."""

import asyncio
from typing import Any

import pytest

from db.values import ConfigType
from db.vault import Transaction
from db.writing import Entry, lock, put

KEYS = ["a", "b"]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
INTEGRATION = "INSERT INTO integrations (id, name) VALUES (gen_random_uuid(), 'i') RETURNING id"
INSERT = (
    "INSERT INTO configs (id, integration_id, key, value, config_type, updated_by)"
    " VALUES (gen_random_uuid(), $1, $2, '{\"value\": 1}', 'int', 'older software')"
)


@pytest.mark.parametrize("of", ["an integration", "nothing"], ids=["defaults", "standalone"])
async def test_first_writes_of_several_keys_do_not_deadlock(of: str, transact: Any, sql: Any) -> None:
    """Two writers of two new keys, one of which appears between the looks that they take: each runs only once. Without
    a turn the second has locked what appeared, and waits for what the first has inserted, which waits for it."""
    integration = None
    if of == "an integration":
        integration = await sql.fetchval(INTEGRATION)
    begun, looked, done, attempts = asyncio.Event(), asyncio.Event(), asyncio.Event(), []
    asking = asyncio.Lock()

    async def is_somebody_waiting() -> bool:
        async with asking:
            return bool(await sql.fetchval(WAITING))

    async def wait_for(event: asyncio.Event) -> None:
        """Until it is set, or somebody waits for a lock."""
        while not event.is_set() and not await is_somebody_waiting():
            await asyncio.sleep(0.01)

    async def first(transaction: Transaction) -> None:
        attempts.append("first")
        current = await lock(transaction, integration, [None], KEYS)
        if not begun.is_set():
            await sql.execute(INSERT, integration, "b")
            begun.set()
            await wait_for(looked)
        await put(transaction, [Entry(integration, None, key, ConfigType.INT, 2) for key in KEYS], current)
        done.set()

    async def second(transaction: Transaction) -> None:
        attempts.append("second")
        await begun.wait()
        current = await lock(transaction, integration, [None], KEYS)
        looked.set()
        await wait_for(done)
        await put(transaction, [Entry(integration, None, key, ConfigType.INT, 3) for key in KEYS], current)

    await asyncio.gather(transact(first), transact(second))
    assert sorted(attempts) == ["first", "second"]
    rows = await sql.fetch("SELECT key, version, value ->> 'value' AS value FROM configs ORDER BY key")
    assert [tuple(row) for row in rows] == [("a", 2, "3"), ("b", 3, "3")]
