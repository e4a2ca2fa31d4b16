"""The launcher as a newcomer starts it, in a process and a home of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil

from db.embedded.processes import spawn
from tests.folders import make_folder

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "STRONGROOM_")


class Run:
    """A launcher that was started, with what it says in a file. Whoever makes one ends it."""

    def __init__(
        self,
        home: Path,
        settings: Mapping[str, str] = {},
        command: Sequence[str] = (sys.executable, "-m", "db", "run"),
        *,
        measured: bool = True,
    ) -> None:
        self.home = home
        self.port = find_free_port()
        home.mkdir(parents=True, exist_ok=True)
        self._said = home.parent / f"said-{self.port}"
        left_out = OURS if measured else (*OURS, "COVERAGE_PROCESS")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        environ |= {"STRONGROOM_HOME": str(home), "STRONGROOM_PORT": str(self.port), **settings}
        with self._said.open("wb") as output:
            # It ends with whoever runs the tests, however that ends.
            self.process = spawn(command, folder=ROOT, environ=environ, output=output, last_word=signal.SIGTERM)

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._said.read_text()

    @property
    def token(self) -> str:
        """The admin token that it wrote down."""
        return (self.home / "admin.token").read_text().strip()

    def wait_until_ready(self, seconds: float = 120) -> Self:
        """Wait until it says so, and is."""
        self.wait_for(lambda: "ready at" in self.text or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.text
        assert get(self.port, "/readyz") == 200
        return self

    def wait_for(self, done: Callable[[], object], seconds: float = 60) -> None:
        """Wait for something, but not forever."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"not within {seconds} s\n{self.text}"
            time.sleep(0.05)

    def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send an operation as the admin; the whole answer."""
        return self.ask(self.token, query, **variables)

    def ask(self, token: str, query: str, **variables: Any) -> dict[str, Any]:
        """Send an operation with a token; the whole answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = json.dumps({"query": query, "variables": variables}).encode()
        try:
            with urlopen(Request(f"http://127.0.0.1:{self.port}/graphql", body, headers), timeout=30) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            return json.loads(error.read())

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send an operation that must succeed; its data."""
        answer = self.send(query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


class Demo(Run):
    """A running demo, with more settings if given. Whoever makes one ends it."""

    def __init__(self, home: Path, settings: Mapping[str, str] = {}, *, measured: bool = True) -> None:
        """One that is not measured does not count for coverage, which would take it half as long again."""
        super().__init__(home, settings, (sys.executable, "-m", "db", "demo"), measured=measured)

    @property
    def processes(self) -> list[psutil.Process]:
        """Everything that works in its home or names it in its environment; zombies aside."""
        return processes_of(self.home)

    def stop(self) -> int:
        """End it with SIGTERM; its exit code."""
        return self.end()

    def kill(self) -> None:
        """End whatever is left of it."""
        kill_all(self.home)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> int:
    """The status of an answer; 0 where there is none."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return int(answer.status)
    except (URLError, OSError) as error:
        return int(getattr(error, "code", 0))


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that works in this home or names it in its environment; zombies aside."""
    return [process for process in psutil.process_iter() if _belongs(process, home)]


def find_child(home: Path, *command: str) -> psutil.Process | None:
    """The process of a home that runs `python -m …`."""
    for process in processes_of(home):
        with suppress(psutil.Error):
            if process.cmdline()[1:] == ["-m", *command]:
                return process
    return None


@contextmanager
def make_home() -> Iterator[Path]:
    """A home with a short path, in a folder of its own; whatever is left running in it is killed."""
    folder = make_folder()
    try:
        yield folder / "home"
    finally:
        kill_all(folder / "home")
        shutil.rmtree(folder, ignore_errors=True)


def kill_all(home: Path) -> None:
    """End every process of a home, whatever is left of it."""
    for process in processes_of(home):
        with suppress(psutil.Error):
            process.kill()


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        inside = Path(process.cwd()).is_relative_to(home)
        named = process.environ().get("STRONGROOM_HOME") == str(home)
        return (inside or named) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
