"""Planning: runs are cut into slices in steps, and rows are picked in an index's order."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from db.models import BackfillKind, BackfillStatus
from db.runs import RunLimits, cancel_backfill, pause_backfill, resume_backfill, start_backfill
from db.sessions import Database
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.engine import Engine
from workers.seal import Seal
from workers.slices import in_index_order
from workers.tasks import Batch, Counts, Run

SEAL = BackfillKind.SEAL


async def test_planning_goes_on_where_it_stopped(small_slices, transact, see, sql, database, vault):
    """A plan that takes longer than a shift is cut in several jobs, each re-enqueued, and once prepared is enough."""

    class Prepared(Seal):
        times = 0

        async def prepare(self, database: Any, vault: Any, run: Run) -> None:
            self.times += 1

    await plant_secrets(sql, 450)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=30))
    task = Prepared()
    engine = Engine(database, vault, {SEAL: task}, shift=0)
    totals = []
    while not await sql.fetchval("SELECT planned FROM backfill_runs"):
        assert await engine.work(run.id) is True
        totals.append((await see(run.id)).total)
    assert (totals, task.times) == ([100, 200, 300, 400, 450], 1)
    slices = await sql.fetch("SELECT lower, upper, total FROM backfill_slices ORDER BY number")
    assert [row["lower"] for row in slices] == [None, *(row["upper"] for row in slices[:-1])]
    assert [row["total"] for row in slices] == [100, 100, 100, 100, 50]
    assert slices[-1]["upper"] is None
    for _ in range(200):
        if not await engine.work(run.id):
            break
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
    await assert_sealed_once(database, vault, 450)


async def test_two_workers_plan_at_once(small_slices, transact, sql, database, vault, see):
    """Of two workers that find a run without a plan one makes it; the other leaves it to that one."""
    await plant_secrets(sql, 250)
    run = await transact(lambda t: start_backfill(t, SEAL))
    engines = [Engine(database, vault) for _ in range(3)]
    await asyncio.gather(*(engine.work(run.id) for engine in engines))
    while await engines[0].work(run.id):
        pass
    assert await sql.fetchval("SELECT count(*) FROM backfill_slices WHERE source = 'configs'") == 3
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED


async def test_rows_that_come_while_a_run_is_planned_are_done(small_slices, transact, sql, database, vault, see):
    """The last slice is open at its end: what is written after the plan belongs to it."""
    await plant_secrets(sql, 150)
    run = await transact(lambda t: start_backfill(t, SEAL))
    engine = Engine(database, vault, shift=0)
    await engine.work(run.id)
    await plant_more(sql, 7)
    while await engine.work(run.id):
        pass
    assert (await see(run.id)).processed == 157
    await assert_sealed_once(database, vault, 157)


async def test_a_few_rows_among_many(small_slices, transact, backfill, sql, database, vault):
    """A run that is about one organization goes through the whole table, some rows at a time: no statement of it looks
    at more than a slice's, however few of them it is about. A slice without any is done when it is cut."""
    await plant_secrets(sql, 450, organizations=9)
    await backfill()
    (owner, *_) = [row["id"] for row in await sql.fetch("SELECT DISTINCT organization_id AS id FROM configs")]
    limits = RunLimits([uuid.UUID(str(owner))])
    rotated = await backfill(BackfillKind.ROTATE, limits=limits)
    owned = await sql.fetchval("SELECT count(*) FROM configs WHERE organization_id = $1", owner)
    assert (rotated.status, rotated.total, rotated.changed) == (BackfillStatus.SUCCEEDED, owned, owned)
    assert 0 < owned < 100
    sizes = await sql.fetch(_TABLE_ROWS, rotated.id)
    assert [row["rows"] for row in sizes] == [100, 100, 100, 100, 50]
    nothing = await transact(lambda t: start_backfill(t, BackfillKind.ROTATE, limits=RunLimits((), True)))
    engine = Engine(database, vault, shift=0)
    while not await sql.fetchval("SELECT planned FROM backfill_runs WHERE id = $1", nothing.id):
        await engine.work(nothing.id)
    slices = await sql.fetch("SELECT * FROM backfill_slices WHERE run_id = $1 ORDER BY number", nothing.id)
    assert [row["done"] and row["heartbeat_at"] is None for row in slices] == [True, True, True, True, False]


_TABLE_ROWS = """
SELECT s.number, count(*) AS rows FROM backfill_slices s JOIN configs c
    ON c.id > coalesce(s.lower[1], '00000000-0000-0000-0000-000000000000')
    AND c.id <= coalesce(s.upper[1], 'ffffffff-ffff-ffff-ffff-ffffffffffff')
WHERE s.run_id = $1 AND s.source = 'configs' GROUP BY s.number ORDER BY s.number
"""


async def test_a_history_without_anything_to_do(small_slices, backfill, sql):
    """SEAL goes through the history only when an entry in the clear has become a secret: it is long, and standing runs
    come every few seconds."""
    await plant_secrets(sql, 40)
    await sql.execute(_PLANT_HISTORY)
    await backfill()
    sources = "SELECT DISTINCT source FROM backfill_slices"
    assert [row["source"] for row in await sql.fetch(sources)] == ["configs"]
    await sql.execute("UPDATE integration_config_schema SET type = 'secret' WHERE key = 'plain'")
    await sql.execute(
        "INSERT INTO configs (id, key, value, config_type, updated_by) "
        "VALUES (gen_random_uuid(), 'one', '{}', 'secret', 'test')"
    )
    assert (await backfill()).changed == 301
    assert await sql.fetchval("SELECT count(*) FROM config_history WHERE sealed IS NULL") == 0


