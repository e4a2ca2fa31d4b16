import importlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
PLANTED = "planted-secret-0123456789abcdefghijklmn"
OURS = ("DATABASE_URL", "REDIS_URL", "STRONGROOM_")
MODULES = {"API": ["-m", "gql", "serve"], "worker": ["-m", "workers"]}


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path; whatever a failed test leaves running in it is killed."""
    folder = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp")) / "home"
    yield folder
    for process in processes_of(folder):
        with suppress(psutil.Error):
            process.kill()
    shutil.rmtree(folder.parent, ignore_errors=True)


class Run:
    """A launcher in a process of its own, with what it says in a file."""

    def __init__(self, home: Path, *, command: list[str] | None = None, extra: dict[str, str] | None = None):
        self.port = find_free_port()
        home.mkdir(parents=True, exist_ok=True)
        self.said = home.parent / f"said-{self.port}"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environ |= {"STRONGROOM_HOME": str(home), "STRONGROOM_PORT": str(self.port), **(extra or {})}
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(
                command or [sys.executable, "-m", "db", "run"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.said.read_text()

    def wait_until_ready(self, seconds: float = 60) -> "Run":
        wait_for(lambda: "ready at" in self.text or self.process.poll() is not None, seconds, self.said)
        assert self.process.poll() is None, self.text
        assert get(self.port, "/readyz") == 200
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(done: Callable[[], bool], seconds: float, about: Path | str = "") -> None:
    deadline = time.monotonic() + seconds
    while not done():
        shown = about.read_text() if isinstance(about, Path) else about
        assert time.monotonic() < deadline, f"not within {seconds} s\n{shown}"
        time.sleep(0.05)


def get(port: int, path: str) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except URLError as error:
        return int(getattr(error, "code", 0))


def ask(port: int, token: str, query: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), headers, method="POST")
    with urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that works in this home or names it in its environment; zombies aside."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            inside = Path(process.cwd()).is_relative_to(home)
            named = process.environ().get("STRONGROOM_HOME") == str(home)
            if (inside or named) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def find_child(home: Path, name: str) -> psutil.Process | None:
    for process in processes_of(home):
        with suppress(psutil.Error):
            if process.cmdline()[1:] == MODULES[name]:
                return process
    return None


def refusal(home: Path, extra: dict[str, str] | None = None) -> str:
    """The one line of a launcher that refuses to start."""
    run = Run(home, extra=extra)
    assert run.process.wait(60) != 0
    lines = run.text.splitlines()
    assert len(lines) == 1, run.text
    assert lines[0].startswith("strongroom: ")
    assert PLANTED not in run.text
    assert "Traceback" not in run.text
    return lines[0]


def test_second_start_reuses_the_data(home: Path):
    """The first start makes keys and an admin token, private to their owner; the second works with both."""
    run = Run(home).wait_until_ready()
    token_file = home / "admin.token"
    token = token_file.read_text().strip()
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "root.keys").stat().st_mode) == 0o600
    keys = (home / "root.keys").read_text()
    mutation = 'mutation { createOrganization(input: {name: "kept"}) { organization { name } } }'
    assert "errors" not in ask(run.port, token, mutation)
    assert token not in run.text
    assert keys.strip().partition(":")[2] not in run.text
    assert run.end() == 0
    token_file.unlink()
    again = Run(home).wait_until_ready()
    assert not token_file.exists()
    assert (home / "root.keys").read_text() == keys
    assert "kept" in json.dumps(ask(again.port, token, "{ organizations { edges { node { name } } } }"))
    assert again.end() == 0


def test_given_admin_token_replaces_the_previous_one(home: Path):
    """STRONGROOM_ADMIN_TOKEN is the admin token from the next start on; the generated one holds no longer."""
    run = Run(home).wait_until_ready()
    generated = (home / "admin.token").read_text().strip()
    run.end()
    again = Run(home, extra={"STRONGROOM_ADMIN_TOKEN": PLANTED}).wait_until_ready()
    listing = "{ organizations { totalCount } }"
    assert "errors" not in ask(again.port, PLANTED, listing)
    with suppress(URLError):
        assert "errors" in ask(again.port, generated, listing)
    assert not (home / "admin.token").exists()
    assert PLANTED not in again.text
    again.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_no_process(home: Path, number: signal.Signals):
    """SIGTERM, Ctrl-C and a closed terminal end everything in order; no process is left."""
    run = Run(home).wait_until_ready()
    assert find_child(home, "API")
    assert find_child(home, "worker")
    assert run.end(number) == 0
    assert processes_of(home) == []
    assert run.text.splitlines()[-1] == "strongroom: stopped"


def test_ctrl_c_reaches_only_the_launcher(home: Path):
    """Ctrl-C goes to the terminal's whole foreground group, and everything still ends in order."""
    run = Run(home).wait_until_ready()
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.process.wait(60) == 0
    assert processes_of(home) == []


