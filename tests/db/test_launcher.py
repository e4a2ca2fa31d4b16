import asyncio
import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest

from db.embedded import EmbeddedServers
from db.errors import SettingsError
from db.launcher import Launcher, answers_ready, refuse_taken_port
from db.reachability import check_postgres, check_redis, refuse_old_postgres, refuse_old_redis
from db.settings import Settings
from db.supervisor import Child
from tests.timing import allowed, within

pytestmark = pytest.mark.usefixtures("unmeasured")

PLANTED = "planted-secret-0123456789abcdefghijklmn"
API = """
import http.server, os
assert "STRONGROOM_ADMIN_TOKEN" not in os.environ
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *parts): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["STRONGROOM_PORT"])), Ready).serve_forever()
"""
SHARING = API.replace(
    "http.server.HTTPServer((", "http.server.HTTPServer.allow_reuse_port = True\nhttp.server.HTTPServer(("
)
WORKER = "import time\ntime.sleep(600)\n"
FOLDERS = {"PostgreSQL": "postgres", "Valkey": "valkey"}
FAILING = "raise SystemExit(3)\n"


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def prepare(settings: Settings, database_url: str, tell: Callable[[str], None]) -> None:
    tell("made-just-now")


def make_launcher(home: Path, port: int, *, api: str = API, environ: Mapping[str, str] | None = None) -> Launcher:
    (home / "stub_api.py").write_text(api)
    (home / "stub_worker.py").write_text(WORKER)
    given = {"STRONGROOM_HOME": str(home / "h"), "STRONGROOM_PORT": str(port), **(environ or {})}
    commands = {"API": ("stub_api",), "worker": ("stub_worker",)}
    everything = {**os.environ, **given}
    return Launcher(Settings.from_env(given), everything, prepare, commands=commands, root=home)


@asynccontextmanager
async def running(launcher: Launcher) -> AsyncGenerator["asyncio.Task[None]", None]:
    task = asyncio.create_task(launcher.run())
    try:
        yield task
    finally:
        launcher.stop()
        with suppress(SettingsError):
            await task


async def until_ready(launcher: Launcher, task: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(60):
        while not await answers_ready("127.0.0.1", launcher.settings.port):
            assert not task.done(), task.exception()
            await asyncio.sleep(0.05)


def find_by_argument(argument: str, home: Path) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if argument in process.cmdline() and Path(process.cwd()) == home:
                found.append(process)
    return found


def kill_server(folder: Path) -> None:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder):
                process.kill()


async def test_up_and_down(home: Path, free_port: int, capsys: pytest.CaptureFixture[str]):
    """Everything starts, says where it is, hands out a new token privately, and stops without a trace."""
    launcher = make_launcher(home, free_port, environ={"STRONGROOM_ADMIN_TOKEN": PLANTED})
    async with running(launcher) as task:
        await until_ready(launcher, task)
        async with asyncio.timeout(60):
            while "ready at" not in capsys.readouterr().out:
                await asyncio.sleep(0.05)
        token = home / "h" / "admin.token"
        assert token.read_text() == "made-just-now\n"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert not find_by_argument("stub_api", home)
    assert not find_by_argument("stub_worker", home)
    assert "made-just-now" not in capsys.readouterr().out


async def test_dead_processes_are_started_again(home: Path, free_port: int):
    """A killed API, worker, PostgreSQL or Valkey is there again within two seconds."""
    launcher = make_launcher(home, free_port)
    async with running(launcher) as task:
        await until_ready(launcher, task)
        for name in ("stub_api", "stub_worker"):
            (process,) = find_by_argument(name, home)
            process.kill()
            with within(2):
                async with asyncio.timeout(60):
                    while not [p for p in find_by_argument(name, home) if p.pid != process.pid]:
                        await asyncio.sleep(0.05)
        for name, server in launcher.servers.items():
            assert server.alive
            await asyncio.to_thread(kill_server, home / "h" / FOLDERS[name])
            with within(2):
                async with asyncio.timeout(60):
                    while not server.alive:
                        await asyncio.sleep(0.05)


async def test_several_apis_share_a_port(home: Path, free_port: int):
    """As many APIs run as are set; while one is killed the others answer, and it is there again within two seconds."""
    given = {"STRONGROOM_API_PROCESSES": "3"}
    launcher = make_launcher(home, free_port, api=SHARING, environ=given)
    async with running(launcher) as task:
        await until_ready(launcher, task)
        first, *others = find_by_argument("stub_api", home)
        assert len(others) == 2
        first.kill()
        with within(2):
            async with asyncio.timeout(60):
                while len(find_by_argument("stub_api", home)) < 3 or first in find_by_argument("stub_api", home):
                    assert all(other.is_running() for other in others)
                    await asyncio.sleep(0.05)
        assert len(find_by_argument("stub_worker", home)) == 1
    assert not find_by_argument("stub_api", home)


async def test_api_that_never_starts(home: Path, free_port: int):
    """An API that fails again and again at the start ends the start in one line, not going on for ever."""
    launcher = make_launcher(home, free_port, api=FAILING)
    with pytest.raises(SettingsError, match="the API does not start"):
        await launcher.run()
    assert not find_by_argument("stub_worker", home)


