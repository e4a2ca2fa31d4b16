"""Looking through the list of configuration: back and forth, by keyboard, and while somebody else writes."""

import re

from playwright.async_api import expect

from tests.console.visit import Service, Visit


async def test_back_leads_through_what_was_looked_at(visit: Visit) -> None:
    """Going back undoes one filter after another; a value that was opened and closed is not opened again."""
    page = visit.page
    await visit.go("/organizations")
    await page.get_by_role("link", name="Configuration").click()
    await visit.choose("Type", "Secret")
    await visit.choose("Scope", "Global only")
    await page.wait_for_url(re.compile("scope=global_only"))
    await visit.rows().first.get_by_role("link").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.go_back()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.go_back()
    await expect(page.get_by_role("button", name="Scope")).to_contain_text("Organization and global")
    await page.go_back()
    await expect(page.get_by_role("button", name="Type")).to_contain_text("Any")
    await page.go_forward()
    await expect(page.get_by_role("button", name="Type")).to_contain_text("Secret")


async def test_sorting_keeps_the_focus(visit: Visit) -> None:
    """Whoever sorts by keyboard goes on at the same head; how many rows there are is told only where it is known."""
    page = visit.page
    await visit.go()
    sort = page.get_by_role("columnheader", name="Updated").get_by_role("button")
    await sort.press("Enter")
    await page.wait_for_url(re.compile("order=updated_at"))
    await visit.settle()
    await expect(sort).to_be_focused()
    await page.get_by_label("Search keys").fill("nothing has this")
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    await visit.check_accessibility()
    await expect(page.get_by_role("columnheader", name="Updated")).to_be_visible()
    await visit.go("/audit")
    await expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", re.compile(r"^(-1|\d+)$"))


async def test_a_large_value(visit: Visit, service: Service) -> None:
    """A document of 60 KB is cut off in the list, whole where it is opened, and can be edited."""
    document = {f"key {number}": "x" * 40 for number in range(1000)}
    write = "mutation ($i: SetConfigInput!) { setConfig(input: $i) { config { id } } }"
    service.run(write, i={"key": "large_document", "type": "JSON", "value": document})
    page = visit.page
    await visit.go("/?search=large_document")
    shown = visit.row("large_document").get_by_role("cell").nth(5)
    await expect(shown).to_contain_text('{"key 0":')
    assert len(await shown.inner_text()) < 1000
    await visit.row("large_document").get_by_role("link").click()
    whole = page.get_by_role("dialog").locator("pre")
    await expect(whole).to_contain_text('"key 999": "xxx')
    await visit.check_accessibility()
    await page.get_by_role("dialog").get_by_role("button", name="Edit").click()
    edit = page.get_by_role("dialog", name="Edit large_document")
    value = edit.get_by_label("Value")
    await value.fill((await value.input_value()).replace("key 999", "the last one"))
    await edit.get_by_role("button", name="Save").click()
    await expect(whole).to_contain_text('"the last one": "xxx')


async def test_a_row_that_moves_is_there_once(visit: Visit, service: Service) -> None:
    """A row that somebody writes while one scrolls belongs further down then: it stays where it was, is as it is now,
    and does not come twice."""
    write = "mutation ($i: SetConfigInput!) { setConfig(input: $i) { config { id } } }"
    page = visit.page
    rows = [{"key": f"moving_{number:03}", "type": "STRING", "value": "before"} for number in range(230)]
    service.run("mutation ($i: SetConfigsInput!) { setConfigs(input: $i) { configs { id } } }", i={"configs": rows})
    await visit.go("/?search=moving_&order=updated_at")
    first = visit.rows().first
    key = await first.locator(".whole").inner_text()
    service.run(write, i={"key": key, "type": "STRING", "value": "after"})
    links = await page.evaluate(LINKS)
    assert len(links) == len(set(links)) == 230
    await page.keyboard.press("Home")
    await page.evaluate("() => { document.querySelector('.table-frame').scrollTop = 0; }")
    await expect(visit.row(key)).to_contain_text("after")


LINKS = """async () => {
    const frame = document.querySelector('.table-frame');
    const links = new Map();
    for (let still = 0; still < 60; ) {
        const before = links.size;
        for (const row of document.querySelectorAll('tbody tr[data-row]')) {
            links.set(row.dataset.row, row.querySelector('a').href);
        }
        frame.scrollTop += frame.clientHeight;
        await new Promise(requestAnimationFrame);
        still = links.size === before ? still + 1 : 0;
    }
    return [...links.values()];
}"""
"""Scrolls to the end; where each row leads."""
