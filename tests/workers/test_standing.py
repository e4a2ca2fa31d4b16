"""The standing run: what older software writes during a cut-over is sealed, by `watch --follow` or by a schedule."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from db.models import BackfillKind, BackfillStatus
from db.runs import cancel_backfill, start_backfill
from db.settings import Settings
from tests.workers.kit import plant_secrets
from workers import watching
from workers.engine import Engine
from workers.jobs import seal_waiting
from workers.reports import Lines
from workers.standing import COMMAND_LINE, is_door_shut, is_waited_for, start_for_waiting
from workers.watching import follow
from workers.worker import make_worker

SEAL, VERIFY = BackfillKind.SEAL, BackfillKind.VERIFY


async def waits(database: Any) -> bool:
    async with database.read() as session:
        return await is_waited_for(session)


async def write_again(sql: Any, value: str) -> None:
    """What older software does to every row that is there."""
    await sql.execute(
        "UPDATE configs SET value = $1, config_type = 'string', updated_at = clock_timestamp()",
        json.dumps({"value": value}),
    )


async def test_what_waits(sql, database, backfill) -> None:
    """Legacy rows wait until they are sealed; what the old writer overwrites waits again."""
    assert not await waits(database)
    await plant_secrets(sql, 3)
    assert await waits(database)
    await backfill()
    assert not await waits(database)
    await write_again(sql, "new")
    assert await waits(database)


async def test_quarantined_rows_do_not_wait(sql, database, vault, backfill) -> None:
    """A row in quarantine waits for nobody, until somebody writes it: no run is started for it again and again."""
    token = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    await plant_secrets(sql, 1)
    await write_again(sql, token)
    done = await backfill()
    assert done.quarantined == 1
    assert not await waits(database)
    assert await start_for_waiting(database, vault, COMMAND_LINE, rest=0) is None
    await write_again(sql, token)
    assert await waits(database)
    assert (await backfill()).quarantined == 1
    assert not await waits(database)
    await write_again(sql, "a value at last")
    assert await waits(database)
    assert (await backfill()).changed == 1
    assert await sql.fetchval("SELECT count(*) FROM quarantined_configs") == 0


CORRECTIONS = {
    "a value, and nothing of it in updated_at": 'UPDATE configs SET value = \'{"value": "5"}\'',
    "a value, with the clock far behind": "UPDATE configs SET value = '{\"value\": 5}', updated_at = '2001-01-01'",
    "the type of the field": "UPDATE integration_config_schema SET type = 'string'",
}


@pytest.mark.parametrize("correction", CORRECTIONS)
async def test_a_correction_is_noticed(sql, database, vault, backfill, correction: str) -> None:
    """A quarantined row that older software corrects starts a run, however little of it shows, and is sealed by that.
    Until then nothing is started for it: not though its clock is ahead, nor though its table is vacuumed or rewritten.
    """
    await plant_secrets(sql, 1)
    await sql.execute("UPDATE integration_config_schema SET type = 'int'")
    await write_again(sql, "many")
    await sql.execute("UPDATE configs SET updated_at = now() + interval '1 day'")
    for _ in range(2):
        assert (await backfill()).quarantined == 1
    for step in ("VACUUM (FREEZE)", "VACUUM (FULL, FREEZE)"):
        await sql.execute(f"{step} configs")
        assert not await waits(database)
    assert await start_for_waiting(database, vault, COMMAND_LINE, rest=0) is None
    await sql.execute(CORRECTIONS[correction])
    assert await waits(database)
    assert (await backfill()).quarantined == 0
    assert await sql.fetchval("SELECT count(*) FROM configs WHERE legacy") == 0
    assert await sql.fetchval("SELECT count(*) FROM quarantined_configs") == 0


async def test_one_run_at_a_time(sql, database, vault, transact) -> None:
    """Nothing is started beside an active run, of whatever kind; two that look at once start one."""
    await plant_secrets(sql, 3)
    other = await transact(lambda t: start_backfill(t, VERIFY))
    assert await start_for_waiting(database, vault, COMMAND_LINE) is None
    await transact(lambda t: cancel_backfill(t, other.id))
    started = await asyncio.gather(*(start_for_waiting(database, vault, COMMAND_LINE) for _ in range(4)))
    assert len([run for run in started if run is not None]) == 1
    assert await sql.fetchval("SELECT count(*) FROM backfill_runs WHERE kind = 'seal'") == 1


async def test_no_run_again_at_once_after_one_in_vain(sql, database, vault, transact) -> None:
    """After a SEAL that was cancelled or failed none is started for a minute: an operator's word counts."""
    await plant_secrets(sql, 3)
    run = await transact(lambda t: start_backfill(t, SEAL))
    await transact(lambda t: cancel_backfill(t, run.id))
    assert await start_for_waiting(database, vault, COMMAND_LINE) is None
    await sql.execute("UPDATE backfill_runs SET finished_at = finished_at - interval '61 s'")
    assert await start_for_waiting(database, vault, COMMAND_LINE) is not None


class Told(Lines):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


async def work_forever(engine: Engine, sql: Any) -> None:
    """What workers do."""
    while True:
        for row in await sql.fetch("SELECT id FROM backfill_runs WHERE finished_at IS NULL"):
            await engine.work(uuid.UUID(str(row["id"])))
        await asyncio.sleep(0.02)


