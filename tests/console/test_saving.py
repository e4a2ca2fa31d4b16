"""Saving: over what somebody else wrote, while one goes on writing, and before one leaves."""

import asyncio

from playwright.async_api import Dialog, Route, expect

from tests.console.place import Place
from tests.console.visit import PATIENCE, Visit


async def test_two_people_editing(visit: Visit, place: Place) -> None:
    """Who saves over somebody else's newer value is shown both, and nothing is written until each is decided."""
    page = visit.page
    await visit.go(place.path)
    await page.get_by_label("Host name", exact=True).fill("mine.example.com")
    await page.get_by_label("Port", exact=True).fill("2222")
    place.write(host="theirs.example.com", port=3333)
    await page.get_by_role("button", name="Save").click()
    host = page.get_by_role("group", name="Conflict of host")
    await expect(host.get_by_text("theirs.example.com")).to_be_visible()
    await expect(host.get_by_text("mine.example.com")).to_be_visible()
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    assert place.read()["host"] == "theirs.example.com"
    await visit.check_accessibility()
    await page.get_by_role("button", name="Use mine: host").click()
    await page.get_by_role("button", name="Keep theirs: port").click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.read() == {"host": "mine.example.com", "port": 3333, "password": "[SECRET]"}


async def test_what_is_written_while_it_is_saved(visit: Visit, place: Place) -> None:
    """Who goes on writing while the service is slow to save loses none of it, and is nobody else."""
    page = visit.page
    go_on = asyncio.Event()

    async def answer_late(route: Route) -> None:
        if "mutation SaveOverrides" in (route.request.post_data or ""):
            await go_on.wait()
        await route.continue_()

    await visit.go(place.path)
    await page.route("**/graphql", answer_late)
    await page.get_by_label("Host name", exact=True).fill("one.example.com")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("button", name="Saving…")).to_be_visible()
    await page.get_by_label("Host name", exact=True).fill("two.example.com")
    await page.get_by_label("Port", exact=True).fill("2222")
    go_on.set()
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    assert place.read()["host"] == "one.example.com"
    await expect(page.get_by_text("Somebody else")).to_have_count(0)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    assert place.read() == {"host": "two.example.com", "port": 2222, "password": "[SECRET]"}


async def test_saving_is_in_reach(visit: Visit, place: Place) -> None:
    """However far down a form somebody is, they can save it."""
    await visit.page.set_viewport_size({"width": 390, "height": 500})
    await visit.go(place.path)
    password = visit.page.get_by_label("Password", exact=True)
    await password.fill("far down")
    await expect(password).to_be_in_viewport()
    await expect(visit.page.get_by_role("button", name="Save")).to_be_in_viewport(ratio=1)


async def test_leaving_with_something_unsaved(visit: Visit, place: Place) -> None:
    """Who follows a link or goes back with unsaved changes is asked first, and stays if that was a mistake."""
    page = visit.page
    asked: list[str] = []
    answers = [False, False, True]

    async def decide(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await (dialog.accept() if answers.pop(0) else dialog.dismiss())

    await visit.go("/organizations")
    await visit.settle()
    page.on("dialog", decide)
    await page.get_by_role("link", name="Integrations").click()
    await page.get_by_label("Search names").fill("leaving")
    await visit.row("leaving").get_by_role("link").click()
    await page.get_by_role("link", name="Org of").click()
    host = page.get_by_label("Host name", exact=True)
    await host.fill("unsaved.example.com")
    await page.get_by_role("link", name="Audit").click()
    await expect(host).to_have_value("unsaved.example.com")
    # Not page.go_back(), which waits for a page that does not come.
    await page.evaluate("() => { history.back(); }")
    async with asyncio.timeout(PATIENCE / 1000):
        while len(asked) < 2:
            await asyncio.sleep(0.05)
    await expect(host).to_have_value("unsaved.example.com")
    await page.get_by_role("link", name="Audit").click()
    await expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    assert len(asked) == 3
