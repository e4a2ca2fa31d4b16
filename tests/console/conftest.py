"""The console in a real browser, in front of the demo. One service and one browser for all tests of this folder.

service     a running demo that asks for a reason before it reveals
visit       a browser's window, signed in as the admin; a fault in it fails the test
open_visit  more of them: other tokens, sizes, languages and zones
place       an integration of the test's own, mapped to a new organization
"""

import base64
import inspect
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.console.chromium import build_console, environment, install_browser
from tests.console.place import Place
from tests.console.provider import Provider
from tests.console.visit import Service, Visit
from tests.e2e.conftest import Demo
from tests.folders import make_folder

HERE = Path(__file__).parent
OpenVisit = Callable[..., Awaitable[Visit]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these tests share what the session's loop has, and so one process."""
    for item in items:
        if item.path.is_relative_to(HERE):
            if inspect.iscoroutinefunction(getattr(item, "function", None)):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.xdist_group("console"))


@pytest.fixture(scope="session")
def built() -> Path:
    """The built console."""
    return build_console()


@pytest.fixture(scope="session")
def browser_files() -> tuple[Path, Path]:
    """Chromium and axe."""
    return install_browser()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """A sign-in provider of people."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def service(built: Path, browser_files: tuple[Path, Path], provider: Provider) -> Iterator[Service]:
    """A running demo; when the session ends, no process of it is left."""
    folder = make_folder()
    keys = ",".join(f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("root-2", "root-1"))
    settings = {"STRONGROOM_REVEAL_REASON": "required", "STRONGROOM_ROOT_KEYS": keys, **provider.settings}
    demo = Demo(folder / "home", settings, measured=False)
    try:
        yield Service(demo.wait_until_ready())
        assert demo.stop() == 0
    finally:
        demo.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_files: tuple[Path, Path]) -> AsyncIterator[Browser]:
    """Chromium, without a window."""
    path, _ = browser_files
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path,
            env={**environment(path)},
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_visit(browser: Browser, service: Service, browser_files: tuple[Path, Path]) -> AsyncIterator[OpenVisit]:
    """Opens windows. When the test ends, none of them may have logged an error or asked another host."""
    visits: list[Visit] = []
    async with AsyncExitStack() as stack:

        async def open_one(token: str | None = "", **options: Any) -> Visit:
            options = {"viewport": {"width": 1360, "height": 850}, "timezone_id": "UTC", "locale": "en-GB", **options}
            context = await browser.new_context(**options)
            stack.push_async_callback(context.close)
            visit = await Visit.open(context, service, browser_files[1], service.token if token == "" else token)
            visits.append(visit)
            return visit

        yield open_one
        for visit in visits:
            assert visit.faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def visit(open_visit: OpenVisit) -> Visit:
    """A window of the admin's."""
    return await open_visit()


@pytest.fixture
def place(service: Service, request: pytest.FixtureRequest) -> Place:
    """A place of the test's own."""
    return Place(service, request.node.name)


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """Where screenshots go, if they are asked for."""
    wanted = os.environ.get("STRONGROOM_SCREENSHOTS")
    return Path(wanted) if wanted else None
