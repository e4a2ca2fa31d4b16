"""The demo, started as a newcomer starts it, and APIs in processes of their own.

demo         `python -m db demo` in a home and on a port of its own; one a test module, since tests change it
start_api    starts APIs on this test's servers
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.launched import ROOT, Demo, make_home
from tests.e2e.processes import StartApi, start_apis

__all__ = ["ROOT", "Demo"]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A demo of this module's own. When the module ends, no process of it is left."""
    with make_home() as home:
        demo = Demo(home)
        yield demo.wait_until_ready()
        assert demo.stop() == 0
        assert demo.processes == []


@pytest.fixture
def start_api(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[StartApi]:
    """Starts APIs in processes of their own, on this test's servers."""
    yield from start_apis(tmp_path, database_url, redis_url)
