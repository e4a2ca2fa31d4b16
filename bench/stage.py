"""What a bench stands on: a PostgreSQL and a Valkey of its own, and the processes that it measures."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil
import uvloop

from db.embedded import EmbeddedServers

ROOT: Final = Path(__file__).resolve().parent.parent
_STARTS_WITHIN: Final = 30.0

T = TypeVar("T")


class BenchError(Exception):
    """The measurement is worth nothing."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server process that is measured."""

    port: int
    process: psutil.Process

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has used so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def resident(self) -> int:
        """Bytes of memory that it holds."""
        return int(self.process.memory_info().rss)


@dataclass(frozen=True, slots=True)
class Stage:
    """Servers for as long as the block lasts, and what runs on them."""

    home: Path
    servers: EmbeddedServers
    stack: ExitStack
    root_keys: str = field(default_factory=lambda: f"bench:{base64.b64encode(os.urandom(32)).decode()}", repr=False)

    @property
    def database_url(self) -> str:
        """The database."""
        return self.servers.database_url

    @property
    def database_cpu_seconds(self) -> float:
        """The processor time that PostgreSQL's processes have used so far; of those that have ended, none."""
        spent = 0.0
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.name() == "postgres":
                    times = process.cpu_times()
                    spent += times.user + times.system
        return spent

    @property
    def environ(self) -> dict[str, str]:
        """What the measured processes are told."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        environ |= {"DATABASE_URL": self.database_url, "REDIS_URL": self.servers.redis_url}
        return environ | {"STRONGROOM_ROOT_KEYS": self.root_keys, "STRONGROOM_HOME": str(self.home)}

    def serve(self, port: int | None = None) -> Running:
        """One API process, ready, on a free port unless told otherwise."""
        port = port or find_free_port()
        process = self.spawn(["gql", "serve"], {"STRONGROOM_PORT": str(port)})
        return self.wait(process, port, "/readyz")

    def spawn(self, command: Sequence[str], environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A module of this checkout as a process, ended with the stage."""
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**self.environ, **(environ or {})},
            stderr=subprocess.DEVNULL,
        )
        self.stack.callback(end, process)
        return process

    def wait(self, process: subprocess.Popen[bytes], port: int, path: str) -> Running:
        """The process, once it answers on this path."""
        deadline = time.monotonic() + _STARTS_WITHIN
        while not answers(port, path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError("a server does not start")
            time.sleep(0.05)
        return Running(port, psutil.Process(process.pid))


@contextmanager
def stage(*, options: Mapping[str, str] | None = None) -> Generator[Stage]:
    """A stage on servers as `make run` has them; `options` are PostgreSQL's."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sr-", dir="/tmp")))
        home.chmod(0o711)  # PostgreSQL does not run as root.
        servers = stack.enter_context(EmbeddedServers(home, options=dict(options or {})))
        yield Stage(home, servers, stack)


def end(process: subprocess.Popen[Any]) -> None:
    """Stop a process and wait for its end."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(port: int, path: str) -> bool:
    """Whether a server answers there with 200."""
    try:
        with contextlib.closing(urlopen(f"http://127.0.0.1:{port}{path}", timeout=2)) as answer:
            return answer.status == 200
    except HTTPError as error:
        error.close()
        return False
    except (URLError, OSError):
        return False


def run_load(order: Mapping[str, Any]) -> dict[str, Any]:
    """Have the load generator (bench.load), a process of its own, carry out an order. BenchError on a wrong answer."""
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(order), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(done.stderr.strip())
    return json.loads(done.stdout)


def find_free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def complete(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on the loop that the service runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
