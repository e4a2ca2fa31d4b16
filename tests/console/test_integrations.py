"""Integrations, their schemas and mappings, and what applies to one organization."""

from playwright.async_api import expect

from tests.console.place import Place
from tests.console.visit import Service, Visit

OVERVIEW = "query ($o: ID!) { overview(organizationId: $o) { entries { key source missing } } }"
NORTHWIND = "d3300000-0000-4000-8000-000000000001"


async def test_a_change_of_type_is_previewed(visit: Visit, service: Service) -> None:
    """Before a schema is saved, it is told what that does to how many rows, and nothing has changed; what does not fit
    is told beside its field."""
    place = Place(service, "previewed")
    page = visit.page
    await visit.go(f"/integrations/{place.integration}")
    await page.get_by_role("button", name="Open port").click()
    port = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Fold port"))
    await port.get_by_role("button", name="Type").click()
    await page.get_by_role("option", name="Text").click()
    await page.get_by_role("button", name="Remove password").click()
    await visit.check_accessibility()
    await page.get_by_role("button", name="Review changes").click()
    preview = page.get_by_role("dialog", name="What this change does")
    await expect(preview.get_by_text("Number becomes Text: 1 value is converted.")).to_be_visible()
    await expect(preview.get_by_text("Removed: 1 value goes to the history")).to_be_visible()
    await visit.check_accessibility()
    assert place.read()["port"] == 22
    await preview.get_by_role("button", name="Save the schema").click()
    await expect(preview).to_have_count(0)
    await expect(page.get_by_role("button", name="Review changes")).to_be_disabled()
    assert place.read() == {"host": "old.example.com", "port": "22"}
    await page.get_by_role("button", name="Open host").click()
    host = page.get_by_role("listitem").filter(has=page.get_by_role("button", name="Fold host"))
    await host.get_by_role("button", name="Type").click()
    await page.get_by_role("option", name="Number").click()
    await page.get_by_role("button", name="Review changes").click()
    await expect(host.get_by_text("does not fit")).to_be_visible()
    assert place.read()["host"] == "old.example.com"


async def test_an_integration_from_its_making_to_its_end(visit: Visit, service: Service) -> None:
    """An integration is made, gets a field, a fallback and an organization, and is deleted."""
    page = visit.page
    await visit.go("/integrations")
    await page.get_by_role("button", name="New integration").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("made-in-the-console")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("button", name="Add a field").click()
    await page.get_by_label("Key").fill("api_key")
    await page.get_by_role("button", name="Type").click()
    await page.get_by_role("option", name="Secret").click()
    await page.get_by_text("Required").click()
    await page.get_by_role("button", name="Review changes").click()
    await page.get_by_role("button", name="Save the schema").click()
    await expect(page.get_by_role("button", name="Open api_key")).to_be_visible()
    await page.get_by_role("button", name="Add a fallback").click()
    await page.get_by_role("dialog").get_by_label("Entity id").fill("everybody")
    await page.get_by_role("dialog").get_by_role("button", name="Add").click()
    table = page.get_by_role("table", name="Mappings")
    await expect(table.get_by_text("Fallback for all others")).to_be_visible()
    await page.get_by_role("button", name="Map an organization").click()
    await visit.pick("Organization", "north", "Northwind Dental")
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_label("Entity id").fill("northwind-1")
    await page.get_by_label("api_key", exact=True).fill("a-secret-of-theirs")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    query = 'query ($o: ID!) { resolve(integration: "made-in-the-console", organizationId: $o) { config entityId } }'
    assert service.run(query, o=NORTHWIND)["resolve"] == {
        "entityId": "northwind-1",
        "config": {"api_key": "a-secret-of-theirs"},
    }
    await page.get_by_role("link", name="Integration", exact=True).click()
    await table.get_by_role("button", name="Delete the mapping of Northwind Dental").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(table.get_by_role("link", name="Northwind Dental")).to_have_count(0)
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await page.get_by_label("Search names").fill("made-in-the-console")
    await expect(page.get_by_text("Nothing matches these filters")).to_be_visible()


async def test_what_applies_to_an_organization(visit: Visit, service: Service) -> None:
    """An organization's page tells in one query what it overrides, inherits and misses across all integrations, and
    a missing value leads to where it is written."""
    place = Place(service, "organization-page")
    place.write(password=None)
    page = visit.page
    asked = []
    page.on("request", lambda request: asked.append(request.post_data or "") if "/graphql" in request.url else None)
    await visit.go(f"/organizations/{place.organization}")
    # What it inherits by fallback mappings of others is the demo's.
    found = service.run(OVERVIEW, o=place.organization)["overview"]
    entries = [entry for one in found for entry in one["entries"]]
    inherited = len([entry for entry in entries if entry["source"] in ("DEFAULT", "SCHEMA_DEFAULT")])
    missing = len([entry for entry in entries if entry["missing"]])
    figures = f"Integrations{len(found)}Overrides2Inherited{inherited}Missing{missing}"
    await expect(page.locator(".figures")).to_have_text(figures)
    assert "password" in [entry["key"] for entry in entries if entry["missing"]]
    assert len([body for body in asked if "overview" in body]) == 1
    await expect(page.get_by_role("row", name="host old.example.com Override")).to_be_visible()
    await expect(page.get_by_role("row", name="tls true Schema default")).to_be_visible()
    await visit.check_accessibility()
    await visit.choose("Show", "Missing")
    table = page.get_by_role("table", name="Values of organization-page")
    await expect(table.get_by_role("row")).to_have_text(["KeyValueFrom", "password–Missing"])
    await page.get_by_role("region", name="Missing values").get_by_role("link", name="password").click()
    await expect(page.get_by_label("Password", exact=True)).to_be_focused()
