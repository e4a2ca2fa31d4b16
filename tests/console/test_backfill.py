"""Runs: a dry one first, live, steered, and what they leave alone."""

import asyncio
import json
import os
import re
import signal

import pytest
from playwright.async_api import expect

from tests.console.visit import PATIENCE, Service, Visit


async def test_a_run_from_its_rehearsal_to_its_end(visit: Visit) -> None:
    """A dry run comes first; then the run is watched live, paused, resumed and cancelled; another one ends and tells
    what it sealed, and the rows that nobody can decide are there with their reasons."""
    page = visit.page
    await visit.go("/backfill")
    await expect(page.get_by_role("button", name="Start for good")).to_be_disabled()
    await visit.check_accessibility()
    await page.get_by_role("button", name="Start a dry run").click()
    await expect(
        page.get_by_text(re.compile(r"The dry run looked at [\d,]+ rows: [\d,]+ would change, 3 cannot"))
    ).to_be_visible()
    await page.get_by_label("Rows a second, at most").fill("2")
    await page.get_by_role("button", name="Start for good").click()
    run = page.get_by_role("region", name="Run: Seal")
    await expect(run.get_by_text("Running")).to_be_visible()
    await expect(run.get_by_text(re.compile(r"about \d+ (s|min)"))).to_be_visible()
    await visit.check_accessibility()
    await run.get_by_role("button", name="Pause").click()
    await expect(run.get_by_text("Paused")).to_be_visible()
    await run.get_by_role("button", name="Resume").click()
    await expect(run.get_by_text("Running")).to_be_visible()
    await run.get_by_role("button", name="Cancel").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Cancel the run").click()
    runs = page.get_by_role("table", name="Earlier runs")
    await expect(runs.get_by_text("Cancelled")).to_be_visible()
    await page.get_by_label("Rows a second, at most").fill("")
    await page.get_by_role("button", name="Start a dry run").click()
    await page.get_by_role("button", name="Start for good").click()
    newest = runs.get_by_role("row").nth(1)
    await expect(newest.get_by_role("rowheader")).to_have_text("Seal")
    await expect(newest).to_contain_text("Succeeded")
    quarantine = page.get_by_role("region", name="Quarantine")
    await expect(quarantine.get_by_text("has the structure of a Fernet token").first).to_be_visible()
    await quarantine.get_by_role("link", name="port").click()
    await expect(page.get_by_role("dialog", name="port")).to_be_visible()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_progress_outlives_the_process_that_tells_it(open_visit, service: Service, how: signal.Signals) -> None:
    """A run that was started elsewhere is there to see for who tries to start one, too; where the API ends, in order or
    not, and comes back, the progress goes on by itself and never goes back."""
    visit: Visit = await open_visit()
    visit.expect("Failed to load resource|net::ERR")
    page = visit.page
    await visit.go("/backfill")
    await visit.settle()
    start = "mutation ($i: StartBackfillInput!) { startBackfill(input: $i) { run { id } } }"
    run = service.run(start, i={"kind": "ROTATE", "dryRun": True, "maxRowsPerSecond": 5})["startBackfill"]["run"]["id"]
    await page.get_by_role("button", name=re.compile("dry run", re.IGNORECASE)).click()
    card = page.get_by_role("region", name="Run: Rotate, dry run")
    await expect(card.get_by_text("Running")).to_be_visible()
    await expect(card.locator("dd").first).not_to_have_text(re.compile("^0 of"))
    told = await card.locator("dd").first.inner_text()
    os.kill(json.loads((service.demo.home / "api.process").read_text())["pid"], how)
    seen = [looked_at(told)]
    async with asyncio.timeout(PATIENCE / 1000):
        while seen[-1] <= seen[0] + 20:
            await asyncio.sleep(0.1)
            seen.append(looked_at(await card.locator("dd").first.inner_text()))
    assert seen == sorted(seen)
    await expect(card.get_by_role("alert")).to_have_count(0)
    service.run("mutation ($id: ID!) { cancelBackfill(id: $id) { id } }", id=run)
    await expect(card).to_have_count(0)
    await expect(page.get_by_role("table", name="Earlier runs").get_by_role("row").nth(1)).to_contain_text("Cancelled")


def looked_at(told: str) -> int:
    """How many rows a card says that it has looked at."""
    return int(told.split(" of ", maxsplit=1)[0].replace(",", ""))
