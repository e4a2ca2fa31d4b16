"""SEAL writes a row only as it was read: whatever others do to it between reading and writing is kept.

Others are real connections. They come in while the batch asks for its data keys, when its rows are read and not yet
written.
"""

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from functools import partial
from typing import Any

import asyncpg
import pytest

from db.audit.chain import AuditLog
from db.configs import StandaloneWrite, set_config
from db.crypto.data_keys import DataKey, DataKeys, Made, Scope
from db.models import BackfillKind, BackfillStatus
from db.runs import RunRow, start_backfill
from db.sessions import Database, WriteSession
from db.stored import select_stored, stored
from db.values import ConfigType
from db.vault import Opened, Vault, open_rows
from tests.workers.kit import plant_secrets
from workers.engine import Engine

ROWS = 4
IDS = "SELECT id FROM configs ORDER BY id"
WAITERS = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database "
    "WHERE datname = current_database()) OR NOT granted AND locktype = 'transactionid'"
)
READ = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' "
    "AND query LIKE '%FROM integration_config_schema s%'"
)

Meanwhile = Callable[[], Awaitable[Any]]


class Interrupted(DataKeys):
    """Lets somebody else in, once, when SEAL asks for data keys: between reading rows and writing them."""

    meanwhile: Meanwhile | None = None
    was_in = False

    async def active(
        self, session: WriteSession, scopes: Collection[Scope], made: Made | None = None
    ) -> dict[Scope, DataKey]:
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()
            self.was_in = True
        return await super().active(session, scopes, made)


class Stage:
    """Planted rows, another connection, and SEAL with somebody in between."""

    def __init__(self, sql: asyncpg.Connection, other: asyncpg.Connection, engine: Engine, run: Any) -> None:
        self.sql, self.other, self.run = sql, other, run
        self.engine = engine
        self.ending: list[asyncio.Task[None]] = []
        self.id = uuid.UUID(int=0)

    async def plant(self) -> None:
        """Rows anew, none of them sealed; `id` is the first one's."""
        await self.sql.execute("TRUNCATE organizations, integrations, backfill_runs CASCADE")
        await plant_secrets(self.sql, ROWS, organizations=1, fields=ROWS)
        self.id = uuid.UUID(str(await self.sql.fetchval(IDS)))

    async def seal(self, meanwhile: Meanwhile) -> RunRow:
        """Seal all rows in one batch; `meanwhile` runs once they are read."""

        async def once_read() -> None:
            assert await self.sql.fetchval(READ) == 1
            await meanwhile()

        keys = self.engine._vault.data_keys
        assert isinstance(keys, Interrupted)
        keys.meanwhile, keys.was_in = once_read, False
        done = await self.run()
        assert keys.was_in  # What fails in there would be taken for a batch that fails, which is tried again.
        assert done.status is BackfillStatus.SUCCEEDED
        return done


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of older software."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def stage(sql, other, database, root_keyring, legacy_keys, transact, see) -> Stage:
    engine = Engine(database, Vault(Interrupted(root_keyring), legacy_keys, AuditLog(root_keyring)))

    async def run() -> RunRow:
        started = await transact(lambda t: start_backfill(t, BackfillKind.SEAL, batch_size=ROWS))
        while await engine.work(started.id):
            pass
        return await see(started.id)

    made = Stage(sql, other, engine, run)
    await made.plant()
    return made


@pytest.fixture
def check(database, vault, sql) -> Callable[..., Awaitable[None]]:
    """Every row is sealed and opens to what was planted; the first to another value if one is given."""

    async def run(**changed: Any) -> None:
        async with database.read() as session:
            rows = [stored(row) for row in await session.rows(select_stored())]
            opened = await open_rows(session, vault, rows)
        assert all(row.sealed is not None and row.value is None and not row.legacy for row in rows)
        assert {str(id): value for id, value in opened.items()} == {
            str(row.id): Opened(changed.get(str(row.id), str(row.id))) for row in rows
        }

    return run


def value_of(value: Any) -> str:
    return json.dumps({"value": value})


