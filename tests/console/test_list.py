"""The list of configuration: columns, filters, order, and ten thousand rows."""

import gzip
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.console.visit import Service, Visit

KEYS, ORGANIZATIONS = 200, 50
BUNDLE_LIMIT = 300 * 1024
FIRST_LIST_MS = 1500


async def test_the_columns(visit: Visit) -> None:
    """A row tells key, integration, scope, organization, type, value, when and by whom; secrets show as a lock, with
    a mark while they are not sealed, and a standalone value has a dash for its integration."""
    await visit.go()
    heads = ["Key", "Integration", "Scope", "Organization", "Type", "Value", "Updated", "By"]
    await expect(visit.page.get_by_role("columnheader")).to_have_text(heads)
    # No key opens this one, so that no run ever seals it.
    await visit.page.get_by_label("Search keys").fill("api_key")
    await visit.pick("Integration", "freshdesk", "freshdesk")
    row = visit.row("Cedar & Stone Law")
    await expect(row.get_by_text("[SECRET]")).to_be_visible()
    await expect(row.get_by_text("Not sealed")).to_be_visible()
    await visit.go("/?integration=standalone")
    cells = visit.rows().first.get_by_role("cell")
    await expect(cells.nth(1)).to_have_text("–")
    await visit.check_accessibility()


async def test_filters_are_in_the_address(visit: Visit, service: Service) -> None:
    """Every filter narrows the list, is in the address, and a reload of that address shows the same."""
    page = visit.page
    await visit.go()
    total = service.run("{ configs { totalCount } }")["configs"]["totalCount"]
    await expect(page.get_by_text(f"{total:,} values")).to_be_visible()
    await visit.pick("Organization", "north", "Northwind Dental")
    await visit.pick("Integration", "jira", "jira")
    await visit.choose("Scope", "Organization only")
    await visit.choose("Type", "Secret")
    await page.get_by_label("Search keys").fill("TOKEN")
    await expect(page.get_by_text("1 value", exact=True)).to_be_visible()
    await page.wait_for_url(re.compile("search=TOKEN"))
    await page.reload()
    await expect(page.get_by_text("1 value", exact=True)).to_be_visible()
    await expect(page.get_by_role("combobox", name="Organization")).to_have_value("Northwind Dental")
    await expect(page.get_by_label("Search keys")).to_have_value("TOKEN")
    await expect(visit.rows()).to_have_count(1)
    await expect(visit.row("api_token")).to_contain_text("jira")
    await page.get_by_label("Search keys").fill("nothing has this")
    await page.get_by_role("button", name="Clear filters").click()
    await expect(page.get_by_text(f"{total:,} values")).to_be_visible()


async def test_sorting(visit: Visit) -> None:
    """The list sorts by key and by time, both ways, and tells so to screen readers."""
    page = visit.page
    await visit.go()
    updated = page.get_by_role("columnheader", name="Updated")
    await updated.get_by_role("button").click()
    await expect(updated).to_have_attribute("aria-sort", "ascending")
    moments = await visit.rows().locator("time").evaluate_all("all => all.map((one) => one.dateTime)")
    assert moments == sorted(moments)
    await updated.get_by_role("button").click()
    await expect(updated).to_have_attribute("aria-sort", "descending")
    await page.wait_for_url(re.compile("order=updated_at_desc"))
    await expect(visit.rows().first.locator("time")).not_to_have_attribute("datetime", moments[0])
    moments = await visit.rows().locator("time").evaluate_all("all => all.map((one) => one.dateTime)")
    assert moments == sorted(moments, reverse=True)


async def test_the_first_list_comes_quickly(open_visit, built: Path, record_property) -> None:
    """The first list is there within 1.5 s of asking for the page, nothing cached; all that is sent for it is less
    than 300 KB, compressed."""
    times = []
    for _ in range(3):
        visit = await open_visit()
        await visit.go()
        await visit.page.wait_for_selector("tbody tr[data-row]")
        times.append(await visit.page.evaluate("performance.now()"))
    size = sum(len(gzip.compress(file.read_bytes())) for file in built.rglob("*") if file.is_file())
    record_property("first_list_ms", times)
    record_property("bundle_bytes", size)
    print(f"first list after {', '.join(f'{time:.0f}' for time in times)} ms; {size / 1024:.0f} KB compressed")
    assert min(times) < FIRST_LIST_MS
    assert size < BUNDLE_LIMIT


@pytest.fixture(scope="session")
def ten_thousand(service: Service) -> str:
    """An integration with 10,000 values; its id."""
    field = {"type": "STRING"}
    schema = [{"key": f"key_{number:03}", **field} for number in range(KEYS)]
    made = service.run(
        "mutation ($i: CreateIntegrationInput!) { createIntegration(input: $i) { integration { id } } }",
        i={"name": "ten-thousand", "configSchema": schema},
    )["createIntegration"]["integration"]["id"]
    config = {one["key"]: f"value of {one['key']}" for one in schema}
    mappings = []
    for part in range(0, ORGANIZATIONS, 25):
        aliased = " ".join(
            f'o{n}: createOrganization(input: {{name: "Bulk {n:03}"}}) {{ organization {{ id }} }}'
            for n in range(part, part + 25)
        )
        for name, answer in service.run(f"mutation {{ {aliased} }}").items():
            mappings.append({"organizationId": answer["organization"]["id"], "entityId": name, "config": config})
    service.run(
        "mutation ($i: UpsertMappingsInput!) { upsertMappings(input: $i) { created } }",
        i={"integrationId": made, "mappings": mappings},
    )
    return made


async def test_ten_thousand_rows_stay_smooth(visit: Visit, ten_thousand: str, record_property) -> None:
    """Scrolled from top to end, every one of 10,000 rows comes once, in order, without a jump; the page never holds
    more than a hundred of them, and nine frames of ten take less than a tenth of a second."""
    page = visit.page
    await visit.go(f"/?integration={ten_thousand}")
    await expect(page.get_by_text("10,000 values")).to_be_visible()
    await expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", "10001")
    found = await page.evaluate(SCROLL)
    assert found["indexes"] == list(range(10_000))
    assert found["keys"] == [f"key_{number // ORGANIZATIONS:03}" for number in range(10_000)]
    assert found["most"] < 100
    frames = sorted(found["frames"])
    slow = frames[len(frames) * 9 // 10]
    record_property("frame_ms_p90", slow)
    print(f"{len(frames)} frames, half under {frames[len(frames) // 2]:.0f} ms, nine of ten under {slow:.0f} ms")
    assert slow < 100


SCROLL = """async () => {
    const frame = document.querySelector('.table-frame');
    const keys = new Map();
    const frames = [];
    let most = 0, last = performance.now(), still = 0;
    while (keys.size < 10000 && still < 600) {
        const before = keys.size;
        const rows = document.querySelectorAll('tbody tr[data-row]');
        most = Math.max(most, rows.length);
        for (const row of rows) keys.set(Number(row.dataset.row), row.querySelector('a').textContent);
        frame.scrollTop += frame.clientHeight;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        frames.push(now - last);
        last = now;
        still = keys.size === before ? still + 1 : 0;
    }
    const indexes = [...keys.keys()].sort((one, other) => one - other);
    return { indexes, keys: indexes.map((index) => keys.get(index)), most, frames };
}"""
