"""`python -m workers backfill`, as operators and their scripts use it."""

import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from db.embedded.postgres import find_running
from db.models import BackfillKind
from db.organizations import create_organization
from db.runs import cancel_backfill, start_backfill
from workers.engine import Engine
from workers.reports import as_line

Run = Callable[..., Awaitable[tuple[int, str, str]]]

SEAL = BackfillKind.SEAL


async def test_start_and_steer(run: Run, sql: Any) -> None:
    """A run is started with its settings, paused, resumed and cancelled, named or not; each is on record."""
    code, out, err = await run("start", "--kind", "verify", "--dry-run", "--batch-size", "7", "--json")
    started = json.loads(out)
    assert (code, err, started["kind"], started["status"], started["dryRun"]) == (0, "", "VERIFY", "ENQUEUED", True)
    settings = await sql.fetchrow("SELECT batch_size, max_rows_per_second, started_by FROM backfill_runs")
    assert tuple(settings) == (7, None, "command line")
    for step, status, named in (
        ("pause", "PAUSED", True),
        ("resume", "ENQUEUED", False),
        ("pause", "PAUSED", False),
        ("cancel", "CANCELLED", False),
    ):
        code, out, _ = await run(step, *([started["id"]] if named else []), "--json")
        assert (code, json.loads(out)["status"]) == (0, status)
    code, out, _ = await run("start", "--max-rows-per-second", "9")
    assert code == 0
    assert ": ENQUEUED, 0 of 0 rows; 0 changed, 0 skipped, 0 quarantined\n" in out
    code, out, _ = await run("list", "--json")
    assert [found["kind"] for found in json.loads(out)["runs"]] == ["SEAL", "VERIFY"]
    code, out, _ = await run("list", "--first", "1")
    assert (code, out.count("\n"), " UTC  SEAL " in out) == (0, 1, True)
    deeds = await sql.fetch("SELECT action, actor, token_id FROM audit_log ORDER BY sequence")
    assert {(deed["actor"], deed["token_id"]) for deed in deeds} == {("command line", None)}
    assert [deed["action"] for deed in deeds] == [
        "backfill.start",
        "backfill.pause",
        "backfill.resume",
        "backfill.pause",
        "backfill.cancel",
        "backfill.finish",
        "backfill.start",
    ]


async def test_a_rotation_of_one_organization(run: Run, transact: Any) -> None:
    """--organization, as often as one likes, and --global limit a ROTATE; the run says so."""
    ids = [str((await transact(lambda t, n=name: create_organization(t, None, n))).id) for name in "AB"]
    named = [part for id in [*ids, ids[0]] for part in ("--organization", id)]
    code, out, _ = await run("start", "--kind", "ROTATE", *named, "--global", "--json")
    told = json.loads(out)
    assert (code, told["organizationIds"], told["includeGlobal"]) == (0, ids, True)


async def test_the_certificate_is_told(run: Run, engine: Engine, transact: Any, sql: Any) -> None:
    """A VERIFY that has succeeded tells what it proved, in the list too."""
    started = await transact(lambda t: start_backfill(t, BackfillKind.VERIFY))
    while await engine.work(started.id):
        pass
    code, out, _ = await run("list", "--json")
    assert (code, json.loads(out)["runs"][0]["certificate"]["secretsOpened"]) == (0, 0)
    code, out, _ = await run("watch")
    assert (code, "0 secrets and 0 earlier ones opened; the door is shut" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["start", "--batch-size", "0"], "batchSize: must be between 1 and 10,000"),
        (["start", "--max-rows-per-second", "9999999"], "maxRowsPerSecond: must be between 1 and 1,000,000"),
        (["start", "--batch-size", "many"], "invalid int value"),
        (["start", "--kind", "SHRED"], "invalid choice"),
        (["start", "--organization", str(uuid.UUID(int=1))], "organizationIds: is for ROTATE only"),
        (["start", "--global"], "includeGlobal: is for ROTATE only"),
        (["pause", "no id"], "invalid UUID value"),
        (["watch", "no id"], "invalid UUID value"),
        (["resume", str(uuid.UUID(int=1))], "backfill run not found"),
        (["watch", str(uuid.UUID(int=1))], "backfill run not found"),
        (["pause"], "no backfill run is active"),
        (["watch", "--follow", str(uuid.UUID(int=1))], "--follow goes with no run"),
        (["watch"], "there is no backfill run yet"),
        (["list", "--first", "0"], "first: must be between 1 and 200"),
        ([], "required: step"),
        (["begin"], "invalid choice"),
    ],
)
async def test_bad_input(run: Run, sql: Any, arguments: list[str], told: str) -> None:
    """What there is not, or is out of range: exit code 2, in words, and nothing is started."""
    code, out, err = await run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert await sql.fetchval("SELECT count(*) FROM backfill_runs") == 0