CHANGES = {
    "a value": 'UPDATE configs SET value = \'{"value": "new"}\' WHERE id = $1',
    "a value, by HOT": 'UPDATE configs SET value = \'{"value": "new"}\', updated_at = updated_at WHERE id = $1',
    "the same values": "UPDATE configs SET value = value, updated_at = updated_at WHERE id = $1",
    "a description": "UPDATE configs SET description = 'd' WHERE id = $1",
    "the type": "UPDATE configs SET config_type = 'secret' WHERE id = $1",
    "a lock and no change": "SELECT FROM configs WHERE id = $1 FOR UPDATE",
}


async def test_a_row_that_older_software_wrote_in_between(stage: Stage, check: Any) -> None:
    """What one UPDATE leaves, new values or the same ones, is sealed; every row is done and counted once."""
    for change, statement in CHANGES.items():
        await stage.plant()
        done = await stage.seal(lambda statement=statement: stage.other.execute(statement, stage.id))
        assert (done.processed, done.changed, done.skipped, done.quarantined) == (ROWS, ROWS, 0, 0), change
        await check(**({str(stage.id): "new"} if change.startswith("a value") else {}))
        wanted = "d" if change == "a description" else None
        assert await stage.sql.fetchval("SELECT description FROM configs WHERE id = $1", stage.id) == wanted


async def test_several_writes_in_between(stage: Stage, check: Any) -> None:
    """A chain of versions, pruned in between as far as PostgreSQL can: the last of them counts."""

    async def write() -> None:
        for value in ("one", "two", "three"):
            await stage.other.execute("UPDATE configs SET value = $2 WHERE id = $1", stage.id, value_of(value))
            await stage.other.execute("VACUUM configs")

    done = await stage.seal(write)
    assert (done.changed, done.skipped) == (ROWS, 0)
    await check(**{str(stage.id): "three"})


@pytest.mark.parametrize("options", ["", "(FREEZE)"])
async def test_vacuum_in_between(stage: Stage, check: Any, options: str) -> None:
    """Rows whose writers are frozen, before and in between, are sealed at once: a frozen row still names its writer."""
    for value in ("one", "two"):
        await stage.sql.execute("UPDATE configs SET description = $1", value)
    await stage.sql.execute(f"VACUUM {options} configs")
    done = await stage.seal(lambda: stage.other.execute(f"VACUUM {options} configs"))
    assert (done.changed, done.skipped) == (ROWS, 0)
    await check()


async def test_a_row_that_was_deleted_in_between(stage: Stage, check: Any) -> None:
    """A row that is gone stays gone, and its place is nobody else's."""

    async def delete() -> None:
        await stage.other.execute("DELETE FROM configs WHERE id = $1", stage.id)
        await stage.other.execute("VACUUM configs")

    done = await stage.seal(delete)
    assert (done.processed, done.changed, done.skipped) == (ROWS, ROWS - 1, 1)
    assert await stage.sql.fetchval("SELECT count(*) FROM configs") == ROWS - 1
    await check()


async def test_a_row_that_was_deleted_and_made_again_in_between(stage: Stage, check: Any) -> None:
    """Under the same id, with another value: that one is sealed."""
    columns = "id, organization_id, integration_id, key, config_type, updated_by"

    async def replace() -> None:
        async with stage.other.transaction():
            row = await stage.other.fetchrow(f"DELETE FROM configs WHERE id = $1 RETURNING {columns}", stage.id)
            assert row is not None
            await stage.other.execute(
                f"INSERT INTO configs ({columns}, value) VALUES ($1, $2, $3, $4, $5, $6, $7)", *row, value_of("new")
            )
        await stage.other.execute("VACUUM configs")

    done = await stage.seal(replace)
    assert (done.changed, done.skipped) == (ROWS, 0)
    await check(**{str(stage.id): "new"})


@pytest.mark.parametrize("kept", [True, False])
async def test_a_savepoint_in_between(stage: Stage, check: Any, kept: bool) -> None:
    """What older software writes within a savepoint counts if it is kept, and not if it is rolled back to."""

    async def write() -> None:
        async with stage.other.transaction():
            inner = stage.other.transaction()
            await inner.start()
            await stage.other.execute("UPDATE configs SET value = $2 WHERE id = $1", stage.id, value_of("new"))
            await (inner.commit() if kept else inner.rollback())

    done = await stage.seal(write)
    assert (done.changed, done.skipped) == (ROWS, 0)
    await check(**({str(stage.id): "new"} if kept else {}))


