"""A run survives whatever happens to its workers, to PostgreSQL and to Redis: every row is done exactly once."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
import redis
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from db.embedded import EmbeddedServers
from db.models import BackfillKind, BackfillStatus, DataKey
from db.queue import Queue
from db.runs import RunRow, start_backfill
from db.sessions import WriteSession
from db.vault import Transaction, Vault
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.failures import is_passing

pytestmark = pytest.mark.usefixtures("unmeasured")

DISASTERS = ("redis", "postgres", "keys", "bells", "crash")


@pytest.fixture
def world(request: pytest.FixtureRequest) -> "World":
    """Two workers on this test's servers."""
    names = ("database", "database_url", "vault", "transact", "see", "start_worker", "queue", "redis_url", "servers")
    return World(**{name: request.getfixturevalue(name) for name in names})


async def test_sigkill_at_random_points(world: "World") -> None:
    """Two workers killed at random points, Redis emptied, PostgreSQL restarted and crashed, all keys replaced and the
    same work enqueued three times over: nothing is lost, skipped or sealed twice."""
    await world.plant(3_000)
    await world.survive(BackfillKind.SEAL, kills=5, batch_size=40, rate=500)


@pytest.mark.soak
async def test_sigkill_at_twenty_random_points(world: "World", record_property: Any) -> None:
    """The same, twenty times over, and then on a rotation of all keys; every row is opened after each."""
    rows = 60_000
    await world.plant(rows)
    for kind in (BackfillKind.SEAL, BackfillKind.ROTATE):
        await world.survive(kind, kills=20, batch_size=40, rate=2_000)
        record_property(f"rows opened after {kind.name}", rows)
    record_property("kills", 40)
    # The keys were replaced under that rotation once more: one that is left alone leaves none behind.
    await world.survive(BackfillKind.ROTATE, kills=0, batch_size=5_000, rate=1_000_000)
    await world.assert_no_old_keys()


@pytest.mark.soak
@pytest.mark.parametrize("disaster", [*DISASTERS, "kill"])
async def test_one_disaster_alone(world: "World", disaster: str, record_property: Any) -> None:
    """Each of these alone, twenty times during one run of two workers that go on, or of one that is killed: every row
    is right."""
    await world.plant(10_000)
    await world.endure(disaster, times=20)
    record_property("rows opened", 10_000)


