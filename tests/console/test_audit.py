"""The audit log, for people."""

import re

from playwright.async_api import expect

from tests.console.visit import Service, Visit

ADDRESSED = "5d415419-87bd-56ff-acaf-e640e0fae06c"


async def test_the_log_is_filtered_and_shared(visit: Visit, service: Service) -> None:
    """Events come newest first with who, what and where; every filter is in the address, and an event opens with all
    that is known of it."""
    made = service.run(
        "mutation ($i: SetConfigInput!) { setConfig(input: $i) { config { id } } }",
        i={"key": "audited_key", "type": "STRING", "value": "one"},
    )["setConfig"]["config"]["id"]
    service.run("mutation ($id: ID!) { deleteConfig(input: {id: $id}) { id } }", id=made)
    page = visit.page
    await visit.go("/audit")
    await expect(visit.rows().first).to_contain_text("deleted a value")
    await expect(visit.rows().first).to_contain_text("audited_key")
    await visit.choose("What", "wrote values (config.write)")
    await expect(visit.rows().first).to_contain_text("wrote values")
    await expect(visit.row("audited_key")).to_be_visible()
    await expect(visit.rows().filter(has_text="deleted a value")).to_have_count(0)
    await page.get_by_label("Who").fill("nobody of this name")
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    await visit.go(f"/audit?config={made}")
    await expect(visit.rows()).to_have_count(2)
    await page.get_by_label("Until").fill("2020-01-01T00:00")
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    await page.get_by_label("Who").fill("somebody")
    await page.wait_for_url(re.compile("actor=somebody"))
    await page.get_by_role("button", name="Clear filters").first.click()
    await expect(page.get_by_label("Who")).to_have_value("")
    await visit.row("audited_key").get_by_role("link").click()
    await expect(page.get_by_role("dialog").get_by_text("127.0.0.1")).to_be_visible()
    await page.wait_for_url(re.compile("event="))
    await visit.check_accessibility()


async def test_an_address_means_the_same_moments_to_everybody(open_visit) -> None:
    """Two people who open the same address see the same events, each at the time of their own clock."""
    tokyo = await open_visit(timezone_id="Asia/Tokyo")
    await tokyo.go("/audit")
    await tokyo.page.get_by_label("From").fill("2026-01-02T09:30")
    await tokyo.page.wait_for_url(re.compile("since="))
    await expect(tokyo.page.get_by_label("From")).to_have_value("2026-01-02T09:30")
    london = await open_visit(timezone_id="Europe/London")
    await london.page.goto(tokyo.page.url)
    await expect(london.page.get_by_label("From")).to_have_value("2026-01-02T00:30")