async def test_stopped_while_preparing(home: Path, free_port: int):
    """A signal in the middle of a start stops the start; nothing stays behind."""
    launcher = make_launcher(home, free_port)
    begun = asyncio.Event()

    async def hang(settings: Settings, database_url: str, tell: Callable[[str], None]) -> None:
        begun.set()
        await asyncio.sleep(600)

    launcher.prepare = hang
    async with running(launcher) as task:
        await begun.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(60):
            await task


async def test_demo_is_loaded_before_anything_serves(home: Path, free_port: int):
    """Demo data is loaded after the preparation and before the API starts."""
    launcher = make_launcher(home, free_port)
    loaded: list[bool] = []

    async def load(database_url: str, settings: Settings) -> bool:
        loaded.append(await answers_ready("127.0.0.1", settings.port))
        return True

    launcher.load = load
    async with running(launcher) as task:
        await until_ready(launcher, task)
    assert loaded == [False]


async def test_given_servers(home: Path, free_port: int):
    """Servers that are given are used, and none are started beside them."""
    with EmbeddedServers(home / "elsewhere", durable=False) as servers:
        given = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
        launcher = make_launcher(home, free_port, environ=given)
        async with running(launcher) as task:
            await until_ready(launcher, task)
            assert launcher.servers == {}
        assert not (home / "h" / "postgres").exists()
        assert servers.postgres.alive
        assert servers.valkey.alive


def test_taken_port():
    """A port that somebody listens on, or a host that is not ours, is refused in one line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(SettingsError, match=rf"port {port} of 127\.0\.0\.1 is in use"):
            refuse_taken_port("127.0.0.1", port)
    with pytest.raises(SettingsError, match="cannot be listened on"):
        refuse_taken_port("192.0.2.1", port)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"postgresql://u:{PLANTED}@127.0.0.1:1/d", r"PostgreSQL does not answer: .* \(DATABASE_URL\)"),
        (f"postgresql://u:{PLANTED}@/d?host=/nowhere", r"PostgreSQL does not answer: .* \(DATABASE_URL\)"),
        (f"postgresql://u:{PLANTED}@127.0.0.1:1/d?sslmode=nonsense", "DATABASE_URL is not understood"),
    ],
)
async def test_unreachable_postgres(url: str, told: str):
    """A PostgreSQL that does not answer is told in one line without the password."""
    with pytest.raises(SettingsError, match=told) as refusal:
        await check_postgres(url)
    assert PLANTED not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("url", [f"redis://:{PLANTED}@127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
async def test_unreachable_redis(url: str):
    """A Redis that does not answer is told in one line without the password."""
    with pytest.raises(SettingsError, match=r"Redis does not answer: .* \(REDIS_URL\)") as refusal:
        await check_redis(url)
    assert PLANTED not in str(refusal.value)
    assert "\n" not in str(refusal.value)


async def test_refused_log_in(home: Path):
    """A server that refuses the log-in is quoted in one line; one that grants it passes."""
    with EmbeddedServers(home, durable=False) as servers:
        with pytest.raises(SettingsError, match='PostgreSQL does not let us in: database "absent" does not exist'):
            await check_postgres(servers.database_url.replace("/strongroom?", "/absent?"))
        with pytest.raises(SettingsError, match="Redis does not let us in: ") as refusal:
            await check_redis(servers.redis_url.replace("unix://", f"unix://someone:{PLANTED}@"))
        assert PLANTED not in str(refusal.value)
        await check_postgres(servers.database_url)
        await check_redis(servers.redis_url)


def test_old_servers():
    """PostgreSQL before 15 and Redis before 6 are refused in one line."""
    refuse_old_postgres(15)
    refuse_old_redis("6.0.20")
    with pytest.raises(SettingsError, match="PostgreSQL 14 is too old: 15 or newer is needed"):
        refuse_old_postgres(14)
    with pytest.raises(SettingsError, match=r"Redis 5\.0\.14 is too old: 6 or newer is needed"):
        refuse_old_redis("5.0.14")


def test_leftover_child_is_ended(home: Path):
    """A process that a killed launcher left is ended before its successor starts; a stranger is not."""
    command = [sys.executable, "-c", WORKER]
    said: list[str] = []

    def make_child() -> Child:
        return Child("worker", command, folder=home, environ=os.environ, note=home / "note", say=said.append)

    left = make_child()
    left.start()
    first = psutil.Process(int((home / "note").read_text().partition('"pid": ')[2].partition(",")[0]))
    again = make_child()
    again.start()
    assert not first.is_running()
    left.tend()
    assert len(said) == 1
    (home / "note").write_text(f'{{"pid": {os.getpid()}, "created": 1}}')
    stranger_safe = make_child()
    stranger_safe.start()
    for child in (left, again, stranger_safe):
        child.stop()


def test_restart_pauses_stay_below_two_seconds(home: Path):
    """However often a process fails, its successor is started within two seconds."""
    command = [sys.executable, "-S", "-c", FAILING]
    child = Child("worker", command, folder=home, environ={}, note=home / "note", say=lambda line: None)
    child.start()
    pauses: list[float] = []
    while child.failures < 6:
        failures, since = child.failures, time.monotonic()
        while child.failures == failures:
            child.tend()
            time.sleep(0.02)
        pauses.append(time.monotonic() - since)
    child.stop()
    assert max(pauses) < allowed(2)