def test_sigterm_to_make(home: Path):
    """`make run` hands a SIGTERM on, and no process is left."""
    run = Run(home, command=["make", "run"]).wait_until_ready(300)
    run.end()
    wait_for(lambda: not processes_of(home), 20)
    assert "strongroom: stopped" in run.text


def test_killed_launcher(home: Path):
    """SIGKILL of the launcher is recovered from at the next start, however soon, and the data is there."""
    run = Run(home).wait_until_ready()
    token = (home / "admin.token").read_text().strip()
    before = {process.pid for process in processes_of(home)}
    run.end(signal.SIGKILL)
    again = Run(home).wait_until_ready()
    assert not before & {process.pid for process in processes_of(home)}
    assert "data" in ask(again.port, token, "{ __typename }")
    again.end()
    assert processes_of(home) == []


@pytest.mark.parametrize("name", ["API", "worker"])
def test_dead_process_is_started_again(home: Path, name: str):
    """A killed API or worker has a successor within two seconds."""
    run = Run(home).wait_until_ready()
    dead = find_child(home, name)
    assert dead
    dead.kill()
    wait_for(lambda: (child := find_child(home, name)) is not None and child.pid != dead.pid, 2, run.said)
    wait_for(lambda: get(run.port, "/readyz") == 200, 10, run.said)
    run.end()


def test_two_homes_side_by_side(home: Path):
    """Two homes run at once, each with its own token."""
    other = home.parent / "other"
    first, second = Run(home), Run(other)
    try:
        tokens = [
            (run.wait_until_ready(), (folder / "admin.token").read_text().strip())
            for run, folder in ((first, home), (second, other))
        ]
        for run, token in tokens:
            assert "data" in ask(run.port, token, "{ __typename }")
        assert tokens[0][1] != tokens[1][1]
    finally:
        codes = [first.end(), second.end()]
    assert codes == [0, 0]
    assert processes_of(home) + processes_of(other) == []


def test_home_in_use(home: Path):
    """A second launcher on the same home is refused in one line, and the first goes on."""
    run = Run(home).wait_until_ready()
    assert f"is in use by process {run.process.pid}" in refusal(home)
    assert get(run.port, "/readyz") == 200
    run.end()


