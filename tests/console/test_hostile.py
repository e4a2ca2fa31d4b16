"""Whoever may write names, values and addresses does not get at whoever reads them."""

import json

import pytest
from playwright.async_api import Route, expect

from tests.console.place import Place
from tests.console.visit import Service, Visit

MARKUP = "<img src=//evil.test/x onerror=document.title='owned'><script>document.title='owned'</script>"
WORDS = ("__proto__", "constructor", "toString")
"""Names that every object of JavaScript has already."""

FIELDS = [
    *({"key": key, "type": "STRING"} for key in WORDS),
    {"key": MARKUP, "type": "STRING", "description": MARKUP, "required": True},
    {"key": "document", "type": "JSON"},
]
SPOILT = {"__proto__": {"polluted": True}, "constructor": {"prototype": {"polluted": True}}, "text": MARKUP}


async def test_text_never_becomes_markup(visit: Visit, service: Service) -> None:
    """Markup in names, keys, descriptions, values and documents is shown as text wherever it appears: no script runs,
    no other host is asked, and nothing of the page is changed."""
    place = Place(service, MARKUP, FIELDS, document=SPOILT, **{MARKUP: MARKUP})
    page = visit.page
    for path in (
        f"/?integration={place.integration}",
        f"/organizations/{place.organization}",
        f"/integrations/{place.integration}",
        place.path,
        "/organizations?search=evil",
        "/integrations?search=evil",
        f"/audit?integration={place.integration}",
    ):
        await visit.go(path)
        await visit.settle()
        await expect(page.get_by_text("<img src=//evil.test").filter(visible=True).first).to_be_visible()
        assert await page.locator("img, body script").count() == 0
        assert await page.evaluate("({}).polluted") is None
        assert "owned" not in (await page.title()).replace(MARKUP, "")
    await visit.go(f"/?search={MARKUP}&order=constructor&scope=__proto__&type=toString&config=javascript:alert(1)")
    await expect(page.get_by_role("dialog")).to_be_visible()


NAMES = {
    "one long word": "x" * 250,
    "from right to left": "شركة التكامل الشمالية للاتصالات وحلول الأعمال " * 4,
    "of wide characters": "株式会社東京統合サービス設定管理部門第一営業所" * 8,
    "turned around": "exe.\u202egnp\u2069\u202e",
}


@pytest.mark.parametrize("kind", NAMES)
async def test_names_of_any_kind_have_room(open_visit, service: Service, kind: str) -> None:
    """However long a name is, and from whichever side it is read, no page and no dialog becomes wider than the screen,
    and what the name stands in is still read from left to right."""
    name = NAMES[kind][:240]
    field = {"key": name[:120], "type": "STRING", "description": name, "required": True}
    place = Place(service, name, [field, {"key": "password", "type": "SECRET"}], **{name[:120]: name * 8})
    visit: Visit = await open_visit(viewport={"width": 360, "height": 740})
    page = visit.page
    await visit.go(f"/?organization={place.organization}&scope=organization_only")
    await visit.settle()
    await visit.rows().first.get_by_role("link").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await visit.settle()
    assert await visit.find_scrolled() == []
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    assert await visit.find_scrolled() == []
    for path in (f"/organizations/{place.organization}", f"/integrations/{place.integration}", place.path, "/missing"):
        await visit.go(path)
        await visit.settle()
        assert await visit.find_scrolled() == [], path
    await visit.go(place.path)
    assert "\u202e" not in await page.get_by_role("heading", level=1).inner_text()


async def test_keys_that_every_object_has(visit: Visit, service: Service) -> None:
    """A key of such a name is written like any other."""
    place = Place(service, "words", FIELDS, **{MARKUP: "there"})
    page = visit.page
    await visit.go(place.path)
    for key in WORDS:
        await page.get_by_label(key, exact=True).fill(f"value of {key}")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.resolve("words") == {MARKUP: "there", **{key: f"value of {key}" for key in WORDS}}


async def test_an_address_of_somebody_elses_making(visit: Visit, service: Service) -> None:
    """What an address asks for and is not there is left aside; the page is shown."""
    place = Place(service, "addressed")
    for word in WORDS:
        await visit.go(f"/organizations/{place.organization}?show={word}")
        await expect(visit.page.get_by_role("table", name="Values of addressed")).to_be_visible()


async def test_a_page_that_fails_leaves_the_way_out(visit: Visit) -> None:
    """Where an answer is none that the console knows, that page says so; the others are there."""
    visit.expect("Invalid time value")
    page = visit.page

    async def spoil(route: Route) -> None:
        answer = await route.fetch()
        body = json.loads((await answer.text()).replace('"updatedAt":"2', '"updatedAt":"no date 2'))
        await route.fulfill(response=answer, json=body)

    await visit.go("/organizations")
    await visit.settle()
    await page.route("**/graphql", spoil)
    await page.get_by_role("link", name="Integrations").click()
    await expect(page.get_by_text("This page cannot be shown")).to_be_visible()
    await page.get_by_role("link", name="Organizations").click()
    await expect(visit.rows().first).to_be_visible()
