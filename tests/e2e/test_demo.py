import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from graphql import OperationDefinitionNode, parse, print_ast

from db.demo.kinds import DEMO_ENVIRON, Kind
from db.demo.load import load_demo
from db.demo.rows import DemoRow, rows
from db.demo.world import CEDAR, DRIFTWOOD, EMBER, FALLBACKS, FJORD, NORTHWIND, ORGANIZATIONS, integrations
from db.errors import SettingsError
from db.settings import Settings, asyncpg_dsn
from db.values import ConfigType
from tests.timing import within

OPERATIONS = {
    definition.name.value: print_ast(definition)
    for definition in parse((Path(__file__).parents[1] / "data" / "operations.graphql").read_text()).definitions
    if isinstance(definition, OperationDefinitionNode) and definition.name
}
RESOLVED = {("jira", NORTHWIND), ("jira", EMBER), ("jira", FJORD), ("mixpanel", EMBER), ("postgres", EMBER)}
MASK = "[SECRET]"


class Caller(Protocol):
    """What these tests need of a demo."""

    def run(self, query: str, **variables: Any) -> dict[str, Any]: ...
    def send(self, query: str, **variables: Any) -> dict[str, Any]: ...


@dataclass
class Story:
    """What was seen before, during and after the backfill."""

    before: dict[str, dict[str, Any]]
    resolved_before: dict[tuple[str, str], Any]
    dry: dict[str, Any]
    run: dict[str, Any]
    after: dict[str, dict[str, Any]]
    resolved_after: dict[tuple[str, str], Any]
    again: dict[str, Any]
    quarantine: dict[str, str]


@pytest.fixture(scope="module")
def story(demo: Caller) -> Story:
    """A dry run, a backfill and a second one, with everything that can be seen around them."""
    before, resolved = list_all(demo), resolve_all(demo)
    dry, run = backfill(demo, "SEAL", dry_run=True), backfill(demo, "SEAL")
    after, again = list_all(demo), backfill(demo, "SEAL")
    quarantine = {
        edge["node"]["config"]["id"]: edge["node"]["reason"]
        for edge in demo.run(OPERATIONS["Quarantine"])["quarantine"]["edges"]
    }
    return Story(before, resolved, dry, run, after, resolve_all(demo), again, quarantine)


