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
    await page.get_by_role("button", name="Clear filters").first.click()
    await visit.row("audited_key").get_by_role("link").click()
    await expect(page.get_by_role("dialog").get_by_text("127.0.0.1")).to_be_visible()
    await page.wait_for_url(re.compile("event="))
    await visit.check_accessibility()
