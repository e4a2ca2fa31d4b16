"""Editing by the integration's schema."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Dialog, Locator, Route, expect

from tests.console.visit import PATIENCE, Service, Visit

FIELDS = [
    {"key": "host", "type": "STRING", "required": True, "description": "Host name"},
    {"key": "port", "type": "INT", "description": "Port"},
    {"key": "tls", "type": "BOOL", "default": True, "description": "Use TLS"},
    {"key": "labels", "type": "JSON", "description": "Labels"},
    {"key": "region", "type": "STRING", "options": ["eu", "us"], "description": "Region"},
    {"key": "password", "type": "SECRET", "required": True, "description": "Password"},
]
LONG = 1234567890123456789
PEM = "-----BEGIN PRIVATE KEY-----\ncGxhaW4tdGV4dA==\n-----END PRIVATE KEY-----\n"
VALUES = """query ($i: ID!, $o: ID!) {
  overview(integrationId: $i, organizationId: $o) { entries { key override { value } } }
}"""


class Place:
    """An integration of its own, mapped to a new organization."""

    def __init__(self, service: Service, name: str, fields: list[dict[str, Any]] = FIELDS, **config: Any) -> None:
        self._service = service
        organization = "mutation ($n: String!) { createOrganization(input: {name: $n}) { organization { id } } }"
        integration = "mutation ($i: CreateIntegrationInput!) { createIntegration(input: $i) { integration { id } } }"
        mapping = "mutation ($i: CreateMappingInput!) { createMapping(input: $i) { mapping { id } } }"
        self.organization = service.run(organization, n=f"Org of {name}")["createOrganization"]["organization"]["id"]
        made = service.run(integration, i={"name": name, "configSchema": fields})
        self.integration = made["createIntegration"]["integration"]["id"]
        config = config or {"host": "old.example.com", "port": 22, "password": "first-secret"}
        given = {
            "integrationId": self.integration,
            "organizationId": self.organization,
            "entityId": "e-1",
            "config": config,
        }
        self.mapping = service.run(mapping, i=given)["createMapping"]["mapping"]["id"]
        self.path = f"/edit/{self.integration}?organization={self.organization}"

    def write(self, **config: Any) -> None:
        """Write values as somebody else."""
        update = "mutation ($i: UpdateMappingInput!) { updateMapping(input: $i) { mapping { id } } }"
        self._service.run(update, i={"id": self.mapping, "config": config})

    def read(self) -> dict[str, Any]:
        """The organization's own values, in the clear where they are no secret."""
        found = self._service.run(VALUES, i=self.integration, o=self.organization)["overview"][0]["entries"]
        return {entry["key"]: entry["override"]["value"] for entry in found if entry["override"]}

    def resolve(self, name: str) -> dict[str, Any]:
        """What an SDK client gets."""
        query = "query ($n: String!, $o: ID!) { resolve(integration: $n, organizationId: $o) { config } }"
        return self._service.run(query, n=name, o=self.organization)["resolve"]["config"]


@pytest.fixture
def place(service: Service, request: pytest.FixtureRequest) -> Place:
    """A place of the test's own."""
    return Place(service, request.node.name)


def entry(visit: Visit, key: str) -> Locator:
    """The editor of one key."""
    return visit.page.locator(f".entry[data-key='{key}']")


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
