"""Saving: over what somebody else wrote, while one goes on writing, and before one leaves."""

import asyncio

from playwright.async_api import Dialog, Route, expect

from tests.console.place import FIELDS, Place, entry
from tests.console.visit import PATIENCE, Service, Visit


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


async def test_two_people_editing_the_mapping(visit: Visit, service: Service, place: Place) -> None:
    """An entity that somebody else has changed is not written over: by who did not touch it not at all, and by who did
    only on purpose."""
    page = visit.page
    change = "mutation ($i: UpdateMappingInput!) { updateMapping(input: $i) { mapping { id } } }"
    read = "query ($id: ID!) { mapping(id: $id) { entityId entityName } }"
    await visit.go(place.path)
    await page.get_by_label("Port", exact=True).fill("2222")
    service.run(change, i={"id": place.mapping, "entityId": "theirs", "entityName": "Their name"})
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.get_by_label("Entity id")).to_have_value("theirs")
    assert service.run(read, id=place.mapping)["mapping"] == {"entityId": "theirs", "entityName": "Their name"}
    await page.get_by_label("Entity id").fill("mine")
    service.run(change, i={"id": place.mapping, "entityId": "theirs again"})
    await page.get_by_role("button", name="Save").click()
    conflict = page.get_by_role("group", name="Conflict of the mapping")
    await expect(conflict.get_by_text("theirs again")).to_be_visible()
    await expect(conflict.get_by_text("mine", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await visit.check_accessibility()
    assert service.run(read, id=place.mapping)["mapping"]["entityId"] == "theirs again"
    await page.get_by_role("button", name="Use mine: mapping").click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert service.run(read, id=place.mapping)["mapping"]["entityId"] == "mine"


async def test_somebody_else_maps_it_first(visit: Visit, service: Service, place: Place) -> None:
    """Two people map the same organization at once: the second is told, and writes over nothing."""
    page = visit.page
    service.run("mutation ($id: ID!) { deleteMapping(input: {id: $id}) { id } }", id=place.mapping)
    await visit.go(place.path)
    await expect(page.get_by_role("heading", name="for Org of")).to_be_visible()
    await page.get_by_label("Entity id").fill("mine")
    await page.get_by_label("Password", exact=True).fill("my-secret")
    create = "mutation ($i: CreateMappingInput!) { createMapping(input: $i) { mapping { id } } }"
    ids = {"integrationId": place.integration, "organizationId": place.organization}
    service.run(create, i={**ids, "entityId": "theirs", "config": {"host": "theirs.example.com"}})
    await page.get_by_role("button", name="Save").click()
    conflict = page.get_by_role("group", name="Conflict of the mapping")
    await conflict.get_by_role("button", name="Keep theirs: mapping").click()
    await expect(page.get_by_label("Host name", exact=True)).to_have_value("theirs.example.com")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.read() == {"host": "theirs.example.com", "password": "[SECRET]"}


async def test_two_people_editing_a_schema(visit: Visit, service: Service, place: Place) -> None:
    """Who changes a schema that somebody else has changed meanwhile is shown where the two differ, and nothing is
    written until one is chosen: no field of theirs is dropped unseen."""
    page = visit.page
    read = "query ($id: ID!) { integration(id: $id) { configSchema { key type required } } }"
    change = "mutation ($i: UpdateIntegrationInput!) { updateIntegration(input: $i) { migrated } }"
    keys = ["host", "port", "tls", "labels", "region", "password"]
    await visit.go(f"/integrations/{place.integration}")
    await page.get_by_role("button", name="Open host").click()
    await page.get_by_text("Required", exact=True).click()
    theirs = [*FIELDS, {"key": "theirs", "type": "SECRET"}]
    service.run(change, i={"id": place.integration, "configSchema": theirs})
    await page.get_by_role("button", name="Review changes").click()
    conflict = page.get_by_role("region", name="Conflict")
    differences = conflict.get_by_role("table")
    await expect(differences.get_by_role("row", name="theirs Secret not there")).to_be_visible()
    await expect(differences.get_by_role("row")).to_have_count(3)
    await expect(page.get_by_role("button", name="Review changes")).to_be_disabled()
    await visit.check_accessibility()
    await conflict.get_by_role("button", name="Go on with mine").click()
    await page.get_by_role("button", name="Review changes").click()
    preview = page.get_by_role("dialog", name="What this change does")
    await expect(preview.get_by_role("listitem").filter(has_text="theirs")).to_contain_text("Removed")
    await preview.get_by_role("button", name="Cancel").click()
    assert [field["key"] for field in service.run(read, id=place.integration)["integration"]["configSchema"]] == [
        *keys,
        "theirs",
    ]
    service.run(change, i={"id": place.integration, "description": "theirs, too"})
    await page.get_by_role("button", name="Review changes").click()
    await conflict.get_by_role("button", name="Keep theirs, discard mine").click()
    await expect(page.get_by_role("button", name="Open theirs")).to_be_visible()
    await expect(page.get_by_label("Description").first).to_have_value("theirs, too")
    await expect(page.get_by_role("button", name="Review changes")).to_be_disabled()


async def test_the_service_is_away_while_somebody_edits(visit: Visit, place: Place) -> None:
    """While the service does not answer nothing that was typed is lost, not even by what is asked for meanwhile; when
    it is back it is saved."""
    page = visit.page
    visit.expect("Failed to load resource")
    await visit.go(place.path)
    host = page.get_by_label("Host name", exact=True)
    await host.fill("kept.example.com")
    place.write(host="theirs.example.com")

    async def cut(route: Route) -> None:
        asked = route.request.post_data or ""
        await (route.continue_() if "mutation" in asked else route.abort())

    await page.route("**/graphql", cut)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(host).to_have_value("kept.example.com")
    await page.unroute("**/graphql")
    await page.route("**/graphql", lambda route: route.abort())
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    await page.unroute("**/graphql")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Use mine: host").click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    assert place.read()["host"] == "kept.example.com"


async def test_signing_out_with_something_unsaved(visit: Visit, place: Place) -> None:
    """Who signs out with unsaved changes is asked first."""
    page = visit.page
    answers = [False, True]

    async def decide(dialog: Dialog) -> None:
        await (dialog.accept() if answers.pop(0) else dialog.dismiss())

    page.on("dialog", decide)
    await visit.go(place.path)
    host = page.get_by_label("Host name", exact=True)
    await host.fill("unsaved.example.com")
    await page.get_by_role("button", name="Sign out").click()
    await expect(host).to_have_value("unsaved.example.com")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    assert answers == []


async def test_what_is_refused_is_led_to(visit: Visit, place: Place) -> None:
    """A field that is refused far down a form gets the focus, and so does a missing one that a link leads to, whatever
    its kind."""
    page = visit.page
    await page.set_viewport_size({"width": 900, "height": 400})
    await visit.go(place.path)
    password = page.get_by_label("Password", exact=True)
    await password.fill("[SECRET]")
    await page.get_by_label("Entity name").focus()
    await page.get_by_role("button", name="Save").click()
    await expect(password).to_be_focused()
    await expect(password).to_be_in_viewport()
    for key in ("tls", "region", "labels"):
        page.once("dialog", lambda dialog: dialog.accept())
        await visit.go(f"{place.path}&key={key}")
        await expect(
            entry(visit, key).locator(".control:focus, [type=checkbox]:focus, [role=switch]:focus")
        ).to_have_count(1)
