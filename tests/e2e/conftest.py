"""The demo, started as a newcomer starts it.

demo    `python -m db demo` in a home and on a port of its own; one a test module, since tests change it
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.e2e.processes import StartApi, start_apis

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "STRONGROOM_")


class Demo:
    """A running demo, with more settings if given. Whoever makes one ends it."""

    def __init__(self, home: Path, settings: Mapping[str, str] = {}) -> None:
        self.home = home
        self.port = _find_free_port()
        self._said = home.parent / f"said-{self.port}"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environ |= {"STRONGROOM_HOME": str(home), "STRONGROOM_PORT": str(self.port), **settings}
        with self._said.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "db", "demo"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._said.read_text()

    @property
    def token(self) -> str:
        """The admin token."""
        return (self.home / "admin.token").read_text().strip()

    @property
    def processes(self) -> list[psutil.Process]:
        """Everything that works in its home or names it in its environment; zombies aside."""
        return [process for process in psutil.process_iter() if _belongs(process, self.home)]

    def wait_until_ready(self) -> "Demo":
        """Wait until it says so."""
        self.wait_for(lambda: "ready at" in self.text or self._process.poll() is not None, 60)
        assert self._process.poll() is None, self.text
        return self

    def wait_for(self, done: Callable[[], object], seconds: float) -> None:
        """Wait, but not forever."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"not within {seconds} s\n{self.text}"
            time.sleep(0.05)

    def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send an operation; the whole answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(f"http://127.0.0.1:{self.port}/graphql", body, headers)
        try:
            with urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            return json.loads(error.read())

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send an operation that must succeed; its data."""
        answer = self.send(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def stop(self) -> int:
        """End it with SIGTERM; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def kill(self) -> None:
        """End whatever is left of it."""
        for process in self.processes:
            with suppress(psutil.Error):
                process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A demo of this module's own. When the module ends, no process of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp"))
    demo = Demo(folder / "home")
    try:
        yield demo.wait_until_ready()
        assert demo.stop() == 0
        assert demo.processes == []
    finally:
        demo.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        inside = Path(process.cwd()).is_relative_to(home)
        named = process.environ().get("STRONGROOM_HOME") == str(home)
        return (inside or named) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.fixture
def start_api(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[StartApi]:
    """Starts APIs in processes of their own, on this test's servers."""
    yield from start_apis(tmp_path, database_url, redis_url)
