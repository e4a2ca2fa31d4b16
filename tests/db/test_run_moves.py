"""The legal moves of runs: PostgreSQL enforces them, whoever writes, and a refusal tells the state."""

import uuid
from typing import Any

import asyncpg
import pytest

from db.errors import Conflict
from db.models import BackfillKind, BackfillStatus
from db.runs import TARGETS, Move, cancel_backfill, pause_backfill, resume_backfill, start_backfill
from db.settings import asyncpg_dsn
from db.upgrade import upgrade

SEAL = BackfillKind.SEAL
CALLS = {Move.PAUSE: pause_backfill, Move.RESUME: resume_backfill, Move.CANCEL: cancel_backfill}


async def start(transact: Any) -> Any:
    return await transact(lambda transaction: start_backfill(transaction, SEAL))


PATHS: dict[BackfillStatus, list[str]] = {
    BackfillStatus.ENQUEUED: [],
    BackfillStatus.RUNNING: ["running"],
    BackfillStatus.PAUSED: ["paused"],
    BackfillStatus.CANCELLING: ["cancelling"],
    BackfillStatus.CANCELLED: ["cancelling", "cancelled"],
    BackfillStatus.SUCCEEDED: ["running", "succeeded"],
    BackfillStatus.FAILED: ["running", "failed"],
}
"""How a run comes into each state."""

LEGAL = {
    "enqueued": {"running", "paused", "cancelling"},
    "running": {"paused", "cancelling", "succeeded", "failed"},
    "paused": {"enqueued", "cancelling"},
    "cancelling": {"cancelled"},
}
"""What the database is to allow, and nothing else."""


async def bring(sql: Any, status: BackfillStatus) -> None:
    for step in PATHS[status]:
        await sql.execute("UPDATE backfill_runs SET status = $1", step)


@pytest.mark.parametrize("status", list(BackfillStatus))
async def test_the_database_enforces_the_table_of_moves(transact, sql, status):
    """Whoever writes a status in SQL: the moves of the table pass, every other is refused and names the state."""
    run = await start(transact)
    await bring(sql, status)
    for wanted in [*BackfillStatus, "nonsense"]:
        move = sql.execute("UPDATE backfill_runs SET status = $1", wanted)
        if wanted == status:
            await move
            continue
        attempt = sql.transaction()
        await attempt.start()
        if wanted in LEGAL.get(status, set()):
            assert await move == "UPDATE 1"
        else:
            told = f"run {run.id} is {status}: it cannot become {wanted}"
            with pytest.raises(asyncpg.CheckViolationError, match=told) as caught:
                await move
            assert caught.value.constraint_name == "backfill_moves"
        await attempt.rollback()


@pytest.mark.parametrize("status", [status for status in BackfillStatus if status is not BackfillStatus.ENQUEUED])
async def test_a_run_begins_enqueued(sql, status):
    """No run begins in any other state, and none is in a state that there is not."""
    for begun in (status, "nonsense"):
        with pytest.raises(asyncpg.CheckViolationError, match=f"is new: it cannot become {begun}"):
            await sql.execute(
                "INSERT INTO backfill_runs (id, kind, status, dry_run, started_by) "
                "VALUES (gen_random_uuid(), 'seal', $1, false, 'x')",
                begun,
            )


async def test_the_database_holds_one_active_run(transact, sql):
    """A second active run is refused by the database itself, of whatever kind."""
    await start(transact)
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_backfill_runs_active"):
        await sql.execute(
            "INSERT INTO backfill_runs (id, kind, status, dry_run, started_by) "
            "VALUES (gen_random_uuid(), 'verify', 'enqueued', false, 'x')"
        )


@pytest.mark.parametrize(
    "change",
    [
        "cursor = NULL",
        "cursor = '{00000000-0000-4000-8000-000000000001}'",
        "processed = 4",
        "done = true, processed = 0",
    ],
)
async def test_slices_only_go_forward(transact, sql, change):
    """A cursor never goes back, a count never shrinks, and a slice that is done is not worked on again."""
    run = await start(transact)
    await sql.execute(
        "INSERT INTO backfill_slices (run_id, number, source, cursor, processed) "
        "VALUES ($1, 1, 'configs', '{00000000-0000-4000-8000-000000000002}', 5)",
        run.id,
    )
    with pytest.raises(asyncpg.CheckViolationError, match="only goes forward"):
        await sql.execute(f"UPDATE backfill_slices SET {change}")
    forward = "cursor = '{ffffffff-ffff-4fff-bfff-ffffffffffff}', processed = 6, done = true"
    await sql.execute(f"UPDATE backfill_slices SET {forward}")
    for late in ("done = false", forward):
        with pytest.raises(asyncpg.CheckViolationError, match="only goes forward"):
            await sql.execute(f"UPDATE backfill_slices SET {late}")


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("status", list(BackfillStatus))
async def test_every_move_from_every_state(transact, sql, move, status):
    """A move is legal from the states of the table, and refused from all others, telling the state."""
    run = await start(transact)
    await bring(sql, status)
    wanted = TARGETS[move]
    if wanted not in LEGAL.get(status, set()):
        with pytest.raises(Conflict, match=f"cannot {move} a run that is {status}") as caught:
            await transact(lambda transaction: CALLS[move](transaction, run.id))
        assert caught.value.extensions["status"] == status.upper()
        assert await sql.fetchval("SELECT status FROM backfill_runs") == status
        return
    moved = await transact(lambda transaction: CALLS[move](transaction, run.id))
    assert moved.status is (BackfillStatus.CANCELLED if move is Move.CANCEL else wanted)
    assert await sql.fetchval("SELECT count(*) FROM audit_log WHERE action = $1", f"backfill.{move}") == 1


async def test_runs_under_way_survive_the_change_of_their_order(empty_database_url: str) -> None:
    """A SEAL under way when slices become ranges of places is planned anew; the slices of any other run stay what they
    are, each id a key of one part."""
    await upgrade(empty_database_url, "0011")
    sql = await asyncpg.connect(asyncpg_dsn(empty_database_url))
    verify, seal, id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    await sql.execute(_RUN_OF_BEFORE, verify, "verify")
    await sql.execute(_SLICE_OF_BEFORE, verify, id)
    await sql.execute("UPDATE backfill_runs SET status = 'running'")
    await sql.execute("UPDATE backfill_runs SET status = 'succeeded', finished_at = now()")
    await sql.execute(_RUN_OF_BEFORE, seal, "seal")
    await sql.execute(_SLICE_OF_BEFORE, seal, id)
    await upgrade(empty_database_url)
    runs = {row["id"]: row["planned"] for row in await sql.fetch("SELECT id, planned FROM backfill_runs")}
    slices = await sql.fetch("SELECT run_id, lower, upper, cursor FROM backfill_slices")
    await sql.close()
    assert runs == {seal: False, verify: True}
    assert [tuple(row) for row in slices] == [(verify, None, [id], [id])]


_RUN_OF_BEFORE = """
INSERT INTO backfill_runs (id, kind, status, dry_run, planned, started_by)
VALUES ($1, $2, 'enqueued', false, true, 'test')
"""
_SLICE_OF_BEFORE = (
    "INSERT INTO backfill_slices (run_id, number, source, upper, cursor) VALUES ($1, 1, 'configs', $2, $2)"
)
