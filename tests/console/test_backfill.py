"""Runs: a dry one first, live, steered, and what they leave alone."""

import re

from playwright.async_api import expect

from tests.console.visit import Visit


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
