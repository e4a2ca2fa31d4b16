"""Steering runs through the API: every illegal move is refused, and says which state the run is in."""

import uuid
from typing import Any

import pytest

from db.models import BackfillStatus

PATHS = {
    "ENQUEUED": [],
    "RUNNING": ["running"],
    "PAUSED": ["paused"],
    "CANCELLING": ["cancelling"],
    "CANCELLED": ["cancelling", "cancelled"],
    "SUCCEEDED": ["running", "succeeded"],
    "FAILED": ["running", "failed"],
}
LEGAL = {
    "PauseBackfill": {"ENQUEUED", "RUNNING"},
    "ResumeBackfill": {"PAUSED"},
    "CancelBackfill": {"ENQUEUED", "RUNNING", "PAUSED"},
}


@pytest.mark.parametrize("status", [status.name for status in BackfillStatus])
async def test_every_move_through_the_api(client: Any, sql: Any, status: str) -> None:
    """From each state: legal moves are made; every other is CONFLICT with the state, and changes nothing."""
    for steer, legal in LEGAL.items():
        run = await sql.fetchval(
            "INSERT INTO backfill_runs (id, kind, status, dry_run, started_by) "
            "VALUES ($1, 'seal', 'enqueued', false, 'x') RETURNING id",
            uuid.uuid4(),
        )
        for step in PATHS[status]:
            await sql.execute("UPDATE backfill_runs SET status = $1 WHERE id = $2", step, run)
        if status in legal:
            await client.run(steer, id=str(run))
        else:
            answer = await client.refused(steer, id=str(run))
            assert answer.codes == ["CONFLICT"]
            assert answer.errors[0]["extensions"]["status"] == status
            move = steer.removesuffix("Backfill").lower()
            assert answer.errors[0]["message"] == f"cannot {move} a run that is {status.lower()}"
            assert await sql.fetchval("SELECT upper(status) FROM backfill_runs WHERE id = $1", run) == status
        await sql.execute("DELETE FROM backfill_runs")


async def test_progress_tells_the_time_left_and_the_throttle(client: Any, sql: Any) -> None:
    """Polling a run tells how long it will take and why it holds back; before anybody knows, null."""
    run = (await client.run("StartBackfill", input={}))["startBackfill"]["run"]["id"]
    query = "query ($id: ID!) { backfillRun(id: $id) { rowsPerSecond secondsLeft throttledBy } }"
    nothing = {"rowsPerSecond": None, "secondsLeft": None, "throttledBy": None}
    assert (await client.send(query, id=run)).data["backfillRun"] == nothing
    await sql.execute(
        "INSERT INTO backfill_slices (run_id, number, source, total, processed) VALUES ($1, 1, 'configs', 10000, 100)",
        uuid.UUID(run),
    )
    await sql.execute(
        "UPDATE backfill_runs SET status = 'running', started_at = now(), sampled_at = now(), recent_rate = 33, "
        "throttled_at = now(), throttled_by = 'a replica is 7.0 s behind'"
    )
    told = {"rowsPerSecond": 33.0, "secondsLeft": 300, "throttledBy": "a replica is 7.0 s behind"}
    assert (await client.send(query, id=run)).data["backfillRun"] == told
    listed = await client.send("{ backfillRuns { edges { node { rowsPerSecond secondsLeft throttledBy } } } }")
    assert listed.data["backfillRuns"]["edges"][0]["node"] == told


async def test_the_quarantine_has_reasons_and_times_and_no_value(client: Any, sql: Any, write_legacy: Any) -> None:
    """A quarantined row is told with its reason and since when; the connection has no field with a value of its own,
    and the row's secret is masked."""
    id = await write_legacy("password", "hunter2-planted", type="secret")
    run = (await client.run("StartBackfill", input={}))["startBackfill"]["run"]["id"]
    await sql.execute(
        "INSERT INTO quarantined_configs (config_id, run_id, reason, since) "
        "VALUES ($1, $2, 'why', '2026-01-02T03:04:05Z')",
        uuid.UUID(id),
        uuid.UUID(run),
    )
    query = "{ quarantine { totalCount edges { node { reason since runId config { id value } } } } }"
    answer = await client.send(query)
    (edge,) = answer.data["quarantine"]["edges"]
    assert edge["node"] == {
        "reason": "why",
        "since": "2026-01-02T03:04:05+00:00",
        "runId": run,
        "config": {"id": id, "value": "[SECRET]"},
    }
    fields = await client.send('{ __type(name: "QuarantinedRow") { fields { name } } }')
    assert {field["name"] for field in fields.data["__type"]["fields"]} == {"config", "reason", "since", "runId"}
