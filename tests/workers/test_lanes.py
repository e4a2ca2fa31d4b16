"""Lanes: a job works on two slices at a time while nobody else needs the machine, and on one otherwise."""

import asyncio
from typing import Any

import pytest

from db.configs import StandaloneWrite, set_config
from db.models import BackfillKind, BackfillStatus
from db.runs import start_backfill
from db.values import ConfigType
from tests.workers.kit import assert_sealed_once, plant_secrets
from workers.engine import Engine
from workers.traffic import Traffic


async def ask(transact: Any, times: int) -> None:
    """So many writes of other people."""
    for number in range(times):
        write = StandaloneWrite(None, f"asked {number}", ConfigType.STRING, "a")
        await transact(lambda t, write=write: set_config(t, write))


async def count_lanes(sql: Any, working: asyncio.Task[bool]) -> int:
    """The most slices that were worked on at once."""
    most = 0
    while not working.done():
        most = max(most, await sql.fetchval("SELECT count(*) FROM backfill_slices WHERE claimed_by IS NOT NULL"))
        await asyncio.sleep(0.005)
    return most


@pytest.mark.parametrize("heavy", [False, True], ids=["alone", "beside others"])
async def test_how_many_slices_a_job_works_on(
    small_slices, transact, sql, database, vault, see, monkeypatch, heavy: bool
) -> None:
    """Alone, a job seals one slice while another waits for PostgreSQL; beside those who write and resolve it takes one
    at a time, so that they wait less. Either way the job does the whole run."""
    monkeypatch.setattr("workers.traffic._WINDOW", 300)
    monkeypatch.setattr("workers.traffic.HEAVY", 0.1)
    await plant_secrets(sql, 600)
    if heavy:
        await ask(transact, 40)
    run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL, batch_size=20))
    working = asyncio.create_task(Engine(database, vault).work(run.id))
    assert await count_lanes(sql, working) == (1 if heavy else 2)
    assert await working is False
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
    if not heavy:
        await assert_sealed_once(database, vault, 600)


async def test_the_second_lane_comes_back(small_slices, transact, sql, database, vault, see, monkeypatch) -> None:
    """Once others ask for less, the job that is at it takes a second slice, too; a slice that was left is done."""
    answers = iter([False, False, True, True, *[False] * 10_000])

    async def is_heavy(self: Traffic) -> bool:
        return next(answers)

    monkeypatch.setattr(Traffic, "is_heavy", is_heavy)
    monkeypatch.setattr("workers.lanes._NAP", 0.01)
    await plant_secrets(sql, 600)
    run = await transact(lambda t: start_backfill(t, BackfillKind.SEAL, batch_size=20))
    working = asyncio.create_task(Engine(database, vault).work(run.id))
    assert await count_lanes(sql, working) == 2
    assert next(answers) is False
    while await working:
        working = asyncio.create_task(Engine(database, vault).work(run.id))
    assert (await see(run.id)).status is BackfillStatus.SUCCEEDED
    await assert_sealed_once(database, vault, 600)


async def test_what_is_traffic(transact, sql, database) -> None:
    """Writes of others are; what a run does itself is not, however much it is."""
    await ask(transact, 5)
    await sql.execute(_MANY, "backfill.seal", 1)
    assert await Traffic(database).is_heavy() is False
    await sql.execute(_MANY, "config.resolve", 2)
    assert await Traffic(database).is_heavy() is True


_MANY = """
INSERT INTO audit_log SELECT (a).* FROM (
    SELECT jsonb_populate_record(l, jsonb_build_object(
        'id', gen_random_uuid(), 'action', $1::text, 'sequence', l.sequence + $2::int, 'times', 1000, 'at', now()
    )) AS a FROM audit_log l ORDER BY sequence DESC LIMIT 1
) AS made
"""
