"""What a VERIFY proves, and which root keys may be retired. Comes last: with it there are no legacy rows any more."""

from playwright.async_api import expect

from tests.console.visit import Service, Visit


async def test_a_verify_and_its_certificate(visit: Visit, service: Service) -> None:
    """Once nothing is left to decide, a VERIFY tells what it proved; of two root keys the one that wraps nothing may
    be retired."""
    await service.finish("SEAL")
    for edge in service.run("{ quarantine { edges { node { config { id } } } } }")["quarantine"]["edges"]:
        delete = "mutation ($id: ID!) { deleteConfig(input: {id: $id}) { id } }"
        service.run(delete, id=edge["node"]["config"]["id"])
    page = visit.page
    await visit.go("/backfill")
    keys = page.get_by_role("table", name="Root keys")
    await expect(keys.get_by_role("row", name="root-2")).to_contain_text("Primary")
    await expect(keys.get_by_role("row", name="root-1")).to_contain_text("May be retired")
    await visit.choose("What", "Verify")
    await page.get_by_role("button", name="Start a dry run").click()
    await page.get_by_role("button", name="Start for good").click()
    await page.get_by_role("button", name="Certificate").first.click()
    certificate = page.get_by_role("dialog", name="What was proved")
    await expect(certificate.get_by_text("root-2")).to_be_visible()
    await expect(certificate.get_by_text("NOT legacy")).to_be_visible()
    await visit.check_accessibility()