def test_port_in_use(home: Path):
    """A port in use is told in one line; nothing is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 is in use" in refusal(home, {"STRONGROOM_PORT": str(port)})
    assert not (home / "postgres").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"postgresql://u:{PLANTED}@127.0.0.1:1/d"),
        ("DATABASE_URL", f"postgresql://u:{PLANTED}@/d?host=/nowhere"),
        ("REDIS_URL", f"redis://:{PLANTED}@127.0.0.1:1"),
    ],
)
def test_unreachable_server(home: Path, name: str, value: str):
    """A given server that does not answer is told in one line without its password."""
    assert name in refusal(home, {name: value})
    assert processes_of(home) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRONGROOM_PORT", f"{PLANTED}"),
        ("STRONGROOM_ADMIN_TOKEN", PLANTED[:12]),
        ("STRONGROOM_ROOT_KEYS", f"k1:{PLANTED}"),
        ("STRONGROOM_LEGACY_FERNET_KEYS", PLANTED),
        ("DATABASE_URL", f"mysql://u:{PLANTED}@h/d"),
        ("REDIS_URL", f"memcached://u:{PLANTED}@h"),
    ],
)
def test_malformed_setting(home: Path, name: str, value: str):
    """A malformed key, token, URL or port is told in one line that names the variable and repeats nothing."""
    assert name in refusal(home, {name: value})


def test_spoilt_keyring(home: Path):
    """A keyring file that is spoilt, or gone while the database holds data keys, stops the start."""
    run = Run(home).wait_until_ready()
    token = (home / "admin.token").read_text().strip()
    secret = 'mutation { setConfig(input: {key: "k", value: "v", type: SECRET}) { config { id } } }'
    ask(run.port, token, secret)
    run.end()
    keys = (home / "root.keys").read_text()
    (home / "root.keys").write_text(f"k1:{PLANTED}\n")
    assert "root.keys" in last_line_of_failed_start(home)
    (home / "root.keys").unlink()
    last_line_of_failed_start(home)
    assert not (home / "root.keys").exists()
    (home / "root.keys").write_text(keys)
    (home / "root.keys").chmod(0o600)
    Run(home).wait_until_ready().end()


def last_line_of_failed_start(home: Path) -> str:
    run = Run(home)
    assert run.process.wait(60) != 0
    assert PLANTED not in run.text
    assert "Traceback" not in run.text
    assert processes_of(home) == []
    return run.text.splitlines()[-1]


def test_only_api_and_worker_inherit_keys(home: Path):
    """Keys and tokens of the environment reach the API and the worker, and no server."""
    extra = {"STRONGROOM_LEGACY_SECRET_KEY": PLANTED, "STRONGROOM_ADMIN_TOKEN": PLANTED[::-1]}
    run = Run(home, extra=extra).wait_until_ready()
    for process in processes_of(home):
        about = process.environ()
        if process.cmdline()[1:] in MODULES.values():
            assert about["STRONGROOM_LEGACY_SECRET_KEY"] == PLANTED
            assert "STRONGROOM_ADMIN_TOKEN" not in about
        elif process.pid != run.process.pid:
            assert not [name for name in about if name.startswith(OURS)]
        assert not [part for part in process.cmdline() if PLANTED in part]
    run.end()


def test_embedded_servers_are_separate_processes_of_their_account(home: Path):
    """Started by root, PostgreSQL runs as another account; otherwise as whoever started it."""
    run = Run(home).wait_until_ready()
    (postmaster,) = [p for p in processes_of(home) if "-D" in p.cmdline() and p.name() == "postgres"]
    assert (postmaster.uids().effective == os.geteuid()) == (os.geteuid() != 0)
    run.end()


@pytest.mark.parametrize("name", ["gql", "db", "workers"])
def test_packages_come_from_this_checkout(name: str):
    """`gql`, `db` and `workers` are this checkout's; no installed distribution provides them."""
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / name
    assert name not in packages_distributions()


def test_locks_name_no_index():
    """The locked requirements are hashed and name no package index."""
    for path in (ROOT / "requirements.txt", ROOT / "requirements-dev.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text
        assert "--index-url" not in text
        assert "--find-links" not in text


def test_graphiql_needs_no_other_host():
    """GraphiQL's page and its start load everything from this service, and nothing runs inline."""
    static = ROOT / "gql" / "static"
    page = (static / "graphiql.html").read_text()
    boot = (static / "graphiql-boot.js").read_text()
    assert "://" not in page
    assert "://" not in boot
    assert "<script>" not in page
    assert "style=" not in page
    for name in ("graphiql.js", "graphiql.css", "graphiql-boot.js", "graphiql-page.css"):
        assert f'"/static/{name}"' in page
        assert (static / name).stat().st_size > 0
    assert (static / "graphiql.licenses.txt").exists()
    assert "url(http" not in (static / "graphiql.css").read_text()
