"""Certificates of runs, the limits of a ROTATE, and root keys, over GraphQL."""

import uuid
from typing import Any

import pytest

from workers.engine import Engine

START = "mutation ($input: StartBackfillInput!) { startBackfill(input: $input) { run { id } } }"
CERTIFIED = (
    "status organizationIds includeGlobal certificate { at rowsChecked secretsOpened historyChecked historyOpened "
    "historyUndecided dataKeys auditKeys rootKeys constraints }"
)
RUN = f"query ($id: ID!) {{ backfillRun(id: $id) {{ {CERTIFIED} }} }}"
RUNS = f"{{ backfillRuns {{ edges {{ node {{ id {CERTIFIED} }} }} }} }}"
WATCH = f"subscription ($id: ID!) {{ backfillProgress(id: $id) {{ {CERTIFIED} }} }}"
ROOT_KEYS = "{ rootKeys { id primary present dataKeys retiredDataKeys auditKeys safeToRemove } }"


@pytest.fixture
def engine(database: Any, vault: Any, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr("workers.key_change.GRACE", 0.1)
    return Engine(database, vault)


async def backfill(client: Any, engine: Engine, **input: Any) -> str:
    id = (await client.run(START, input=input))["startBackfill"]["run"]["id"]
    while await engine.work(uuid.UUID(id)):
        pass
    return id


async def test_a_certificate(client, estate, engine, root_keyring, sql) -> None:
    """A VERIFY that has succeeded shows what it proved, wherever the run is shown; any other run shows none."""
    await client.run("CancelBackfill", id=estate["run"])
    await sql.execute("DELETE FROM configs WHERE legacy")
    await backfill(client, engine, kind="SEAL")
    id = await backfill(client, engine, kind="VERIFY")
    run = (await client.run(RUN, id=id))["backfillRun"]
    told = run["certificate"]
    assert run["status"] == "SUCCEEDED"
    rows, secrets = await sql.fetchrow("SELECT count(*), count(sealed) FROM configs")
    entries, sealed = await sql.fetchrow("SELECT count(*), count(sealed) FROM config_history")
    assert (told["rowsChecked"], told["secretsOpened"]) == (rows, secrets)
    assert (told["historyChecked"], told["historyOpened"], told["historyUndecided"]) == (entries, sealed, 0)
    assert told["rootKeys"] == [root_keyring.primary_id]
    assert "configs ck_configs_not_legacy: CHECK ((NOT legacy))" in told["constraints"]
    first, *others = [edge["node"] for edge in (await client.run(RUNS))["backfillRuns"]["edges"]]
    assert first == {"id": id, **run}
    assert [other["certificate"] for other in others] == [None] * len(others)
    assert (await client.send(WATCH, id=id)).data == {"backfillProgress": run}


async def test_a_rotation_of_one_organization(client, world, engine, sql) -> None:
    """OrganizationIds limits a ROTATE, and the run says so; the keys of all others stay."""
    for owner in (world.organization, None):
        secret = {"key": "k", "type": "SECRET", "value": "s", "organizationId": owner}
        await client.run("SetConfig", input=secret)
    others = "SELECT * FROM data_keys WHERE organization_id IS NULL"
    before = await sql.fetch(others)
    id = await backfill(client, engine, kind="ROTATE", organizationIds=[world.organization])
    run = (await client.run(RUN, id=id))["backfillRun"]
    assert (run["status"], run["organizationIds"], run["includeGlobal"]) == ("SUCCEEDED", [world.organization], False)
    assert await sql.fetch(others) == before
    id = await backfill(client, engine, kind="ROTATE", organizationIds=[], includeGlobal=True)
    assert (await client.run(RUN, id=id))["backfillRun"]["includeGlobal"] is True
    assert await sql.fetch(others) != before


@pytest.mark.parametrize(
    ("input", "path"),
    [
        ({"kind": "ROTATE", "organizationIds": ["nobody"]}, ["organizationIds", 0]),
        ({"kind": "ROTATE", "organizationIds": [str(uuid.UUID(int=9))]}, ["organizationIds", 0]),
        ({"kind": "ROTATE", "organizationIds": []}, ["organizationIds"]),
        ({"kind": "VERIFY", "organizationIds": [str(uuid.UUID(int=9))]}, ["organizationIds"]),
        ({"kind": "REWRAP", "includeGlobal": True}, ["includeGlobal"]),
    ],
)
async def test_limits_that_make_no_sense(client, input: Any, path: Any) -> None:
    """Limits of another kind of run, of nobody or of an unknown organization are BAD_USER_INPUT, with their place."""
    answer = await client.send(START, input=input)
    assert answer.codes == ["BAD_USER_INPUT"]
    assert path in [problem["path"] for problem in answer.problems]


async def test_root_keys(client, world, engine, root_keyring, sql) -> None:
    """What each root key wraps; one that the database needs and the keyring lacks is told as well."""
    await client.run("SetConfig", input={"key": "k", "type": "SECRET", "value": "s"})
    (key,) = (await client.run(ROOT_KEYS))["rootKeys"]
    wraps = {"dataKeys": 1, "retiredDataKeys": 0, "auditKeys": 1, "safeToRemove": False}
    assert key == {"id": root_keyring.primary_id, "primary": True, "present": True, **wraps}
    await sql.execute("UPDATE data_keys SET root_key_id = 'lost'")
    (_, lost) = (await client.run(ROOT_KEYS))["rootKeys"]
    wraps = {"dataKeys": 1, "retiredDataKeys": 0, "auditKeys": 0, "safeToRemove": False}
    assert lost == {"id": "lost", "primary": False, "present": False, **wraps}
