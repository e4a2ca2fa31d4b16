"""API processes of a test's own, on the test's servers: `start_api(SETTING="…")` starts one and waits for it."""

import base64
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from db.embedded.processes import spawn

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "STRONGROOM_")
ADMIN = "the-admin-token-of-these-tests-" + "x" * 12
ROOT_KEYS = f"test:{base64.b64encode(os.urandom(32)).decode()}"


LOUD = """
import importlib, logging, sys
logging.basicConfig(level=logging.DEBUG)
for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "arq", "redis", "asyncio", "websockets"):
    logging.getLogger(name).setLevel(logging.DEBUG)
sys.exit(importlib.import_module(sys.argv[1] + ".__main__").main(sys.argv[2:]))
"""


class Api:
    """An API, or a worker, in a process of its own. Whoever makes one stops it."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        redis_url: str,
        command: Sequence[str] = ("gql", "serve"),
        loud: bool = False,
        **settings: str,
    ) -> None:
        """A loud one logs at DEBUG, in Python's development mode, with its fault handler on."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environ |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "STRONGROOM_ROOT_KEYS": ROOT_KEYS}
        environ |= {"STRONGROOM_HOME": str(folder), "STRONGROOM_PORT": str(self.port)}
        environ |= {"STRONGROOM_ADMIN_TOKEN": ADMIN, **settings}
        self._said = folder.parent / f"said-{self.port}"
        how = ["-X", "dev", "-X", "faulthandler", "-c", LOUD] if loud else ["-m"]
        with self._said.open("wb") as output:
            # It ends with whoever runs the tests, however that ends.
            self._process = spawn(
                [sys.executable, *how, *command], folder=ROOT, environ=environ, output=output, last_word=signal.SIGTERM
            )
        self.seen = psutil.Process(self._process.pid)

    @property
    def text(self) -> str:
        """What it has said so far, on both of its outputs."""
        return self._said.read_text(errors="replace")

    def wait_until_alive(self) -> "Api":
        """Wait until it answers."""
        end = time.monotonic() + 60
        while not _is_alive(self.port):
            assert self._process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """End it with SIGTERM; its exit code."""
        self._process.terminate()
        return self._process.wait(60)

    def kill(self) -> None:
        """End it."""
        with suppress(psutil.Error):
            self._process.kill()
        self._process.wait(10)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(60)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)


StartApi = Callable[..., Api]


def start_apis(folder: Path, database_url: str, redis_url: str) -> Iterator[StartApi]:
    """Starts APIs; all are ended with the block."""
    started: list[Api] = []

    def start(**settings: Any) -> Api:
        started.append(Api(folder, settings.pop("DATABASE_URL", database_url), redis_url, **settings))
        return started[-1] if "command" in settings else started[-1].wait_until_alive()

    try:
        yield start
    finally:
        for api in started:
            api.kill()


def _is_alive(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
