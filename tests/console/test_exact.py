"""What is stored is shown and written to the letter: every digit, and every line."""

import pytest
from playwright.async_api import Locator, expect

from tests.console.place import Place
from tests.console.visit import Visit

LONG = 1234567890123456789
PEM = "-----BEGIN PRIVATE KEY-----\ncGxhaW4tdGV4dA==\n-----END PRIVATE KEY-----\n"


async def test_long_numbers_keep_every_digit(visit: Visit, place: Place, request: pytest.FixtureRequest) -> None:
    """A number that JavaScript would round is shown as it is stored, and is still that when its document is edited."""
    page = visit.page
    place.write(port=LONG, labels={"channel": LONG, "team": "ops"})
    await visit.go(f"/organizations/{place.organization}")
    await expect(page.get_by_role("row", name=f"port {LONG} Override")).to_be_visible()
    await visit.go(place.path)
    await expect(page.get_by_label("Port", exact=True)).to_have_value(str(LONG))
    labels = page.get_by_label("Labels", exact=True)
    await labels.fill((await labels.input_value()).replace("ops", "dev"))
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.resolve(request.node.name)["labels"] == {"channel": LONG, "team": "dev"}


async def test_a_secret_of_several_lines(visit: Visit, place: Place, request: pytest.FixtureRequest) -> None:
    """A key that is pasted keeps its lines, and is not shown; one line is as it was, without the end of it. No saved
    password of the browser's gets into a secret's field."""
    page = visit.page
    password = page.get_by_label("Password", exact=True)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visit.go(place.path)
    await expect(password).to_have_attribute("autocomplete", "new-password")
    await paste(visit, password, "one-line-secret\n")
    await expect(password).to_have_value("one-line-secret")
    await page.get_by_role("button", name="Undo password").click()
    await paste(visit, password, PEM.replace("\n", "\r\n"))
    await expect(page.get_by_text("A secret of 3 lines")).to_be_visible()
    assert "cGxhaW4" not in await page.content()
    await visit.check_accessibility()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.resolve(request.node.name)["password"] == PEM


async def test_a_text_of_several_lines(visit: Visit, place: Place) -> None:
    """A text keeps its lines when it is edited, and when it is pasted."""
    page = visit.page
    place.write(host="first\nsecond")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visit.go(place.path)
    host = page.get_by_label("Host name", exact=True)
    await expect(host).to_have_value("first\nsecond")
    await host.press("End")
    await host.press_sequentially("!")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert sorted(place.read()["host"].split("\n")) in (["first!", "second"], ["first", "second!"])
    await host.fill("")
    await paste(visit, host, "third\nfourth")
    await expect(host).to_have_value("third\nfourth")


async def paste(visit: Visit, field: Locator, text: str) -> None:
    """Paste as a person does."""
    await visit.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
    await field.focus()
    await field.press("Control+V")
