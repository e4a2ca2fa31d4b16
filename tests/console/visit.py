"""A visit: one window of a browser, and what went wrong in it."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from tests.e2e.conftest import ROOT, Demo

OPERATIONS = set(json.loads((ROOT / "client" / "public" / "operations.json").read_text()).values())
"""What the API trusts the console to send, where it trusts nothing else."""

PATIENCE = 60_000
"""How long a test waits for what has to come, in ms: a busy machine is slow, and only a failure waits for so long."""

expect.set_options(timeout=PATIENCE)

_STILL = """async () => {
    for (let frames = 0; frames < 2; frames += 1) {
        await new Promise(requestAnimationFrame);
        const moving = document.getAnimations().filter((one) =>
            one.playState === 'running' && one.effect.getComputedTiming().endTime !== Infinity);
        if (moving.length > 0) frames = -1;
        await Promise.allSettled(moving.map((one) => one.finished));
    }
}"""
"""Settles when nothing moves for two frames. One look is not enough: what was asked for a moment ago begins to move
with the frame that it is drawn in, and when it ends something else may begin. What turns for ever does not count."""


_SCROLLS = """() => {
    const { scrollHeight, clientHeight } = document.documentElement;
    const wide = [document.documentElement, ...document.querySelectorAll('.page, [role=dialog]')]
        .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.tagName);
    return scrollHeight > clientHeight + 1 ? ['the document', ...wide] : wide;
}"""
"""What has to be scrolled sideways as a whole; and the document, which is not scrolled at all: its parts are."""


class Service:
    """The service that is visited."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.token = demo.token
        self.origin = f"http://127.0.0.1:{demo.port}"

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send an operation as the admin; its data."""
        return self.demo.run(query, **variables)

    async def finish(self, kind: str) -> None:
        """Run a backfill to its end."""
        start = "mutation ($i: StartBackfillInput!) { startBackfill(input: $i) { run { id } } }"
        id = self.run(start, i={"kind": kind})["startBackfill"]["run"]["id"]
        query = "query ($id: ID!) { backfillRun(id: $id) { status } }"
        async with asyncio.timeout(PATIENCE / 1000):
            while self.run(query, id=id)["backfillRun"]["status"] != "SUCCEEDED":
                await asyncio.sleep(0.1)

    def make_token(self, *permissions: str, **limits: Any) -> str:
        """A token of these permissions."""
        given = {"name": "visitor", "permissions": list(permissions), **limits}
        made = self.run("mutation ($i: CreateTokenInput!) { createToken(input: $i) { token } }", i=given)
        return made["createToken"]["token"]


class Visit:
    """One window. `faults` are errors it logged and requests it sent to other hosts, but for those expected."""

    def __init__(self, page: Page, service: Service, axe: Path) -> None:
        self.page = page
        self.service = service
        self.faults: list[str] = []
        self._axe = axe
        self._expected: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("request", self._watch)

    @classmethod
    async def open(cls, context: BrowserContext, service: Service, axe: Path, token: str | None) -> "Visit":
        """A window, signed in with a token if one is given."""
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        visit = cls(page, service, axe)
        if token is not None:
            await page.add_init_script(
                "if (!sessionStorage.getItem('visited')) {"
                " sessionStorage.setItem('visited', 'yes');"
                f" sessionStorage.setItem('strongroom.token', '{token}'); }}"
            )
        return visit

    async def go(self, path: str = "/") -> None:
        """Open a page of the console."""
        await self.page.goto(f"{self.service.origin}/console{path}")

    async def turn_to(self, path: str) -> None:
        """Go on to another page as a link does, without loading the console again, until all of it is there."""
        await self.page.evaluate("(path) => history.pushState(null, '', path)", f"/console{path}")
        await self.stand_still()
        await self.settle()

    def expect(self, pattern: str) -> None:
        """Some fault is part of the test."""
        self._expected.append(pattern)

    def rows(self) -> Locator:
        """The rows of the page's table, without its head."""
        return self.page.locator("tbody tr[data-row]")

    def row(self, text: str) -> Locator:
        """The first row with this text."""
        return self.rows().filter(has_text=text).first

    async def choose(self, label: str, option: str) -> None:
        """Choose from a list."""
        await (
            self.page.get_by_label(label, exact=True)
            .and_(self.page.get_by_role("button"))
            .or_(self.page.get_by_role("button", name=re.compile(rf"{re.escape(label)}$")))
            .first.click()
        )
        await self.page.get_by_role("option", name=option, exact=True).click()

    async def pick(self, label: str, typed: str, option: str) -> None:
        """Choose one of many by typing a part of its name."""
        await self.page.get_by_role("combobox", name=label, exact=True).fill(typed)
        await self.page.get_by_role("option", name=option, exact=True).click()

    async def settle(self) -> None:
        """Until everything that the page asked for is there."""
        await self.page.get_by_role("heading").first.wait_for()
        await expect(self.page.locator(".loading")).to_have_count(0)

    async def find_scrolled(self) -> list[str]:
        """What would have to be scrolled sideways as a whole, and the document if it would have to be at all."""
        return await self.page.evaluate(_SCROLLS)

    async def stand_still(self) -> None:
        """Until nothing fades or slides any more: a dialog on its way in has colours that nobody reads."""
        async with asyncio.timeout(PATIENCE / 1000):
            await self.page.evaluate(_STILL)

    async def check_accessibility(self, *rules: str, within: str = "html") -> None:
        """Axe finds no violation on the page once it stands still; of these rules alone, if any are given."""
        await self.stand_still()
        faults = await self.run_axe(*rules, within=within)
        assert not faults, "\n".join(faults)

    async def run_axe(self, *rules: str, within: str = "html") -> list[str]:
        """What axe finds on the page as it is at this moment, with the markup that it finds it in."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(self._axe.read_text())
        options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
        found = await self.page.evaluate("([within, options]) => axe.run(within, options)", [within, options])
        return [f"{one['id']}: {node['html'][:300]}" for one in found["violations"] for node in one["nodes"]]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"{message.type}: {message.text}")

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((f"{self.service.origin}/", "data:", "blob:")):
            self._note(f"request: {request.url}")
        if request.url.endswith("/graphql") and request.method == "POST":
            query = json.loads(request.post_data or "{}").get("query")
            if query not in OPERATIONS:
                self._note(f"not listed: {query}")

    def _note(self, fault: str) -> None:
        if not any(re.search(pattern, fault) for pattern in self._expected):
            self.faults.append(fault)
