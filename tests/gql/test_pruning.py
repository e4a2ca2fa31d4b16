"""What grows can be pruned: the statements of docs/operators.md, run as they stand there."""

import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "operators.md"
(STATEMENTS,) = re.findall(r"<!-- test: prune -->\n```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


async def versions_of(client: Any, id: str) -> list[int]:
    history = (await client.run("History", id=id, first=50))["config"]["history"]
    return [edge["node"]["version"] for edge in history["edges"]]


async def write(client: Any, world: Any, config: dict[str, Any]) -> dict[str, Any]:
    data = await client.run("SetIntegrationConfig", input={"integrationId": world.integration, "config": config})
    return {row["key"]: row for row in data["setIntegrationConfig"]["configs"]}


async def test_old_history_goes_and_versions_go_on(client: Any, world: Any, sql: Any) -> None:
    """Old entries go but for the newest of each place, of deleted configs too: no version is ever given twice. What is
    not old, and what a dropped field would bring back, stays."""
    schema = [
        {"key": "long", "type": "STRING"},
        {"key": "gone", "type": "STRING"},
        {"key": "dropped", "type": "STRING"},
    ]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    rows: dict[str, Any] = {}
    for number in range(4):
        rows = await write(client, world, dict.fromkeys(("long", "gone"), str(number)))
    await write(client, world, {"gone": None, "dropped": "comes back"})
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema[:2]})
    await sql.execute("UPDATE config_history SET superseded_at = now() - interval '2 years'")
    await write(client, world, {"long": "recent"})
    await sql.execute(STATEMENTS)
    assert await versions_of(client, rows["long"]["id"]) == [4]
    await write(client, world, {"gone": "again", "long": "again"})
    found = await sql.fetch("SELECT key, version FROM configs WHERE key IN ('gone', 'long') ORDER BY key")
    assert [tuple(row) for row in found] == [("gone", 5), ("long", 6)]
    await client.run("UpdateIntegration", input={"id": world.integration, "configSchema": schema})
    listed = await client.run("ConfigList", filter={"integrationId": world.integration, "keyContains": "dropped"})
    assert [edge["node"]["value"] for edge in listed["configs"]["edges"]] == ["comes back"]


async def test_old_runs_go_but_for_certificates_and_the_quarantine(client: Any, sql: Any) -> None:
    """Old runs go; one that is not old, one with a certificate and one that the quarantine names stay."""
    begin = (
        "INSERT INTO backfill_runs (id, kind, status, dry_run, started_by)"
        " VALUES (gen_random_uuid(), 'seal', 'enqueued', false, $1) RETURNING id"
    )
    end = (
        "UPDATE backfill_runs SET status = 'cancelled', finished_at = now() - make_interval(days => $2),"
        " certificate = $3 WHERE id = $1"
    )
    ids: dict[str, Any] = {}
    for name, days, certificate in (("old", 730, None), ("new", 2, None), ("proof", 730, "{}"), ("named", 730, None)):
        ids[name] = await sql.fetchval(begin, name)
        await sql.execute("UPDATE backfill_runs SET status = 'cancelling' WHERE id = $1", ids[name])
        await sql.execute(end, ids[name], days, certificate)
    config = await sql.fetchval(
        "INSERT INTO configs (id, key, value, config_type, updated_by)"
        " VALUES (gen_random_uuid(), 'k', '{}', 'string', 'older software') RETURNING id"
    )
    await sql.execute(
        "INSERT INTO quarantined_configs (config_id, run_id, reason) VALUES ($1, $2, 'r')", config, ids["named"]
    )
    await sql.execute(STATEMENTS)
    left = {row["started_by"] for row in await sql.fetch("SELECT started_by FROM backfill_runs")}
    assert left == {"new", "proof", "named"}
