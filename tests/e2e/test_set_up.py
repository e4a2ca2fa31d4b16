"""`make run` on homes of its own. A start takes seconds of work, so each is looked at from several sides.

lived_in    a home that has been started and ended: keys, a token and data are there. Tests take turns with it
"""

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.e2e.launched import OURS, Run, find_child, get, kill_all, make_home, processes_of
from tests.timing import within

PLANTED = "planted-secret-0123456789abcdefghijklmn"
MODULES = {"API": ("gql", "serve"), "worker": ("workers",)}
LISTING = "{ organizations { edges { node { name } } } }"
KEEP = """mutation {
  createOrganization(input: {name: "kept"}) { organization { name } }
  setConfig(input: {key: "k", value: "v", type: SECRET}) { config { id } }
}"""


@dataclass
class Home:
    """A home, and what its first start made."""

    path: Path
    token: str
    keys: str


@pytest.fixture(scope="module")
def made() -> Iterator[Home]:
    """The first start makes keys and an admin token, private to their owner, and says neither."""
    with make_home() as home:
        run = Run(home).wait_until_ready()
        keys = (home / "root.keys").read_text()
        for name in ("admin.token", "root.keys"):
            assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
        assert run.token not in run.text
        assert keys.strip().partition(":")[2] not in run.text
        run.run(KEEP)
        token = run.token
        assert run.end() == 0
        yield Home(home, token, keys)


@pytest.fixture
def lived_in(made: Home) -> Iterator[Home]:
    """That home, in which nothing runs; what a failed test leaves running is killed."""
    yield made
    kill_all(made.path)


def revive(run: Run, name: str) -> None:
    """A killed API or worker has a successor within two seconds, and the service is ready again."""
    dead = find_child(run.home, *MODULES[name])
    assert dead
    with within(2):
        dead.kill()
        run.wait_for(lambda: (child := find_child(run.home, *MODULES[name])) is not None and child.pid != dead.pid)
    run.wait_for(lambda: get(run.port, "/readyz") == 200)


def test_second_start(lived_in: Home) -> None:
    """The second start works with the first one's data and keys and makes no token; a killed API or worker has a
    successor within two seconds; SIGTERM ends everything in order, and no process is left."""
    (lived_in.path / "admin.token").unlink(missing_ok=True)
    run = Run(lived_in.path).wait_until_ready()
    assert not (lived_in.path / "admin.token").exists()
    assert (lived_in.path / "root.keys").read_text() == lived_in.keys
    assert "kept" in json.dumps(run.ask(lived_in.token, LISTING))
    for name in MODULES:
        revive(run, name)
    assert run.end(signal.SIGTERM) == 0
    assert processes_of(lived_in.path) == []
    assert run.text.splitlines()[-1] == "strongroom: stopped"


def test_several_apis_share_a_port(lived_in: Home) -> None:
    """A home that is there is ready in seconds; of two API processes one that is killed keeps nobody waiting and has a
    successor; Ctrl-C ends both."""
    with within(12):  # Three are the promise, which bench/start.py measures without the coverage of tests.
        run = Run(lived_in.path, {"STRONGROOM_API_PROCESSES": "2"}).wait_until_ready()
    apis = find_apis(run)
    assert len(apis) == 2
    run.wait_for(lambda: all(listens(api, run.port) for api in apis))
    apis[0].kill()
    apis[0].wait(30)
    assert all(get(run.port, "/readyz") == 200 for _ in range(20))
    with within(2):
        run.wait_for(lambda: len(find_apis(run)) == 2)
    assert run.end(signal.SIGINT) == 0
    assert processes_of(lived_in.path) == []
    assert get(run.port, "/readyz") == 0


def find_apis(run: Run) -> list[psutil.Process]:
    return [child for child in psutil.Process(run.process.pid).children() if child.cmdline()[-2:] == ["gql", "serve"]]


def listens(process: psutil.Process, port: int) -> bool:
    return any(
        connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        for connection in process.net_connections("inet")
    )


def test_killed_launcher(lived_in: Home) -> None:
    """SIGKILL of the launcher is recovered from at the next start, however soon, and the data is there. Its given
    admin token replaces the previous one; keys of the environment reach the API and the worker, and no server. Ctrl-C
    goes to a terminal's whole foreground group, and everything still ends in order."""
    run = Run(lived_in.path).wait_until_ready()
    before = {process.pid for process in processes_of(lived_in.path)}
    run.end(signal.SIGKILL)
    (lived_in.path / "admin.token").write_text("the generated one, which holds no longer")
    given = PLANTED[::-1]
    settings = {"STRONGROOM_LEGACY_SECRET_KEY": PLANTED, "STRONGROOM_ADMIN_TOKEN": given}
    again = Run(lived_in.path, settings).wait_until_ready()
    assert not before & {process.pid for process in processes_of(lived_in.path)}
    assert not (lived_in.path / "admin.token").exists()
    assert "kept" in json.dumps(again.ask(given, LISTING))
    assert again.ask(lived_in.token, LISTING)["errors"]
    lived_in.token = given
    check_environments(again)
    os.killpg(again.process.pid, signal.SIGINT)
    assert again.process.wait(60) == 0
    assert processes_of(lived_in.path) == []
    assert PLANTED not in again.text
    assert given not in again.text