async def test_rows_that_a_savepoint_wrote_before(stage: Stage, check: Any) -> None:
    """Rows whose last writer is a part of a transaction are like any others."""
    async with stage.sql.transaction(), stage.sql.transaction():
        await stage.sql.execute("UPDATE configs SET description = 'd'")
    done = await stage.seal(lambda: stage.other.execute("SELECT 1"))
    assert (done.changed, done.skipped) == (ROWS, 0)
    await check()


PLANS = {"any": "", "by places": "enable_seqscan = off, enable_hashjoin = off, enable_mergejoin = off"}
"""How PostgreSQL finds the rows to write: among many rows by their places. Having waited for a row, its older minor
versions then do not look again whether the place is the same, and only the row's writer tells."""


WRITES = {
    "value": 'UPDATE configs SET value = \'{"value": "new"}\' WHERE id = $1',
    "nothing": "UPDATE configs SET value = value WHERE id = $1",
    "delete": "DELETE FROM configs WHERE id = $1",
}


@pytest.mark.parametrize("plan", PLANS)
async def test_a_row_that_is_being_written(stage: Stage, check: Any, database: Database, plan: str) -> None:
    """A write that is under way when SEAL wants to write is waited for: SEAL goes on from what it left."""
    for option in filter(None, PLANS[plan].split(", ")):
        name = await stage.sql.fetchval("SELECT current_database()")
        await stage.sql.execute(f"ALTER DATABASE {name} SET {option}")
    await database.engine.dispose()
    for write, end in itertools.product(WRITES, ("COMMIT", "ROLLBACK")):
        await stage.plant()
        done = await stage.seal(partial(begin, stage, WRITES[write], end))
        await stage.ending.pop()
        gone = (write, end) == ("delete", "COMMIT")
        assert (done.processed, done.changed, done.skipped) == (ROWS, ROWS - gone, int(gone)), (write, end)
        await check(**({str(stage.id): "new"} if (write, end) == ("value", "COMMIT") else {}))


async def begin(stage: Stage, statement: str, end: str) -> None:
    """Begin a transaction, which ends once somebody waits for it."""

    async def finish() -> None:
        while not await stage.sql.fetchval(WAITERS):
            await asyncio.sleep(0.01)
        await stage.other.execute(end)

    await stage.other.execute("BEGIN")
    await stage.other.execute(statement, stage.id)
    stage.ending.append(asyncio.create_task(finish()))


async def test_a_write_of_ours_in_between(sql, stage: Stage, transact, database, vault) -> None:
    """A secret that the API wrote in between is left alone, and the batch's other rows are sealed and counted once."""
    id = uuid.uuid4()
    await sql.execute(
        "INSERT INTO configs (id, key, value, config_type, updated_by) VALUES ($1, 'alone', $2, 'secret', 'x')",
        id,
        value_of("old"),
    )
    await sql.execute("DELETE FROM configs WHERE id = $1", stage.id)
    wanted = StandaloneWrite(None, "alone", ConfigType.SECRET, "new")
    done = await stage.seal(lambda: transact(lambda t: set_config(t, wanted)))
    assert (done.processed, done.changed, done.skipped) == (ROWS, ROWS - 1, 1)
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        opened = await open_rows(session, vault, rows)
    assert {row.id: opened[row.id] for row in rows} == {
        row.id: Opened("new" if row.id == id else str(row.id)) for row in rows
    }
    assert next(row.version for row in rows if row.id == id) == 2


async def test_an_organization_that_was_deleted_in_between(sql, stage: Stage) -> None:
    """Its rows are gone, and no key can be made for it: the batch is tried again, and goes on with the others."""
    id = await sql.fetchval(
        "INSERT INTO organizations (id, name, created_by) VALUES (gen_random_uuid(), 'other', 'x') RETURNING id"
    )
    await sql.execute(
        "INSERT INTO configs (id, organization_id, key, value, config_type, updated_by) "
        "VALUES (gen_random_uuid(), $1, 'alone', $2, 'secret', 'x')",
        id,
        value_of("kept"),
    )
    await sql.execute("DELETE FROM configs WHERE id = $1", stage.id)

    async def delete() -> None:
        await stage.other.execute("DELETE FROM configs WHERE organization_id <> $1", id)
        await stage.other.execute("DELETE FROM organizations WHERE id <> $1", id)

    done = await stage.seal(delete)
    assert (done.changed, done.quarantined, done.error) == (1, 0, None)
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE sealed IS NOT NULL") == 1