async def test_conflicts(run: Run, transact: Any) -> None:
    """A run in the way and an illegal move: exit code 3, saying which state the run is in; with --json as JSON, too."""
    first = await transact(lambda t: start_backfill(t, SEAL))
    code, out, err = await run("start", "--kind", "VERIFY", "--json")
    assert (code, err) == (3, f"strongroom: a run of another kind is in the way: SEAL {first.id} is enqueued\n")
    refused = json.loads(out)["error"]
    assert refused["code"] == "CONFLICT"
    assert (refused["runId"], refused["kind"], refused["status"]) == (str(first.id), "SEAL", "ENQUEUED")
    code, out, err = await run("resume")
    assert (code, out, err) == (3, "", "strongroom: cannot resume a run that is enqueued\n")
    await transact(lambda t: cancel_backfill(t, first.id))
    code, _, err = await run("resume", str(first.id))
    assert (code, err) == (3, "strongroom: cannot resume a run that is cancelled\n")


async def test_settings_in_the_way(run: Run, monkeypatch: pytest.MonkeyPatch, sql: Any) -> None:
    """No database, none that answers, one of another revision, another keyring: exit code 1, one line, no secret."""
    faults = [
        ("DATABASE_URL", None, "and no embedded PostgreSQL runs in /"),
        ("DATABASE_URL", "postgresql://u:s3cret@127.0.0.1:1/x", "PostgreSQL does not answer"),
        ("STRONGROOM_ROOT_KEYS", "s3cret", "STRONGROOM_ROOT_KEYS"),
    ]
    for name, value, told in faults:
        with monkeypatch.context() as patch:
            patch.delenv(name) if value is None else patch.setenv(name, value)
            code, out, err = await run("list")
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert told in err
        assert "s3cret" not in err
    await sql.execute("UPDATE strongroom_version SET version_num = '0001'")
    code, _, err = await run("start")
    assert (code, err) == (
        1,
        "strongroom: the database is not at this software's revision: run python -m db upgrade\n",
    )


async def test_the_embedded_database_is_found(run: Run, servers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DATABASE_URL the command works on the PostgreSQL that runs in the home."""
    home = Path(servers.database_url.partition("?host=")[2]).parent.parent
    assert find_running(home) is not None
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("STRONGROOM_HOME", str(home))
    code, _, err = await run("list")
    assert (code, "is not at this software's revision" in err) == (1, True)


async def test_a_list_of_none_says_so(run: Run) -> None:
    """No run at all: a line says so where people read it; for a script the list is empty."""
    assert await run("list") == (0, "", "strongroom: there is no backfill run yet\n")
    assert await run("list", "--json") == (0, '{"runs": []}\n', "")


async def test_a_list_tells_when(run: Run, transact: Any, sql: Any) -> None:
    """Each line of the list begins with the moment in which the run was started, in UTC and to the second."""
    row = await transact(lambda t: start_backfill(t, SEAL))
    await sql.execute("UPDATE backfill_runs SET created_at = '2025-01-31 13:00:05.678+01'")
    code, out, _ = await run("list")
    assert (code, out) == (0, f"2025-01-31 12:00:05 UTC  {as_line(row)}\n")
