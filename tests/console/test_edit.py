"""Editing by the integration's schema."""

import pytest
from playwright.async_api import expect

from tests.console.place import Place, entry
from tests.console.visit import Service, Visit


async def test_each_kind_of_value(visit: Visit, place: Place, request: pytest.FixtureRequest) -> None:
    """Text, number, switch, JSON and a choice are written; a secret left alone stays, never shown, and a cleared one
    goes."""
    page = visit.page
    await visit.go(place.path)
    await page.get_by_label("Host name", exact=True).fill("new.example.com")
    await page.get_by_label("Port", exact=True).fill("8443")
    await page.get_by_text("Use TLS").click()
    await page.get_by_label("Labels", exact=True).fill('{"team": "ops"}')
    await page.get_by_role("button", name="Region").click()
    await page.get_by_role("option", name="eu").click()
    await expect(page.get_by_label("Password", exact=True)).to_have_value("")
    assert "first-secret" not in await page.content()
    await visit.check_accessibility()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    masked = "[SECRET]"
    written = {"host": "new.example.com", "port": 8443, "tls": False, "labels": {"team": "ops"}, "region": "eu"}
    assert place.read() == {**written, "password": masked}
    assert place.resolve(request.node.name)["password"] == "first-secret"
    await page.get_by_label("Password", exact=True).fill("second-secret")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.resolve(request.node.name)["password"] == "second-secret"
    await page.get_by_role("button", name="Clear password").click()
    await expect(page.get_by_text("The secret will be removed")).to_be_visible()
    await page.get_by_role("button", name="Clear host").click()
    await page.get_by_role("button", name="Save").click()
    await expect(entry(visit, "password").get_by_text("Missing")).to_be_visible()
    assert set(place.read()) == {"port", "tls", "labels", "region"}


async def test_problems_land_beside_their_fields(visit: Visit, place: Place) -> None:
    """What is no number or no JSON is told while it is typed; what the service refuses is told beside its field."""
    page = visit.page
    await visit.go(place.path)
    await page.get_by_label("Port", exact=True).fill("many")
    await expect(entry(visit, "port").get_by_text("This is no whole number.")).to_be_visible()
    await page.get_by_label("Labels", exact=True).fill('{"team": ')
    await expect(entry(visit, "labels").get_by_text("This is no JSON")).to_be_visible()
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await visit.check_accessibility()
    await page.get_by_role("button", name="Undo labels").click()
    await page.get_by_label("Port", exact=True).fill("99999999999999999999")
    await page.get_by_label("Password", exact=True).fill("[SECRET]")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Some values were refused")).to_be_visible()
    await expect(entry(visit, "port").locator(".react-aria-FieldError")).to_contain_text("64 bits")
    await expect(entry(visit, "password").locator(".react-aria-FieldError")).to_be_visible()
    assert place.read()["port"] == 22


async def test_a_standalone_value(visit: Visit, service: Service) -> None:
    """A standalone value is made, changed over a conflict on purpose only, restored, and deleted."""
    page = visit.page
    await visit.go()
    await page.get_by_role("button", name="New standalone value").click()
    dialog = page.get_by_role("dialog", name="New standalone value")
    await dialog.get_by_label("Key").fill("console_test_flag")
    await dialog.get_by_label("Value").fill("one")
    await dialog.get_by_role("button", name="Save").click()
    await page.get_by_label("Search keys").fill("console_test")
    await visit.row("console_test_flag").get_by_role("link").click()
    await page.get_by_role("button", name="Edit").click()
    edit = page.get_by_role("dialog", name="Edit console_test_flag")
    await edit.get_by_label("Value").fill("mine")
    change = "mutation ($i: SetConfigInput!) { setConfig(input: $i) { config { id } } }"
    service.run(change, i={"key": "console_test_flag", "type": "STRING", "value": "theirs"})
    await edit.get_by_role("button", name="Save").click()
    await expect(edit.get_by_text("theirs", exact=True)).to_be_visible()
    await visit.check_accessibility()
    await edit.get_by_role("button", name="Use mine").click()
    await edit.get_by_role("button", name="Save").click()
    drawer = page.get_by_role("dialog", name="console_test_flag")
    await expect(drawer.locator("pre")).to_have_text("mine")
    await drawer.get_by_role("button", name="Restore version 1").click()
    await expect(drawer.locator("pre")).to_have_text("one")
    await drawer.get_by_role("button", name="Delete").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