_PLANT_HISTORY = """
INSERT INTO integration_config_schema (id, integration_id, key, type)
    SELECT gen_random_uuid(), id, 'plain', 'string' FROM integrations;
INSERT INTO config_history (id, integration_id, key, value, config_type, version, changed_at, changed_by, reason)
    SELECT gen_random_uuid(), i.id, 'plain', '{"value": "v"}', 'string', g, now(), 'test', 'test'
    FROM integrations i, generate_series(1, 300) g
"""


async def test_a_batch_is_of_neighbours(transact, sql, database, vault):
    """SEAL goes through configs by their places: a batch as large as an integration's rows is of one integration, so
    that it holds one schema, and what it makes the API read anew is no more than that."""
    await plant_secrets(sql, 400)
    run = await transact(lambda t: start_backfill(t, SEAL, batch_size=100))
    engine = Engine(database, vault)
    while await engine.work(run.id):
        pass
    details = [json.loads(row["detail"]) for row in await sql.fetch(_BATCHES)]
    ends = [(detail["first"].split("/"), detail["last"].split("/")) for detail in details]
    assert [first[0] == last[0] for first, last in ends] == [True] * 4
    assert sorted(first[0] for first, _ in ends) == [str(row["id"]) for row in await sql.fetch(_INTEGRATIONS)]


_BATCHES = "SELECT detail FROM audit_log WHERE action = 'backfill.seal'"
_INTEGRATIONS = "SELECT id FROM integrations ORDER BY id::text"


async def plant_more(sql: Any, count: int) -> None:
    """Rows whose ids come after all others."""
    await sql.execute(
        """
        INSERT INTO configs (id, key, value, config_type, updated_by)
        SELECT id, 'more' || id, jsonb_build_object('value', id::text), 'secret', 'test'
        FROM (
            SELECT ('ffffffff-ffff-4fff-bfff-' || lpad(g::text, 12, '0'))::uuid AS id FROM generate_series(1, $1::int) g
        ) AS ids
        """,
        count,
    )


async def test_rows_are_picked_in_an_index_s_order(sql, database):
    """Without statistics a plan neither sorts nor bitmaps what is left of the table; the task's own work may sort."""
    await sql.execute("SET session_replication_role = replica")
    await plant_more(sql, 20_000)

    async def explain(session: Any) -> tuple[str, str]:
        statement = (
            "EXPLAIN SELECT id FROM configs WHERE id > '00000000-0000-4000-8000-000000000000' ORDER BY id LIMIT 9000"
        )
        async with in_index_order(session):
            within = await session.rows(text(statement))
        return str(within), await session.scalar(text("SHOW enable_sort"))

    plan, after = await database.write(explain)
    assert "Sort" not in plan
    assert "Index Only Scan using configs_pkey" in plan
    assert after == "on"


@pytest.mark.parametrize("move", [cancel_backfill, pause_backfill])
async def test_a_run_that_is_stopped_is_not_planned_on(
    small_slices, transact, sql, database, vault, see, monkeypatch, move
) -> None:
    """A run that is cancelled or paused while it is planned gets no further slice; resumed, it gets them all."""
    await plant_secrets(sql, 500)
    run = await transact(lambda t: start_backfill(t, SEAL))
    write, moved = Database.write, list[Any]()

    async def stop(self: Database, work: Any) -> Any:
        result = await write(self, work)
        if not moved and await sql.fetchval("SELECT count(*) FROM backfill_slices"):
            moved.append(None)
            await transact(lambda t: move(t, run.id))
        return result

    monkeypatch.setattr(Database, "write", stop)
    monkeypatch.setattr("workers.planning._MOMENT", 0.0)
    await Engine(database, vault).work(run.id)
    assert await sql.fetchval("SELECT count(*) FROM backfill_slices") == 1
    assert await sql.fetchval("SELECT planned FROM backfill_runs") is False
    if move is pause_backfill:
        await transact(lambda t: resume_backfill(t, run.id))
        await Engine(database, vault).work(run.id)
        assert (await see(run.id)).changed == 500


async def test_a_pause_during_the_last_batch(transact, sql, database, vault, see) -> None:
    """The last batch is done, the run stays paused all the same, and once it is resumed it is over."""

    class Pausing(Seal):
        async def work(self, batch: Batch) -> Counts:
            await transact(lambda t: pause_backfill(t, run.id))
            return await super().work(batch)

    await plant_secrets(sql, 10)
    run = await transact(lambda t: start_backfill(t, SEAL))
    engine = Engine(database, vault, {SEAL: Pausing()})
    assert await engine.work(run.id) is False
    paused = await see(run.id)
    assert (paused.status, paused.processed) == (BackfillStatus.PAUSED, 10)
    await transact(lambda t: resume_backfill(t, run.id))
    assert await engine.work(run.id) is False
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