def list_all(demo: Caller) -> dict[str, dict[str, Any]]:
    """Every config, by its id, as a front end lists them page by page."""
    found: dict[str, dict[str, Any]] = {}
    after = None
    while True:
        page = demo.run(OPERATIONS["ConfigList"], first=200, after=after)["configs"]
        found |= {edge["node"]["id"]: edge["node"] for edge in page["edges"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            assert page["totalCount"] == len(found)
            return found


def resolve_all(demo: Caller) -> dict[tuple[str, str], Any]:
    return {
        (name, str(owner)): demo.run(OPERATIONS["ResolveExplained"], integration=name, organizationId=str(owner))
        for name, owner in sorted(RESOLVED)
    }


def backfill(demo: Caller, kind: str, *, dry_run: bool = False) -> dict[str, Any]:
    """A run at its end."""
    started = demo.run(OPERATIONS["StartBackfill"], input={"kind": kind, "dryRun": dry_run})
    id, end = started["startBackfill"]["run"]["id"], time.monotonic() + 60
    while True:
        run = demo.run(OPERATIONS["BackfillProgress"], id=id)["backfillRun"]
        if run["status"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return run
        assert time.monotonic() < end, run
        time.sleep(0.1)


def reveal(demo: Caller, row: DemoRow) -> Any:
    return demo.run(OPERATIONS["Reveal"], id=str(row.id))["config"]["decryptedValue"]


def test_every_legacy_row_is_listed_and_masked(story: Story):
    """Before any backfill, the list has every row with its schema's type, and no secret in it."""
    assert set(story.before) == {str(row.id) for row in rows()}
    for row in rows():
        seen = story.before[str(row.id)]
        assert seen["type"] == row.type.upper()
        if row.type is ConfigType.SECRET:
            assert seen["value"] == MASK
            assert seen["sealed"] is False
        elif not row.kind.is_undecidable:
            assert seen["value"] == row.value


@pytest.mark.parametrize("kind", list(Kind))
def test_reveal(demo: Caller, story: Story, kind: Kind):
    """A secret of any kind is revealed as it was meant, whatever form it was left in; a lost one is refused."""
    of_kind = [row for row in rows() if row.kind is kind and row.type is ConfigType.SECRET]
    for row in of_kind[:3]:
        if kind is Kind.LOST_KEY:
            answer = demo.send(OPERATIONS["Reveal"], id=str(row.id))
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNDECRYPTABLE"]
            assert answer["data"]["config"]["decryptedValue"] is None
        else:
            assert reveal(demo, row) == row.value


def test_resolve_is_the_same_before_and_after(story: Story):
    """Legacy rows resolve before the backfill as they do after it."""
    assert story.resolved_before == story.resolved_after
    northwind = story.resolved_after["jira", str(NORTHWIND)]["resolve"]
    assert northwind["config"]["api_token"] == "demo-jira-token-of-northwind"
    assert northwind["config"]["projects"] == ["OPS", "WEB"]
    assert {entry["source"] for entry in northwind["entries"]} == {"OVERRIDE", "DEFAULT", "SCHEMA_DEFAULT"}
    assert "email" in story.resolved_after["jira", str(FJORD)]["resolve"]["missing"]


def test_fallback_mapping(story: Story):
    """An organization without a mapping of its own resolves with the fallback."""
    assert "mixpanel" in FALLBACKS
    assert story.resolved_after["mixpanel", str(EMBER)]["resolve"]["entityId"].startswith("shared-")


def test_a_secret_that_cannot_be_opened_fails_the_resolve(demo: Caller, story: Story):
    """A resolve with a lost key fails and names the key; nothing is handed out in its place."""
    answer = demo.send(OPERATIONS["Resolve"], integration="freshdesk", organizationId=str(CEDAR))
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNDECRYPTABLE"
    assert error["extensions"]["keys"] == ["api_key"]


def test_a_value_that_does_not_fit_is_left_out(demo: Caller, story: Story):
    """A value that does not fit its type is left out of the config and named."""
    found = demo.run(OPERATIONS["ResolveExplained"], integration="sftp", organizationId=str(DRIFTWOOD))["resolve"]
    assert found["unfit"] == ["port"]
    assert found["missing"] == ["port"]
    assert "port" not in found["config"]


@pytest.mark.parametrize("kind", list(Kind))
def test_outcome_of_each_kind(story: Story, kind: Kind):
    """After the backfill a secret is sealed, a value has its type, an empty row is gone, the rest is in quarantine."""
    of_kind = [row for row in rows() if row.kind is kind]
    assert of_kind
    for row in of_kind:
        if kind is Kind.EMPTY:
            assert str(row.id) not in story.after
            continue
        seen = story.after[str(row.id)]
        assert seen["sealed"] is (row.type is ConfigType.SECRET and not kind.is_undecidable)
        assert (str(row.id) in story.quarantine) is kind.is_undecidable
        assert seen["value"] == (MASK if row.type is ConfigType.SECRET else row.value)
        assert (seen["updatedAt"], seen["updatedBy"], seen["version"]) == (
            story.before[str(row.id)]["updatedAt"],
            story.before[str(row.id)]["updatedBy"],
            1,
        )


def test_progress(story: Story):
    """A run succeeds with every row accounted for; a dry run counted the same; a second run changes nothing."""
    counts = ("total", "processed", "changed", "skipped", "quarantined")
    assert (story.run["status"], story.dry["status"], story.again["status"]) == ("SUCCEEDED",) * 3
    assert [story.dry[name] for name in counts] == [story.run[name] for name in counts]
    assert story.run["processed"] == story.run["total"] == len(rows())
    assert story.run["quarantined"] == sum(row.kind.is_undecidable for row in rows())
    assert story.again["changed"] == 0


def test_rows_of_a_deleted_integration(story: Story):
    """A deleted integration's rows stay masked by its schema and are sealed too."""
    secrets = [
        row for row in rows() if row.integration and row.integration.name == "legacy-crm" and row.key == "api_key"
    ]
    for row in secrets:
        assert story.after[str(row.id)]["sealed"] is True
        assert story.after[str(row.id)]["integration"] is None


def test_verify(demo: Caller, story: Story):
    """VERIFY fails while rows are in quarantine and names them; once they are cleared it succeeds."""
    failed = backfill(demo, "VERIFY")
    assert failed["status"] == "FAILED"
    for id in story.quarantine:
        assert id in failed["error"]
    for id in story.quarantine:
        demo.run(OPERATIONS["DeleteConfig"], input={"id": id})
    verified = backfill(demo, "VERIFY")
    assert (verified["status"], verified["error"]) == ("SUCCEEDED", None)


def test_every_kind_and_every_connector_is_there():
    """The demo has every kind of row, the 80 connectors and one deleted integration, each mapped to somebody."""
    assert {row.kind for row in rows()} == set(Kind)
    assert len({row.id for row in rows()}) == len(rows())
    assert len(integrations()) == 81
    assert all(integration.organizations for integration in integrations())
    assert len(ORGANIZATIONS) == 6


def test_values_are_the_same_in_every_demo():
    """Ids and values do not change from one demo to the next."""
    first = rows()
    state = random.getstate()
    rows.cache_clear()
    integrations.cache_clear()
    assert [(row.id, row.kind, row.value) for row in rows()] == [(row.id, row.kind, row.value) for row in first]
    assert random.getstate() == state


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_env({"STRONGROOM_HOME": str(tmp_path), **DEMO_ENVIRON})


@pytest.fixture
def counted(database_url: str) -> Any:
    """Counts the rows of the legacy tables."""

    async def count() -> list[int]:
        connection = await asyncpg.connect(asyncpg_dsn(database_url))
        try:
            tables = ("organizations", "integrations", "integration_mappings", "configs")
            return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
        finally:
            await connection.close()

    return count


async def test_second_load_changes_nothing(database_url: str, settings: Settings, counted: Any):
    """Loading takes seconds at most, and a second time it does nothing."""
    with within(3):
        assert await load_demo(database_url, settings)
    loaded = await counted()
    assert loaded[3] == len(rows())
    assert not await load_demo(database_url, settings)
    assert await counted() == loaded


async def test_other_data_is_left_alone(database_url: str, settings: Settings, counted: Any):
    """A database that holds anything else is refused and stays as it is."""
    connection = await asyncpg.connect(asyncpg_dsn(database_url))
    await connection.execute("INSERT INTO organizations (id, name, created_by) VALUES (gen_random_uuid(), 'own', 'x')")
    await connection.close()
    with pytest.raises(SettingsError, match="holds other data"):
        await load_demo(database_url, settings)
    assert await counted() == [1, 0, 0, 0]
