"""For everybody: by keyboard, with a screen reader, in the dark, on a phone, in any zone, and when things go wrong."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.console.visit import Service, Visit

NORTHWIND = "d3300000-0000-4000-8000-000000000001"
JIRA = "1860606e-e8f6-5fb6-bfef-40664fc14dca"
API_TOKEN = "c5febb1c-678e-574e-b7ee-e8f086c88aa5"
PAGES = {
    "configuration": "/",
    "details": f"/?config={API_TOKEN}",
    "organizations": "/organizations",
    "missing": "/missing",
    "organization": f"/organizations/{NORTHWIND}",
    "integrations": "/integrations",
    "integration": f"/integrations/{JIRA}",
    "edit": f"/edit/{JIRA}?organization={NORTHWIND}",
    "backfill": "/backfill",
    "audit": "/audit",
}

SHOWN = ("configuration", "missing", "organization", "integration", "edit", "backfill", "audit")
"""The main pages, of which there are screenshots."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_in_light_and_dark(open_visit, scheme: str, screenshots: Path | None) -> None:
    """Axe finds no violation on any page, light or dark."""
    visit = await open_visit(color_scheme=scheme)
    await visit.go()
    for name, path in PAGES.items():
        await visit.turn_to(path)
        # All but the colours is the same in the dark.
        await visit.check_accessibility(*(["color-contrast"] if scheme == "dark" else []))
        if screenshots is not None and name in SHOWN:
            await visit.stand_still()
            await visit.page.screenshot(path=screenshots / f"{name}-{scheme}.png")


USED = """() => {
    const widths = [...document.querySelectorAll('thead th')].map((head) => head.getBoundingClientRect().width);
    return widths.reduce((one, other) => one + other) / document.querySelector('table').getBoundingClientRect().width;
}"""


CUT = """() => [...document.querySelectorAll('th, td .badge, td time')]
    .filter((one) => one.offsetParent !== null)
    .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline'
        || one.scope === 'row' && one.offsetHeight > 120)
    .map((one) => one.textContent)"""
"""What of a table cannot be read as it is shown."""


async def test_a_narrow_screen(open_visit, screenshots: Path | None) -> None:
    """On a phone no page is wider than the screen, no head of a table and no key is cut off, the navigation shows where
    one is, and axe finds no violation in the list, the form and the drawer."""
    visit = await open_visit(viewport={"width": 360, "height": 740})
    await visit.go()
    for name, path in PAGES.items():
        await visit.turn_to(path)
        assert await visit.find_scrolled() == [], name
        assert await visit.page.evaluate(CUT) == [], name
        if name not in ("details", "edit"):
            await expect(visit.page.locator("nav [aria-current]")).to_be_in_viewport(ratio=0.95)
        if name == "configuration":
            used = await visit.page.evaluate(USED)
            assert used > 0.99, "the columns leave room beside them"
        if name in ("configuration", "details", "edit"):
            await visit.check_accessibility()
        if screenshots is not None and name == "configuration":
            await visit.page.screenshot(path=screenshots / f"{name}-narrow.png")


async def test_by_keyboard_alone(visit: Visit) -> None:
    """Without a mouse: past the navigation to the list, down its rows, into one, and back to where one was."""
    page = visit.page
    await visit.go("/?integration=standalone")
    await visit.settle()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    for _ in range(12):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.classList.contains('row-link')"):
            break
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    third = visit.rows().nth(2).get_by_role("link")
    await expect(third).to_be_focused()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await page.wait_for_function("() => document.activeElement.closest('[role=dialog]') !== null")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(third).to_be_focused()


async def test_dates_are_in_the_readers_zone(open_visit, service: Service) -> None:
    """The same moment is told in the zone of whoever reads it."""
    told = []
    for zone in ("Asia/Tokyo", "America/New_York"):
        visit = await open_visit(timezone_id=zone)
        await visit.go(f"/?config={API_TOKEN}")
        told.append(await visit.page.get_by_role("dialog").locator("time").first.inner_text())
    assert told[0] != told[1]


async def test_when_the_service_does_not_answer(visit: Visit) -> None:
    """A failure is told in words with a way to try again, which works."""
    page = visit.page
    visit.expect("Failed to load resource")
    await visit.go("/integrations")
    await visit.settle()
    await page.route("**/graphql", lambda route: route.abort())
    await page.get_by_role("link", name="Organizations").click()
    await expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    await visit.check_accessibility()
    await page.unroute("**/graphql")
    await page.get_by_role("button", name="Try again").click()
    await expect(visit.rows().first).to_be_visible()


async def test_what_is_not_there(visit: Visit) -> None:
    """An organization that does not exist, or is another tenant's, is told of as not found."""
    await visit.go("/organizations/00000000-0000-4000-8000-000000000000")
    await expect(visit.page.get_by_role("alert")).to_contain_text("not found", ignore_case=True)


async def test_the_theme_is_kept(visit: Visit) -> None:
    """Light or dark is chosen by a button and stays for the next visit."""
    await visit.go()
    await visit.page.get_by_role("button", name="Dark").click()
    await visit.page.reload()
    await expect(visit.page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(visit.page.get_by_role("button", name="Light")).to_be_visible()