def check_environments(run: Run) -> None:
    """Only API and worker inherit keys, nobody the admin token; PostgreSQL that root started has another account."""
    processes = processes_of(run.home)
    for process in processes:
        about = process.environ()
        if tuple(process.cmdline()[2:]) in MODULES.values():
            assert about["STRONGROOM_LEGACY_SECRET_KEY"] == PLANTED
            assert "STRONGROOM_ADMIN_TOKEN" not in about
        elif process.pid != run.process.pid:
            assert not [name for name in about if name.startswith(OURS)]
        assert not [part for part in process.cmdline() if PLANTED in part or PLANTED[::-1] in part]
    (postmaster,) = [p for p in processes if p.name() == "postgres" and "-D" in p.cmdline()]
    assert (postmaster.uids().effective == os.geteuid()) == (os.geteuid() != 0)


def test_two_homes_side_by_side(lived_in: Home) -> None:
    """Two homes run at once, each with its own token. A second launcher on one of them is refused in one line, and the
    first goes on. A closed terminal ends a home in order, and not the other."""
    with make_home() as fresh:
        # Whoever runs the tests may have hidden hangups from their children, as nohup does.
        inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        first, second = Run(lived_in.path), Run(fresh)
        signal.signal(signal.SIGHUP, inherited)
        first.wait_until_ready()
        second.wait_until_ready()
        assert "kept" in json.dumps(first.ask(lived_in.token, LISTING))
        assert "kept" not in json.dumps(second.run(LISTING))
        assert second.ask(lived_in.token, LISTING)["errors"]
        assert f"is in use by process {first.process.pid}" in refusal(lived_in.path)
        assert second.end(signal.SIGHUP) == 0
        assert processes_of(fresh) == []
        assert get(first.port, "/readyz") == 200
        assert first.end() == 0
        assert processes_of(lived_in.path) == []


def test_spoilt_keyring(lived_in: Home) -> None:
    """A keyring file that is spoilt, or gone while the database holds data keys, stops the start; with the keys in
    their place again `make run` starts, and hands a SIGTERM on."""
    file = lived_in.path / "root.keys"
    try:
        file.write_text(f"k1:{PLANTED}\n")
        assert "root.keys" in last_line_of_failed_start(lived_in.path)
        file.unlink()
        last_line_of_failed_start(lived_in.path)
        assert not file.exists()
    finally:
        file.write_text(lived_in.keys)
        file.chmod(0o600)
    run = Run(lived_in.path, command=["make", "run"]).wait_until_ready(300)
    assert "kept" in json.dumps(run.ask(lived_in.token, LISTING))
    run.end()
    run.wait_for(lambda: not processes_of(lived_in.path))
    assert "strongroom: stopped" in run.text


def last_line_of_failed_start(home: Path) -> str:
    run = Run(home)
    assert run.process.wait(60) != 0
    assert PLANTED not in run.text
    assert "Traceback" not in run.text
    assert processes_of(home) == []
    return run.text.splitlines()[-1]


def refusal(home: Path, settings: dict[str, str] | None = None) -> str:
    """The one line of a launcher that refuses to start."""
    run = Run(home, settings or {})
    assert run.process.wait(60) != 0
    lines = run.text.splitlines()
    assert len(lines) == 1, run.text
    assert lines[0].startswith("strongroom: ")
    assert PLANTED not in run.text
    return lines[0]


def test_port_in_use() -> None:
    """A port in use is told in one line; nothing is started."""
    with make_home() as home, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 is in use" in refusal(home, {"STRONGROOM_PORT": str(port)})
        assert not (home / "postgres").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", f"postgresql://u:{PLANTED}@127.0.0.1:1/d"), ("STRONGROOM_ROOT_KEYS", f"k1:{PLANTED}")],
)
def test_a_setting_in_the_way(name: str, value: str) -> None:
    """A given server that does not answer, or a malformed setting, is told in one line that repeats nothing of it.
    tests/db/test_launcher.py and test_settings.py have every other one, without a process for each."""
    with make_home() as home:
        assert name in refusal(home, {name: value})
        assert processes_of(home) == []
