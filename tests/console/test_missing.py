"""Which customer misses what."""

from playwright.async_api import expect

from tests.console.place import Place
from tests.console.visit import Service, Visit


async def test_who_misses_which_key(visit: Visit, service: Service) -> None:
    """One page tells, across all organizations and integrations, which required keys have no value; each leads to
    where it is written, and is gone from there once it is."""
    place = Place(service, "lacking")
    place.write(password=None)
    page = visit.page
    await visit.go("/")
    await page.get_by_role("link", name="Missing values").click()
    row = page.get_by_role("row", name="Org of lacking lacking password")
    await expect(row).to_be_visible()
    await visit.settle()
    await visit.check_accessibility()
    await row.get_by_role("link", name="password").click()
    await page.get_by_label("Password", exact=True).fill("no longer missing")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await page.get_by_role("link", name="Missing values").click()
    await visit.settle()
    await expect(page.get_by_text("Looked at")).not_to_contain_text("Looked at 0")
    await expect(row).to_have_count(0)


async def test_a_long_list_is_looked_at_in_parts(visit: Visit, service: Service) -> None:
    """Where there are many mappings the page stops when it has found enough, says how far it looked, and goes on."""
    made = service.run(
        "mutation ($i: CreateIntegrationInput!) { createIntegration(input: $i) { integration { id } } }",
        i={"name": "lacked by many", "configSchema": [{"key": "needed", "type": "SECRET", "required": True}]},
    )["createIntegration"]["integration"]["id"]
    aliased = " ".join(
        f'o{n}: createOrganization(input: {{name: "Many {n:03}"}}) {{ organization {{ id }} }}' for n in range(25)
    )
    mappings = [
        {"organizationId": answer["organization"]["id"], "entityId": f"{part}-{name}"}
        for part in range(9)
        for name, answer in service.run(f"mutation {{ {aliased} }}").items()
    ]
    service.run(
        "mutation ($i: UpsertMappingsInput!) { upsertMappings(input: $i) { created } }",
        i={"integrationId": made, "mappings": mappings},
    )
    page = visit.page
    total = service.run("{ mappings { totalCount } }")["mappings"]["totalCount"]
    await visit.go("/missing")
    await expect(page.get_by_text(f"Looked at 200 of {total} mappings")).to_be_visible()
    while await page.get_by_role("button", name="Look further").count():
        await page.get_by_role("button", name="Look further").click()
        await visit.settle()
    await expect(page.get_by_text(f"Looked at {total} of {total} mappings")).to_be_visible()
    await expect(page.get_by_role("row", name="lacked by many needed")).to_have_count(len(mappings))
    service.run("mutation ($id: ID!) { deleteIntegration(input: {id: $id}) { integration { id } } }", id=made)
