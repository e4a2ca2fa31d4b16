"""Every dialog and every list that opens, light and dark, for everybody."""

import re

from playwright.async_api import Dialog, expect

from tests.console.place import Place
from tests.console.visit import Service, Visit

NORTHWIND = "d3300000-0000-4000-8000-000000000001"
JIRA = "1860606e-e8f6-5fb6-bfef-40664fc14dca"
API_TOKEN = "c5febb1c-678e-574e-b7ee-e8f086c88aa5"

DIALOGS: dict[str, tuple[str, list[str]]] = {
    "a new value": ("/", ["New standalone value"]),
    "a new value's types": ("/", ["New standalone value", "Type"]),
    "a value's end": (f"/?config={API_TOKEN}", ["Delete"]),
    "a filter": ("/", ["Scope"]),
    "a new organization": ("/organizations", ["New organization"]),
    "an integration for an organization": (f"/organizations/{NORTHWIND}", ["Connect an integration"]),
    "a new integration": ("/integrations", ["New integration"]),
    "an organization for an integration": (f"/integrations/{JIRA}", ["Map an organization"]),
    "a fallback": (f"/integrations/{JIRA}", ["Add a fallback"]),
    "a mapping's end": (f"/integrations/{JIRA}", ["Delete the mapping of Northwind Dental"]),
    "an integration's end": (f"/integrations/{JIRA}", ["Delete"]),
    "a field": (f"/integrations/{JIRA}", ["Open expand_issue_changelog"]),
    "a change of a schema": (f"/integrations/{JIRA}", ["Move domain up", "Review changes"]),
}
"""Where each is, and the buttons that lead to it."""


OPENED = "[role=dialog], [role=alertdialog], .popover"


async def press(visit: Visit, name: str) -> None:
    """Press the button of this name, or the one whose name ends with it: that of a list has its choice in front.
    A dialog comes after what is behind it."""
    exact = visit.page.get_by_role("button", name=name, exact=True)
    choice = visit.page.get_by_role("button", name=re.compile(f" {re.escape(name)}$"))
    await exact.or_(choice).last.click()


async def check_in_light_and_dark(visit: Visit) -> None:
    """Axe finds no violation, light or dark: all but the colours is the same in the dark."""
    # What is behind a dialog is checked with its page.
    within = OPENED if await visit.page.locator(OPENED).count() else "main"
    await visit.check_accessibility(within=within)
    await visit.page.emulate_media(color_scheme="dark")
    await visit.check_accessibility("color-contrast", within=within)
    await visit.page.emulate_media(color_scheme="light")


async def test_every_dialog_in_light_and_dark(visit: Visit, service: Service) -> None:
    """Axe finds no violation in any dialog, drawer or list, light or dark."""
    made = service.run(
        "mutation ($i: SetConfigInput!) { setConfig(input: $i) { config { id } } }",
        i={"key": "of_dialogs", "type": "JSON", "value": {"a": 1}},
    )["setConfig"]["config"]["id"]
    for path, buttons in [*DIALOGS.values(), (f"/?config={made}", ["Edit"]), (f"/?config={made}", [])]:
        await visit.go(path)
        await visit.settle()
        for name in buttons:
            await press(visit, name)
        await visit.settle()
        await check_in_light_and_dark(visit)
    await visit.go("/audit?action=config.write")
    await visit.rows().first.get_by_role("link").click()
    await expect(visit.page.get_by_role("dialog")).to_be_visible()
    await check_in_light_and_dark(visit)


async def test_focus_comes_back_from_a_dialog(visit: Visit) -> None:
    """A dialog takes the focus, keeps it while Tab goes round in it, and gives it back to the button that opened it."""
    page = visit.page
    await visit.go("/integrations")
    button = page.get_by_role("button", name="New integration")
    await button.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    for _ in range(6):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()


async def test_escape_does_not_lose_what_is_typed(visit: Visit) -> None:
    """Escape, pressed by mistake, asks before it closes a dialog with something typed into it."""
    page = visit.page
    answers = [False, True]

    async def decide(dialog: Dialog) -> None:
        await (dialog.accept() if answers.pop(0) else dialog.dismiss())

    page.on("dialog", decide)
    await visit.go()
    await page.get_by_role("button", name="New standalone value").click()
    key = page.get_by_role("dialog").get_by_label("Key")
    await key.fill("typed")
    await page.keyboard.press("Escape")
    await expect(key).to_have_value("typed")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert answers == []


async def test_a_deleted_row_leaves_the_focus_on_the_page(visit: Visit, service: Service) -> None:
    """Whoever deletes a value by keyboard goes on in the page, not at the top of the document."""
    Place(service, "deleted-by-keyboard")
    page = visit.page
    await visit.go("/?search=host&order=updated_at_desc")
    await visit.row("deleted-by-keyboard").get_by_role("link").press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(visit.rows().filter(has_text="deleted-by-keyboard")).to_have_count(0)
    await page.wait_for_function("() => document.activeElement.closest('main') !== null")
