"""Callers with limits: what they may not do is not there, and nothing that is there is refused."""

import json
from typing import Any

from playwright.async_api import Response, expect

from tests.console.place import Place
from tests.console.visit import Service, Visit

NORTHWIND = "d3300000-0000-4000-8000-000000000001"
JIRA = "1860606e-e8f6-5fb6-bfef-40664fc14dca"
ALL = ["config:read", "config:write", "config:reveal", "integration:write", "organization:write", "backfill:run"]
PATHS = (
    "/",
    "/?scope=global_only&type=secret",
    "/organizations",
    "/missing",
    f"/organizations/{NORTHWIND}",
    "/integrations",
    f"/integrations/{JIRA}",
    f"/edit/{JIRA}",
    f"/edit/{JIRA}?organization={NORTHWIND}",
    "/audit",
)


def hear_refusals(visit: Visit) -> list[str]:
    """The codes of all that the service refuses from now on."""
    heard: list[str] = []

    async def listen(response: Response) -> None:
        if response.url.endswith("/graphql"):
            errors = json.loads(await response.text()).get("errors", [])
            heard.extend(f"{visit.page.url}: {error['extensions']['code']}" for error in errors)

    visit.page.on("response", listen)
    return heard


async def look_around(visit: Visit) -> list[str]:
    """Open every page; what was refused."""
    heard = hear_refusals(visit)
    await visit.go()
    for path in PATHS:
        await visit.turn_to(path)
    return heard


async def buttons_of(visit: Visit, path: str) -> set[str]:
    """The names of a page's buttons."""
    await visit.turn_to(path)
    return set(await visit.page.locator("main").get_by_role("button").all_inner_texts())


async def test_a_token_of_one_organization(open_visit, service: Service) -> None:
    """With every permission, but for one organization alone: it sees its own and what is global, changes its own, and
    is refused nothing that the console offers."""
    token = service.make_token(*ALL, "audit:read", organizationIds=[NORTHWIND])
    visit: Visit = await open_visit(token)
    page = visit.page
    assert await look_around(visit) == []
    await expect(page.get_by_role("link", name="Backfill and keys")).to_have_count(0)
    assert not await buttons_of(visit, "/organizations") & {"New organization"}
    assert not await buttons_of(visit, "/integrations") & {"New integration"}
    there = await buttons_of(visit, f"/integrations/{JIRA}")
    assert not there & {"Delete", "Add a field", "Review changes", "Add a fallback"}
    await visit.turn_to(f"/edit/{JIRA}")
    await expect(page.get_by_text("You may read these values, but not change them.")).to_be_visible()
    await expect(page.get_by_role("button", name="Save")).to_have_count(0)
    heard = hear_refusals(visit)
    await visit.turn_to("/")
    await page.get_by_role("button", name="New standalone value").click()
    dialog = page.get_by_role("dialog")
    organization = dialog.get_by_role("combobox", name="Organization")
    await expect(organization).to_have_value("Northwind Dental")
    await organization.click()
    await expect(page.get_by_role("option")).to_have_text(["Northwind Dental"])
    await page.keyboard.press("Escape")
    await dialog.get_by_label("Key").fill("of_one_organization")
    await dialog.get_by_label("Value").fill("theirs")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_label("Search keys").fill("of_one_organization")
    await visit.row("of_one_organization").get_by_role("link").click()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()
    assert heard == []


async def test_a_token_of_one_integration(open_visit, service: Service) -> None:
    """For one integration alone: nothing standalone is offered, and nothing is refused."""
    visit = await open_visit(service.make_token(*ALL, "audit:read", integrations=["jira"]))
    assert await look_around(visit) == []
    assert not await buttons_of(visit, "/") & {"New standalone value"}
    await expect(visit.page.get_by_role("link", name="Backfill and keys")).to_have_count(0)


async def test_a_token_that_only_reads(open_visit, service: Service) -> None:
    """Without a permission to write there is no button that writes anything, on any page."""
    visit = await open_visit(service.make_token("config:read"))
    assert await look_around(visit) == []
    writing = {"New standalone value", "New organization", "New integration", "Delete", "Save", "Review changes"}
    writing |= {"Add a field", "Add a fallback", "Map an organization", "Connect an integration", "Clear", "Discard"}
    for path in PATHS[:-1]:
        assert not await buttons_of(visit, path) & writing, path
    await visit.turn_to("/?search=api_token")
    await visit.rows().first.get_by_role("link").click()
    dialog = visit.page.get_by_role("dialog")
    await expect(dialog.get_by_text("[SECRET]").first).to_be_visible()
    await expect(dialog.get_by_role("button")).to_have_count(1)


async def test_a_secret_stays_one_for_who_may_not_reveal(open_visit, service: Service) -> None:
    """Who may change schemas, but not reveal, is not offered to turn a secret into anything else; nor to restore an
    earlier secret into what is none any more."""
    place = Place(service, "stays-secret")
    schema: list[dict[str, Any]] = [{"key": "host", "type": "STRING"}, {"key": "password", "type": "SECRET"}]
    change = "mutation ($i: UpdateIntegrationInput!) { updateIntegration(input: $i) { migrated } }"
    visit = await open_visit(service.make_token("config:read", "config:write", "integration:write"))
    await visit.go(f"/integrations/{place.integration}")
    await visit.page.get_by_role("button", name="Open password").click()
    await expect(visit.page.get_by_text("It stays a secret")).to_be_visible()
    kind = visit.page.get_by_role("listitem").filter(has_text="It stays a secret").get_by_role("button", name="Type")
    await expect(kind).to_be_disabled()
    place.write(password="second-secret")
    schema[1]["type"] = "STRING"
    service.run(change, i={"id": place.integration, "configSchema": schema})
    query = "query ($f: ConfigFilter) { configs(filter: $f) { edges { node { id } } } }"
    found = service.run(query, f={"keyContains": "password", "integrationId": place.integration})
    (edge,) = found["configs"]["edges"]
    place.write(password="third")
    await visit.go(f"/?config={edge['node']['id']}")
    history = visit.page.get_by_role("dialog").locator("section").filter(has_text="Earlier values")
    await expect(history.get_by_role("listitem").filter(has_text="[SECRET]").first).to_be_visible()
    secrets = history.get_by_role("listitem").filter(has_text="[SECRET]")
    await expect(secrets.get_by_role("button", name="Restore")).to_have_count(0)


async def test_what_a_deleted_integration_left(visit: Visit, service: Service) -> None:
    """Values of a deleted integration are no standalone ones: they are marked, not edited, and can be deleted."""
    place = Place(service, "gone-for-good")
    service.run(
        "mutation ($id: ID!) { deleteIntegration(input: {id: $id}) { integration { id } } }", id=place.integration
    )
    page = visit.page
    await visit.go(f"/?organization={place.organization}&scope=organization_only")
    row = visit.row("host")
    await expect(row.get_by_role("cell").nth(1)).to_have_text("(deleted)")
    await row.get_by_role("link").click()
    drawer = page.get_by_role("dialog", name="host")
    await expect(drawer.get_by_text("(deleted)")).to_be_visible()
    await expect(drawer.get_by_role("button", name="Edit")).to_have_count(0)
    await expect(drawer.get_by_role("link", name="Edit")).to_have_count(0)
    await drawer.get_by_role("button", name="Delete").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(visit.rows().filter(has_text="host")).to_have_count(0)