@dataclass
class World:
    """Two workers, the servers below them, and what goes wrong with all of these."""

    database: Any
    database_url: str
    vault: Vault
    transact: Any
    see: Callable[[Any], Awaitable[RunRow]]
    start_worker: Callable[[], Any]
    queue: Queue
    redis_url: str
    servers: EmbeddedServers
    rows: int = 0
    workers: list[Any] = field(default_factory=list)

    async def plant(self, rows: int) -> None:
        self.rows = rows
        connection = await asyncpg.connect(self.database_url)
        await plant_secrets(connection, rows)
        await connection.close()

    async def survive(self, kind: BackfillKind, *, kills: int, batch_size: int, rate: int) -> None:
        """A run of this kind, with all that goes wrong, to its end; then every row is opened."""
        chance = random.Random(kills)
        run = await self.again(
            lambda: self.transact(lambda t: start_backfill(t, kind, batch_size=batch_size, max_rows_per_second=rate))
        )
        disasters = dict(zip(chance.sample(range(kills), min(kills, len(DISASTERS))), DISASTERS, strict=False))
        self.workers = [self.start_worker(), self.start_worker()]
        for number in range(kills):
            await self.wait_for_progress(run.id)
            if number in disasters:
                await getattr(self, f"strike_{disasters[number]}")(run.id)
            await asyncio.sleep(chance.uniform(0, 0.15))
            # Every other time both: then nobody is left to go on.
            for _ in range(1 + number % 2):
                victim = self.workers.pop(0)
                victim.kill()
                victim.wait(20)
            assert (await self.look(run.id)).status in (BackfillStatus.RUNNING, BackfillStatus.ENQUEUED)
            # Time goes by: nobody is waited for who is dead.
            await self.execute("UPDATE backfill_slices SET heartbeat_at = heartbeat_at - interval '1 minute'")
            while len(self.workers) < 2:
                self.workers.append(self.start_worker())
        await self.finish(run.id, kind)

    async def endure(self, disaster: str, *, times: int) -> None:
        """A SEAL under which one thing goes wrong so many times, to its end; then every row is opened."""
        chance = random.Random(times)
        run = await self.again(
            lambda: self.transact(
                lambda t: start_backfill(t, BackfillKind.SEAL, batch_size=20, max_rows_per_second=1_000)
            )
        )
        self.workers = [self.start_worker() for _ in range(1 if disaster == "kill" else 2)]
        for _ in range(times):
            await self.wait_for_progress(run.id)
            await asyncio.sleep(chance.uniform(0, 0.1))
            assert (await self.look(run.id)).finished_at is None
            await getattr(self, f"strike_{disaster}")(run.id)
            self.workers = [worker if worker.poll() is None else self.start_worker() for worker in self.workers]
        await self.finish(run.id, BackfillKind.SEAL)

    async def finish(self, run: Any, kind: BackfillKind) -> None:
        """Wait for the end; open every row."""
        done = await self.wait_until(run, lambda now: now.finished_at is not None)
        assert (done.status, done.error) == (BackfillStatus.SUCCEEDED, None)
        if kind is BackfillKind.SEAL:
            assert (done.processed, done.changed, done.quarantined) == (self.rows, self.rows, 0)
        await self.again(lambda: assert_sealed_once(self.database, self.vault, self.rows))
        await self.stop()

    async def stop(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            # One that lost its servers just now ends with 1, for its supervisor to start another.
            assert await asyncio.to_thread(worker.wait, 15) in (0, 1)
        self.workers = []

    async def strike_redis(self, _run: Any) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    async def strike_postgres(self, _run: Any) -> None:
        # On this thread: the server ends with the one that started it.
        self.servers.postgres.stop()
        self.servers.postgres.start()

    async def strike_crash(self, _run: Any) -> None:
        """Not even what was committed without being waited for is kept."""
        postgres = self.servers.postgres
        assert postgres._process is not None
        postgres._process.send_signal(signal.SIGQUIT)
        postgres._process.wait(60)
        postgres.stop()
        postgres.start()

    async def strike_kill(self, _run: Any) -> None:
        (victim,) = self.workers
        victim.kill()
        victim.wait(20)
        await self.execute("UPDATE backfill_slices SET heartbeat_at = heartbeat_at - interval '1 minute'")

    async def strike_keys(self, _run: Any) -> None:
        """A new data key for every scope, while the old ones are being sealed with."""

        async def rotate(transaction: Transaction) -> None:
            keys = await transaction.session.rows(select(DataKey.organization_id).where(DataKey.active))
            scopes = [key.organization_id for key in keys]
            assert scopes
            await transaction.vault.data_keys.rotate(transaction.session, scopes, lambda *_: None)

        await self.again(lambda: self.transact(rotate))

    async def strike_bells(self, run: Any) -> None:
        for _ in range(3):
            await self.queue.enqueue_run(run)

    async def assert_no_old_keys(self) -> None:
        """After a rotation nothing is sealed by a key that is not active."""
        sealed = "SELECT count(*) FROM configs c JOIN data_keys k ON k.id = c.data_key_id WHERE NOT k.active"
        connection = await asyncpg.connect(self.database_url)
        left = await connection.fetchval(sealed)
        await connection.close()
        assert left == 0

    async def wait_for_progress(self, run: Any) -> None:
        before = (await self.look(run)).processed
        await self.wait_until(run, lambda now: now.processed > before or now.finished_at is not None)

    async def wait_until(self, run: Any, right: Callable[[RunRow], bool]) -> RunRow:
        end = time.monotonic() + 120
        while not right(now := await self.look(run)):
            assert time.monotonic() < end, now
            await asyncio.sleep(0.02)
        return now

    async def look(self, run: Any) -> RunRow:
        return await self.again(lambda: self.see(run))

    async def execute(self, statement: str) -> None:
        async def run(session: WriteSession) -> None:
            await session.execute(text(statement))

        await self.again(lambda: self.database.write(run))

    async def again(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do it; again where the restart has cut the connection."""
        for _ in range(200):
            try:
                return await work()
            except (DBAPIError, OSError, asyncpg.PostgresError) as error:
                if not is_passing(error):
                    raise
                await asyncio.sleep(0.05)
        raise AssertionError("PostgreSQL does not come back")
