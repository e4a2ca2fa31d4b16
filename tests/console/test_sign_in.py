"""Signing in with a token, and out again."""

import re

from playwright.async_api import expect

from tests.console.place import Place
from tests.console.provider import Provider
from tests.console.visit import Service


async def test_a_token_signs_in_and_stays_in_its_tab(open_visit, service: Service) -> None:
    """A wrong token is refused in words; the right one opens the list, survives a reload, and is in no address, no
    cookie and nothing that outlives the tab."""
    visit = await open_visit(None)
    visit.expect("401")
    page = visit.page
    await visit.go("/?scope=all")
    await expect(page).to_have_title("Sign in · Strongroom")
    await visit.check_accessibility()
    await page.get_by_label("Token").fill("no-such-token-0123456789abcdef0123456789")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("This token does not hold")
    await page.get_by_label("Token").fill(service.token)
    await page.keyboard.press("Enter")
    await expect(visit.rows().first).to_be_visible()
    assert page.url.endswith("/console/?scope=all")
    await page.reload()
    await expect(visit.rows().first).to_be_visible()
    assert await page.context.cookies() == []
    assert await page.evaluate("JSON.stringify(localStorage)") == "{}"
    assert service.token not in page.url
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(other.get_by_label("Token")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    assert await page.evaluate("sessionStorage.getItem('strongroom.token')") is None


async def test_a_token_that_ends_leads_back_to_signing_in(open_visit, service: Service) -> None:
    """Whose token is revoked is told so at the next thing they do."""
    made = service.run(
        "mutation ($i: CreateTokenInput!) { createToken(input: $i) { id token } }",
        i={"name": "short", "permissions": ["config:read"]},
    )["createToken"]
    visit = await open_visit(made["token"])
    visit.expect("401")
    await visit.go()
    await expect(visit.rows().first).to_be_visible()
    service.run("mutation ($id: ID!) { revokeToken(id: $id) { id } }", id=made["id"])
    await visit.page.get_by_role("link", name="Integrations").click()
    await expect(visit.page.get_by_text("Your sign-in has ended")).to_be_visible()


async def test_only_what_is_permitted_is_there(open_visit, service: Service) -> None:
    """A token sees the pages that its permissions open, and no other."""
    visit = await open_visit(service.make_token("config:read"))
    await visit.go()
    nav = visit.page.get_by_role("navigation", name="Main")
    pages = [re.compile("Config"), "Organizations", "Missing values", "Integrations"]
    await expect(nav.get_by_role("link")).to_have_text(pages)
    await visit.go("/backfill")
    await expect(visit.page.get_by_text("There is no such page")).to_be_visible()


async def test_a_person_signs_in_at_the_provider(open_visit, provider: Provider) -> None:
    """A person goes to the provider and comes back where they were, signed in; the code stays in no address, the page
    itself asks nobody but the service, and before the JWT ends there is a new one."""
    visit = await open_visit(None)
    visit.expect(f"request: {provider.url}/authorize")
    page = visit.page
    await page.clock.install()
    await visit.go("/?scope=global_only")
    await page.get_by_role("button", name="Sign in with your account").click()
    await expect(visit.rows().first).to_be_visible()
    assert page.url.endswith("/console/?scope=global_only")
    await expect(page.get_by_title("config:read, config:reveal")).to_have_text("Signed in as ada")
    before = await page.evaluate("sessionStorage.getItem('strongroom.token')")
    assert provider.refreshed == 0
    # The next one holds longer by the page's clock, too, so that there is no third.
    provider.seconds = 3600
    await page.clock.fast_forward(241_000)
    await page.wait_for_function("(old) => sessionStorage.getItem('strongroom.token') !== old", arg=before)
    assert provider.refreshed == 1
    await expect(visit.rows().first).to_be_visible()


async def test_a_code_of_somebody_elses_is_worth_nothing(open_visit, provider: Provider) -> None:
    """Coming back with a code that this tab did not ask for signs nobody in."""
    visit = await open_visit(None)
    await visit.go("/signed-in?code=stolen&state=made-up")
    await expect(visit.page.get_by_role("alert")).to_contain_text("Signing in was not finished")
    assert "stolen" not in visit.page.url


async def test_work_outlives_the_token(open_visit, service: Service) -> None:
    """Whose token ends in the middle of an edit signs in again and goes on with what they had typed; who may do
    something else, or has signed out, begins anew."""
    place = Place(service, "outlived")
    make = "mutation ($i: CreateTokenInput!) { createToken(input: $i) { id token } }"
    given = {"name": "editor", "permissions": ["config:read", "config:write"]}
    tokens = [service.run(make, i=given)["createToken"] for _ in range(2)]
    visit = await open_visit(tokens[0]["token"])
    visit.expect("401")
    page = visit.page
    host = page.get_by_label("Host name", exact=True)
    await visit.go(place.path)
    await host.fill("typed.example.com")
    service.run("mutation ($id: ID!) { revokeToken(id: $id) { id } }", id=tokens[0]["id"])
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Your sign-in has ended")).to_be_visible()
    await expect(host).to_be_hidden()
    await visit.check_accessibility()
    await page.get_by_label("Token").fill(tokens[1]["token"])
    await page.keyboard.press("Enter")
    await expect(host).to_have_value("typed.example.com")
    await expect(page.get_by_text("Your sign-in had ended")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.read()["host"] == "typed.example.com"
    await host.fill("lost.example.com")
    service.run("mutation ($id: ID!) { revokeToken(id: $id) { id } }", id=tokens[1]["id"])
    await page.get_by_role("button", name="Save").click()
    await page.get_by_label("Token").fill(service.make_token("config:read"))
    await page.keyboard.press("Enter")
    await expect(host).to_have_value("typed.example.com")


async def test_a_dialog_waits_for_its_person(open_visit, service: Service) -> None:
    """A dialog that was open when the token ended is out of the way of signing in, and there again afterwards."""
    make = "mutation ($i: CreateTokenInput!) { createToken(input: $i) { id token } }"
    given = {"name": "writer", "permissions": ["config:read", "config:write"]}
    tokens = [service.run(make, i=given)["createToken"] for _ in range(2)]
    visit = await open_visit(tokens[0]["token"])
    visit.expect("401")
    page = visit.page
    await visit.go()
    await page.get_by_role("button", name="New standalone value").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Key").fill("waited_for")
    await dialog.get_by_label("Value").fill("typed")
    service.run("mutation ($id: ID!) { revokeToken(id: $id) { id } }", id=tokens[0]["id"])
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Your sign-in has ended")).to_be_visible()
    await expect(dialog).to_be_hidden()
    await page.get_by_label("Token").fill(tokens[1]["token"])
    await page.get_by_role("button", name="Sign in with the token").click()
    await expect(dialog.get_by_label("Value")).to_have_value("typed")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_label("Search keys").fill("waited_for")
    await expect(visit.row("waited_for")).to_be_visible()