async def test_following(sql, database, vault, engine) -> None:
    """A standing run seals what is there, and what older software writes later, until it is stopped; it is on record
    who started each run."""
    stop, report = asyncio.Event(), Told()
    await plant_secrets(sql, 20)
    working = asyncio.create_task(work_forever(engine, sql))
    following = asyncio.create_task(follow(database, vault, report, stop, every=0.05))
    done = "SUCCEEDED, 20 of 20 rows"
    try:
        for number, value in enumerate(("one", "two", None), 1):
            async with asyncio.timeout(60):
                while len([line for line in report.lines if done in line]) < number:
                    await asyncio.sleep(0.05)
            assert await sql_of(database, "SELECT count(*) FROM configs WHERE legacy") == 0
            if value is not None:
                await run_sql(database, value)
    finally:
        stop.set()
        await following
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    runs = await sql.fetch("SELECT status, started_by FROM backfill_runs")
    assert [tuple(run) for run in runs] == [("succeeded", "command line")] * 3


async def sql_of(database: Any, question: str) -> Any:
    async with database.read() as session:
        return await session.scalar(text(question))


async def run_sql(database: Any, value: str) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE configs SET value = jsonb_build_object('value', CAST(:value AS text)), config_type = 'string'"
            ),
            {"value": value},
        )


async def test_following_ends_when_the_door_is_shut(sql, database, vault, backfill) -> None:
    """Once VERIFY has shut the door nothing can come any more: following ends, and says so."""
    await plant_secrets(sql, 2)
    await backfill()
    assert (await backfill(VERIFY)).status is BackfillStatus.SUCCEEDED
    async with database.read() as session:
        assert await is_door_shut(session)
    report = Told()
    async with asyncio.timeout(60):
        await follow(database, vault, report, asyncio.Event())
    assert report.lines == ["VERIFY has shut the door: no legacy row can come any more"]


async def test_following_outlasts_a_database_that_is_away(sql, database, vault, monkeypatch) -> None:
    """Without a database a standing run says so and goes on when it is back."""
    stop, report, calls = asyncio.Event(), Told(), []

    async def fail(*_: Any, **__: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            stop.set()
        raise ConnectionRefusedError

    monkeypatch.setattr("workers.watching.start_for_waiting", fail)
    async with asyncio.timeout(60):
        await follow(database, vault, report, stop, every=0.01)
    assert report.lines == ["the database does not answer"] * 3
    monkeypatch.setattr("workers.watching.start_for_waiting", raise_other)
    with pytest.raises(ValueError, match="a fault of ours"):
        await follow(database, vault, report, asyncio.Event())


async def test_watching_outlasts_a_moment_without_a_database(database, transact, monkeypatch) -> None:
    """Watching waits for a database that is restarted, and ends with its error when it is away for long."""
    run = await transact(lambda t: start_backfill(t, SEAL))
    await transact(lambda t: cancel_backfill(t, run.id))
    monkeypatch.setattr(watching, "INTERVAL", 0.01)
    find_run, away = watching.find_run, [ConnectionRefusedError()] * 3

    async def find(*arguments: Any) -> Any:
        if away:
            raise away.pop()
        return await find_run(*arguments)

    monkeypatch.setattr(watching, "find_run", find)
    seen = await watching.watch(database, run.id, Told(), asyncio.Event())
    assert (seen.status, away) == (BackfillStatus.CANCELLED, [])
    away.extend([ConnectionRefusedError()] * 3)
    monkeypatch.setattr(watching, "_PATIENCE", 0)
    with pytest.raises(ConnectionRefusedError):
        await watching.watch(database, run.id, Told(), asyncio.Event())


async def raise_other(*_: Any, **__: Any) -> None:
    raise ValueError("a fault of ours")


async def test_the_schedule(sql, database, vault, redis_url, queue) -> None:
    """The scheduled job starts a SEAL when rows wait for one and rings for it, and does nothing when none do."""
    rung: list[Any] = []

    class Redis:
        async def enqueue_job(self, *arguments: Any, **_: Any) -> None:
            rung.append(arguments)

    context = {"database": database, "vault": vault, "redis": Redis()}
    await seal_waiting(context)
    assert rung == []
    await plant_secrets(sql, 2)
    await seal_waiting(context)
    run = await sql.fetchrow("SELECT id, kind, started_by FROM backfill_runs")
    assert (run["kind"], run["started_by"]) == ("seal", "schedule")
    assert rung == [("work_on_run", str(run["id"]))]
    await seal_waiting(context)
    assert len(rung) == 1


async def test_a_worker_has_a_schedule_where_one_is_set(database, vault, redis_url, tmp_path) -> None:
    """STRONGROOM_BACKFILL_SCHEDULE is minutes; without it nothing is ever started by itself."""
    environ = {"STRONGROOM_HOME": str(tmp_path)}
    plain = make_worker(redis_url, database, vault, Settings.from_env(environ))
    assert "seal_waiting" not in [job.name for job in plain.cron_jobs or []]
    environ |= {"STRONGROOM_BACKFILL_SCHEDULE": "20", "STRONGROOM_BACKFILL_MAX_LAG": "off"}
    timed = make_worker(redis_url, database, vault, Settings.from_env(environ))
    (schedule,) = [job for job in timed.cron_jobs or [] if job.name == "seal_waiting"]
    assert schedule.minute == {0, 20, 40}
    assert timed.ctx["engine"]._bounds.lag is None
    assert plain.ctx["engine"]._bounds.lag == 5


async def test_a_schedule_raises_nothing_that_arq_would_log(caplog) -> None:
    """A database that is away is logged by its type; anything else reaches arq as its type's name alone."""

    class Away:
        error: Exception = ConnectionRefusedError("p4ssword")

        def read(self) -> Any:
            raise self.error

    away = Away()
    await seal_waiting({"database": away, "vault": None, "redis": None})
    assert "ConnectionRefusedError" in caplog.text
    away.error = ValueError("p4ssword")
    with pytest.raises(RuntimeError, match=r"^ValueError$"):
        await seal_waiting({"database": away, "vault": None, "redis": None})
    assert "p4ssword" not in caplog.text
