"""Revealing a secret: who may, why, for how long, and who hears of it."""

import asyncio
import time

from playwright.async_api import expect

from tests.console.place import Place
from tests.console.visit import PATIENCE, Service, Visit

JIRA = "d3300000-0000-4000-8000-000000000001"
API_TOKEN = "c5febb1c-678e-574e-b7ee-e8f086c88aa5"
PLAIN = "demo-jira-token-of-northwind"


async def test_a_secret_is_shown_for_thirty_seconds(visit: Visit) -> None:
    """The service asks for a reason; the secret is shown, hidden again after 30 seconds, and the log has who saw it
    and why, at once."""
    page = visit.page
    await page.clock.install()
    await visit.go(f"/?config={API_TOKEN}")
    drawer = page.get_by_role("dialog", name="api_token")
    await expect(drawer.get_by_role("button", name="Reveal")).to_be_disabled()
    await drawer.get_by_label("Reason").fill("a ticket: 42 – naïve")
    await visit.check_accessibility()
    # The page's clock stands still but for the steps below, however slow the machine is.
    await page.clock.pause_at(time.time() + 3600)
    await drawer.get_by_role("button", name="Reveal").click()
    await expect(drawer.get_by_role("region", name="Value of api_token")).to_have_text(PLAIN)
    await page.clock.run_for(29_000)
    await expect(drawer.get_by_text("Hidden in 1 s")).to_be_visible()
    await expect(drawer.get_by_text(PLAIN)).to_be_visible()
    await page.clock.run_for(1_500)
    await expect(drawer.get_by_text(PLAIN)).to_have_count(0)
    await page.clock.resume()
    await expect(drawer.get_by_text("Hidden again")).to_be_visible()
    await expect(drawer.get_by_text("revealed a secret").first).to_be_visible()
    await expect(drawer.get_by_text("a ticket: 42 – naïve").first).to_be_visible()
    await drawer.get_by_role("button", name="Reveal").click()
    await expect(drawer.get_by_role("region", name="Value of api_token")).to_be_visible()
    await visit.check_accessibility()


async def test_a_secret_is_copied_without_showing(visit: Visit) -> None:
    """Copying puts the secret into the clipboard and nowhere on the page."""
    page = visit.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visit.go(f"/?config={API_TOKEN}")
    await page.get_by_label("Reason").fill("to paste it")
    await page.get_by_role("button", name="Copy without showing").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == PLAIN
    assert PLAIN not in await page.content()


async def test_who_may_not_reveal_has_no_button(open_visit, service: Service) -> None:
    """Without the permission there is no way to reveal; with a limit to organizations, none for what is global."""
    visit = await open_visit(service.make_token("config:read"))
    await visit.go(f"/?config={API_TOKEN}")
    await expect(visit.page.get_by_role("dialog").get_by_text("[SECRET]")).to_be_visible()
    await expect(visit.page.get_by_role("button", name="Reveal")).to_have_count(0)
    await expect(visit.page.get_by_role("button", name="Copy without showing")).to_have_count(0)
    limited = await open_visit(service.make_token("config:read", "config:reveal", organizationIds=[JIRA]))
    await limited.go("/?scope=global_only&type=secret")
    await limited.rows().first.get_by_role("link").click()
    await expect(limited.page.get_by_role("dialog").get_by_text("[SECRET]")).to_be_visible()
    await expect(limited.page.get_by_role("button", name="Reveal")).to_have_count(0)
    await limited.go(f"/?config={API_TOKEN}")
    await expect(limited.page.get_by_role("button", name="Reveal")).to_have_count(1)


async def test_without_a_clipboard_nothing_is_revealed(visit: Visit, service: Service) -> None:
    """Where the browser keeps the clipboard from the page, copying says so, and nobody is on record as having seen."""
    count = 'query ($id: ID) { auditEvents(filter: {configId: $id, action: "config.reveal"}) { totalCount } }'
    before = service.run(count, id=API_TOKEN)
    await visit.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await visit.go(f"/?config={API_TOKEN}")
    await visit.page.get_by_label("Reason").fill("to paste it")
    await visit.page.get_by_role("button", name="Copy without showing").click()
    await expect(visit.page.get_by_role("alert")).to_contain_text("does not let this page use the clipboard")
    assert service.run(count, id=API_TOKEN) == before


async def test_who_comes_back_late_sees_nothing(visit: Visit) -> None:
    """A secret is hidden after 30 seconds also where the browser has slowed down the timers of a page out of sight."""
    page = visit.page
    await page.clock.install()
    await visit.go(f"/?config={API_TOKEN}")
    await page.get_by_label("Reason").fill("looked away")
    await page.clock.pause_at(time.time() + 3600)
    await page.get_by_role("button", name="Reveal").click()
    value = page.get_by_role("region", name="Value of api_token")
    await expect(value).to_have_text(PLAIN)
    await page.clock.set_system_time(time.time() + 3700)
    await expect(value).to_have_text(PLAIN)
    await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    await expect(value).to_have_count(0)


async def test_who_saw_it_are_clients_too(visit: Visit, service: Service) -> None:
    """Beside the people who revealed a secret there are the clients that resolved it, and how often."""
    place = Place(service, "resolved-often")
    for _ in range(3):
        place.resolve("resolved-often")
    found = service.run(
        "query ($f: ConfigFilter) { configs(filter: $f) { edges { node { id } } } }",
        f={"organizationId": place.organization, "scope": "ORGANIZATION_ONLY", "keyContains": "password"},
    )
    seen = visit.page.get_by_role("dialog").locator("section").filter(has_text="Who saw this secret")
    async with asyncio.timeout(PATIENCE / 1000):
        # Resolves are on record a moment later.
        while True:
            await visit.go(f"/?config={found['configs']['edges'][0]['node']['id']}")
            await expect(seen).to_be_visible()
            await visit.settle()
            if await seen.get_by_text("resolved secrets").count():
                break
    await expect(seen.get_by_text("Nobody has revealed it.")).to_be_visible()
    await expect(seen.get_by_role("listitem").first).to_contain_text("admin")
