"""`make run` on a home that is there already: how soon it is ready, and several API processes on one port."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "STRONGROOM_")
PATIENCE = 12.0
"""Seconds to be ready; three is the promise (bench/start.py measures it), on a machine that has nothing else to do."""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start(home: Path, port: int) -> "subprocess.Popen[bytes]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environ |= {"STRONGROOM_HOME": str(home), "STRONGROOM_PORT": str(port), "STRONGROOM_API_PROCESSES": "2"}
    command = [sys.executable, "-m", "db", "run"]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int, patience: float) -> float:
    """How many seconds it took."""
    began = time.monotonic()
    while not answers(port):
        assert process.poll() is None
        assert time.monotonic() - began < patience
        time.sleep(0.05)
    return time.monotonic() - began


def find_apis(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.Error):
            if child.cmdline()[-2:] == ["gql", "serve"]:
                found.append(child)
    return found


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0


def test_a_home_that_is_there_is_soon_ready_and_its_apis_share_the_port(home: Path) -> None:
    """The second start is ready in seconds; with two API processes, one that is killed keeps nobody waiting and has a
    successor; SIGTERM ends both."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    first = start(home, port)
    wait_until_ready(first, port, 60)
    stop(first)
    second = start(home, port)
    wait_until_ready(second, port, PATIENCE)
    apis = find_apis(second)
    assert len(apis) == 2
    end = time.monotonic() + 10
    while not all(listens(api, port) for api in apis):
        assert time.monotonic() < end
        time.sleep(0.05)
    apis[0].kill()
    apis[0].wait(5)
    assert all(answers(port) for _ in range(20))
    end = time.monotonic() + 2
    while len(find_apis(second)) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    stop(second)
    assert not any(api.is_running() for api in apis)
    assert not answers(port)


def listens(process: psutil.Process, port: int) -> bool:
    return any(
        connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        for connection in process.net_connections("inet")
    )
