"""The rules of backfill runs: who may start, pause, resume, cancel and see them, and from which state."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from db.access import Permission, Principal
from db.errors import BadInput, Conflict, Forbidden, NotFound
from db.models import BackfillKind, BackfillStatus
from db.runs import (
    Move,
    cancel_backfill,
    find_run,
    list_quarantine,
    list_runs,
    pause_backfill,
    resume_backfill,
    start_backfill,
)

SEAL = BackfillKind.SEAL
CALLS = {Move.PAUSE: pause_backfill, Move.RESUME: resume_backfill, Move.CANCEL: cancel_backfill}


@pytest.fixture
async def sql(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def start(transact: Any, kind: BackfillKind = SEAL, principal: Principal | None = None, **options: Any) -> Any:
    return await transact(lambda transaction: start_backfill(transaction, kind, **options), principal)


async def read(database: Any, call: Any, *arguments: Any) -> Any:
    async with database.read() as session:
        return await call(session, *arguments)


async def test_a_new_run_is_enqueued(transact, database, admin, sql):
    """StartBackfill writes a run with its settings, and puts it on record."""
    run = await start(transact, dry_run=True, batch_size=100, max_rows_per_second=5)
    assert (run.kind, run.status, run.dry_run, run.started_by) == (SEAL, BackfillStatus.ENQUEUED, True, "admin")
    assert (run.total, run.processed, run.rows_per_second, run.started_at, run.error) == (0, 0, None, None, None)
    assert await read(database, find_run, admin, run.id) == run
    assert await sql.fetchval("SELECT detail->>'run' FROM audit_log WHERE action = 'backfill.start'") == str(run.id)


@pytest.mark.parametrize("kind", list(BackfillKind))
async def test_one_run_at_a_time(transact, kind):
    """A second run is refused while one is not over, naming that one, its kind and its state."""
    first = await start(transact)
    with pytest.raises(Conflict, match=str(first.id)) as caught:
        await start(transact, kind)
    told = {"code": "CONFLICT", "runId": str(first.id), "kind": "SEAL", "status": "ENQUEUED"}
    assert caught.value.extensions == told
    assert ("of another kind is in the way" in caught.value.message) == (kind is not SEAL)
    await transact(lambda transaction: cancel_backfill(transaction, first.id))
    assert (await start(transact, kind)).status is BackfillStatus.ENQUEUED


async def test_ten_starts_at_once(transact):
    """Of ten starts at once one wins; the others are refused with Conflict."""
    kinds = [kind for kind in BackfillKind for _ in range(4)]
    outcomes = await asyncio.gather(*(start(transact, kind) for kind in kinds), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(refused) == len(kinds) - 1


@pytest.mark.parametrize("size", [0, -1, 10_001])
@pytest.mark.parametrize("rate", [0, 1_000_001])
async def test_settings_out_of_range(transact, size, rate):
    """A batch size and a rate out of range are refused, both of them by name."""
    with pytest.raises(BadInput) as caught:
        await start(transact, batch_size=size, max_rows_per_second=rate)
    assert [problem.path for problem in caught.value.problems] == [("batchSize",), ("maxRowsPerSecond",)]


async def test_the_edges_are_allowed(transact):
    """10,000 rows a batch and a million rows a second are within range."""
    assert await start(transact, batch_size=10_000, max_rows_per_second=1_000_000)


@pytest.mark.parametrize(("age", "status"), [("0 s", BackfillStatus.CANCELLING), ("1 hour", BackfillStatus.CANCELLED)])
async def test_cancelling_waits_for_a_live_worker(transact, sql, age, status):
    """While a worker is heard of on a slice the run is CANCELLING; a dead one is not waited for."""
    run = await start(transact)
    await sql.execute(
        "INSERT INTO backfill_slices (run_id, number, source, claimed_by, heartbeat_at) "
        f"VALUES ($1, 1, 'configs', gen_random_uuid(), now() - interval '{age}')",
        run.id,
    )
    cancelled = await transact(lambda transaction: cancel_backfill(transaction, run.id))
    assert cancelled.status is status
    assert (cancelled.finished_at is not None) == (status is BackfillStatus.CANCELLED)


@pytest.mark.parametrize("move", list(Move))
async def test_unknown_runs(transact, database, admin, move):
    """An unknown run is NOT_FOUND in every call."""
    with pytest.raises(NotFound, match="backfill run not found"):
        await transact(lambda transaction: CALLS[move](transaction, uuid.uuid4()))
    with pytest.raises(NotFound):
        await read(database, find_run, admin, uuid.uuid4())


async def test_progress_is_the_sum_of_the_slices(transact, database, admin, sql):
    """A run's counters are its slices' sums; its rate is rows over its time."""
    run = await start(transact)
    await sql.execute("UPDATE backfill_runs SET started_at = now() - interval '2 s', finished_at = now()")
    for number in range(3):
        await sql.execute(
            "INSERT INTO backfill_slices (run_id, number, source, total, processed, changed, skipped, quarantined) "
            "VALUES ($1, $2, 'configs', 10, 8, 5, 2, 1)",
            run.id,
            number,
        )
    now = await read(database, find_run, admin, run.id)
    assert (now.total, now.processed, now.changed, now.skipped, now.quarantined) == (30, 24, 15, 6, 3)
    assert now.rows_per_second == pytest.approx(12)


@pytest.mark.parametrize("status", ["paused", "enqueued"])
async def test_a_run_at_rest_has_no_rate(transact, database, admin, sql, status):
    """A run that is paused, or waits to go on, has no rate: one over the pause would sink with every look."""
    run = await start(transact)
    await sql.execute(
        "INSERT INTO backfill_slices (run_id, number, source, total, processed) VALUES ($1, 1, 'configs', 30, 9)",
        run.id,
    )
    await sql.execute("UPDATE backfill_runs SET status = 'running', started_at = now() - interval '3 s'")
    assert (await read(database, find_run, admin, run.id)).rows_per_second == pytest.approx(3, rel=0.2)
    for next_status in dict.fromkeys(("paused", status)):
        await sql.execute("UPDATE backfill_runs SET status = $1", next_status)
    assert (await read(database, find_run, admin, run.id)).rows_per_second is None


async def sample(sql: Any, age: str = "0 s", rate: float | None = 4.0, reason: str | None = None) -> None:
    await sql.execute(
        "UPDATE backfill_runs SET started_at = now() - interval '1 hour', recent_rate = $1, throttled_by = $2, "
        f"sampled_at = now() - interval '{age}', throttled_at = now() - interval '{age}'",
        rate,
        reason,
    )


async def test_the_time_left(transact, database, admin, sql):
    """What is left at the rate of the last seconds, in whole seconds; nobody can say while the run is at rest, has no
    rate, or when what workers said last is old."""
    run = await start(transact)
    await sql.execute(
        "INSERT INTO backfill_slices (run_id, number, source, total, processed) VALUES ($1, 1, 'configs', 30, 9)",
        run.id,
    )
    await sample(sql)
    assert (await read(database, find_run, admin, run.id)).seconds_left is None
    await sql.execute("UPDATE backfill_runs SET status = 'running'")
    now = await read(database, find_run, admin, run.id)
    assert (now.seconds_left, now.rows_per_second) == (6, 4.0)
    unknowns: list[dict[str, Any]] = [{"age": "11 s"}, {"rate": None}, {"rate": 0.0}, {"rate": 1e-9}]
    for unknown in unknowns:
        await sample(sql, **unknown)
        assert (await read(database, find_run, admin, run.id)).seconds_left is None
    await sample(sql)
    await sql.execute("UPDATE backfill_slices SET processed = 31")
    assert (await read(database, find_run, admin, run.id)).seconds_left == 0
    await sql.execute("UPDATE backfill_runs SET status = 'paused'")
    assert (await read(database, find_run, admin, run.id)).seconds_left is None


async def test_a_throttled_run_says_why(transact, database, admin, sql):
    """The reason is told while it is new and the run is running, and not afterwards."""
    run = await start(transact)
    await sql.execute("UPDATE backfill_runs SET status = 'running'")
    await sample(sql, reason="a replica lags")
    assert (await read(database, find_run, admin, run.id)).throttled_by == "a replica lags"
    await sample(sql, age="11 s", reason="a replica lags")
    assert (await read(database, find_run, admin, run.id)).throttled_by is None
    await sample(sql, reason="a replica lags")
    await sql.execute("UPDATE backfill_runs SET status = 'paused'")
    assert (await read(database, find_run, admin, run.id)).throttled_by is None


async def test_runs_are_listed_newest_first(transact, database, admin):
    """The list is newest first, page by page."""
    ids = []
    for _ in range(3):
        run = await start(transact)
        ids.insert(0, run.id)
        await transact(lambda transaction, run=run: cancel_backfill(transaction, run.id))
    page = await read(database, list_runs, admin, 2, None)
    rest = await read(database, list_runs, admin, 2, page.cursors[-1])
    assert [run.id for run in [*page.items, *rest.items]] == ids
    assert (page.has_next, rest.has_next) == (True, False)


async def test_who_may(transact, database, admin):
    """Runs concern everything: they need backfill:run and a token without limits, to be seen as to be moved."""
    run = await start(transact)
    nobody = replace(admin, permissions=frozenset({Permission.CONFIG_READ}))
    of_organization = replace(admin, organization_ids=frozenset({uuid.uuid4()}))
    of_integration = replace(admin, integration_ids=frozenset({uuid.uuid4()}))
    for principal in (nobody, of_organization, of_integration):
        with pytest.raises(Forbidden):
            await start(transact, principal=principal)
        for call in CALLS.values():
            with pytest.raises(Forbidden):
                await transact(lambda transaction, call=call: call(transaction, run.id), principal)
        for call, arguments in ((find_run, (run.id,)), (list_runs, (10, None))):
            with pytest.raises(Forbidden):
                await read(database, call, principal, *arguments)


async def test_quarantine_shows_what_the_caller_sees(transact, database, admin, sql):
    """Quarantined rows are listed in order of time, those of other organizations and integrations left out."""
    run = await start(transact)
    organizations = [uuid.uuid4(), uuid.uuid4()]
    configs = []
    for number, organization in enumerate([*organizations, None]):
        id = uuid.uuid4()
        configs.append(id)
        if organization:
            await sql.execute("INSERT INTO organizations (id, name, created_by) VALUES ($1, 'o', 'x')", organization)
        await sql.execute(
            "INSERT INTO configs (id, organization_id, key, value, updated_by) VALUES ($1, $2, 'k', '{}', 'x')",
            id,
            organization,
        )
        await sql.execute(
            f"INSERT INTO quarantined_configs VALUES ($1, $2, 'no key', now() + interval '{number} s')", id, run.id
        )
    everything = await read(database, list_quarantine, admin, 2, None)
    rest = await read(database, list_quarantine, admin, 2, everything.cursors[-1])
    assert [row.config_id for row in [*everything.items, *rest.items]] == configs
    assert {(row.reason, row.run_id) for row in everything.items} == {("no key", run.id)}
    reader = Principal(
        uuid.uuid4(), "r", frozenset({Permission.CONFIG_READ}), organization_ids=frozenset(organizations[:1])
    )
    own = await read(database, list_quarantine, reader, 10, None)
    assert [row.config_id for row in own.items] == [configs[0], configs[2]]
    with pytest.raises(Forbidden):
        await read(database, list_quarantine, replace(reader, permissions=frozenset()), 10, None)
