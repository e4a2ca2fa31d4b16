import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from db.embedded import EmbeddedPostgres, EmbeddedServers, EmbeddedValkey, binary, hold
from db.embedded.account import Account, find_account, let_in, let_read
from db.errors import SettingsError
from db.settings import asyncpg_dsn, sqlalchemy_url
from tests.processes import started

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: the path of a socket has to be short.
    folder = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp"))
    yield folder
    for process in servers_of(folder):
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


async def run_sql(url: str, *statements: str) -> object:
    connection = await asyncpg.connect(asyncpg_dsn(url))
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


async def ping(url: str) -> bool:
    client = redis.asyncio.from_url(url)
    try:
        return bool(await client.ping())
    finally:
        await client.aclose()


def servers_of(home: Path) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_gone(home: Path, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while servers_of(home) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not servers_of(home)


async def test_start_and_reuse(home: Path):
    """Both servers start on a new home and stop without a trace; the next start finds the data again."""
    with EmbeddedServers(home, durable=False) as servers:
        await run_sql(servers.database_url, "CREATE TABLE kept AS SELECT 7 AS value")
        assert await ping(servers.redis_url)
        assert servers_of(home)
    assert not servers_of(home)
    with EmbeddedServers(home, durable=False) as servers:
        assert await run_sql(servers.database_url, "SELECT value FROM kept") == 7


async def test_nothing_listens_on_tcp(home: Path):
    """Neither server listens on any port; their sockets are for their owner alone."""
    with EmbeddedServers(home, durable=False) as servers:
        for process in servers_of(home):
            assert [c for c in process.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN] == []
        sockets = [path for path in home.glob("*/run/*") if path.is_socket()]
        assert len(sockets) == 2
        for path in sockets:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert await run_sql(servers.database_url, "SHOW listen_addresses") == ""


async def test_secrets_are_not_inherited(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The servers' environment has no setting of ours."""
    monkeypatch.setenv("STRONGROOM_ROOT_KEYS", "planted")
    with EmbeddedServers(home, durable=False):
        processes = servers_of(home)
        assert processes
        for process in processes:
            assert not [name for name in process.environ() if name.startswith("STRONGROOM")]


async def test_log_keeps_no_values(home: Path):
    """A failing statement leaves neither its text nor the rows it would have written in PostgreSQL's log."""
    with EmbeddedPostgres(home, durable=False) as server:
        with pytest.raises(asyncpg.CheckViolationError):
            await run_sql(
                server.database_url,
                "CREATE TABLE narrow (value text CHECK (length(value) < 3))",
                "INSERT INTO narrow VALUES ('planted-secret')",
            )
        with pytest.raises(asyncpg.DataError):
            await run_sql(server.database_url, "SELECT 'planted-secret'::int")
        assert "planted" not in server.log.read_text()


async def test_two_homes_at_once(home: Path):
    """Two homes are two installations."""
    with (
        EmbeddedServers(home / "a", durable=False) as first,
        EmbeddedServers(home / "b", durable=False) as second,
    ):
        await run_sql(first.database_url, "CREATE TABLE mine ()")
        assert await run_sql(second.database_url, "SELECT to_regclass('mine')::text") is None
        assert await ping(first.redis_url)
        assert await ping(second.redis_url)


def test_a_home_is_held_once(home: Path):
    """A second holder of a home is refused in one line that names the first."""
    with hold(home), pytest.raises(SettingsError, match=f"in use by process {os.getpid()}"), hold(home):
        pass


@pytest.mark.parametrize("name", ["x" * 120, "with space, 'quote' %20 ?#é"])
async def test_awkward_home(home: Path, name: str):
    """A home whose path is too long for a socket, or not plain, works; its short folder goes in the end."""
    with EmbeddedServers(home / name, durable=False) as servers:
        assert await run_sql(servers.database_url, "SELECT 1") == 1
        assert await ping(servers.redis_url)
        engine = create_async_engine(sqlalchemy_url(servers.database_url))
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar() == 1
        await engine.dispose()
        short = Path(servers.database_url.partition("host=")[2])
        assert short.parent == Path("/tmp")
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
    assert not short.exists()


async def test_short_folder_is_remembered(home: Path):
    """After a kill, the next start takes the short folder that the last one made, unless it is open."""
    deep = home / ("x" * 120)
    first = EmbeddedValkey(deep).start()
    kill_all(home)
    second = EmbeddedValkey(deep).start()
    assert second.redis_url == first.redis_url
    kill_all(home)
    Path(second.redis_url.removeprefix("unix://")).parent.chmod(0o777)
    third = EmbeddedValkey(deep).start()
    assert third.redis_url != first.redis_url
    for server in (third, second, first):
        server.stop()
    shutil.rmtree(Path(first.redis_url.removeprefix("unix://")).parent)


STARTER = """
import sys, time
from pathlib import Path
from db.embedded import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]), durable=False).__enter__()
print(servers.database_url, flush=True)
time.sleep(600)
"""


async def test_killed_starter(home: Path):
    """When the process that started them is killed, the servers end by themselves, and the data is whole."""
    with started([sys.executable, "-c", STARTER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        url = await asyncio.to_thread(starter.stdout.readline)
        await run_sql(url.strip(), "CREATE TABLE kept ()")
        starter.kill()
    if sys.platform == "linux":
        assert wait_until_gone(home)
    with EmbeddedServers(home, durable=False) as servers:
        assert await run_sql(servers.database_url, "SELECT to_regclass('kept')::text") == "kept"


async def test_leftovers_are_ended(home: Path):
    """Servers that still run from an earlier start are ended by the next one, which takes over the data."""
    orphans = EmbeddedPostgres(home, durable=False).start(), EmbeddedValkey(home).start()
    await run_sql(orphans[0].database_url, "CREATE TABLE kept ()")
    before = {process.pid for process in servers_of(home)}
    with EmbeddedServers(home, durable=False) as servers:
        assert await run_sql(servers.database_url, "SELECT to_regclass('kept')::text") == "kept"
        assert await ping(servers.redis_url)
        assert not before & {process.pid for process in servers_of(home)}
    assert not any(orphan.alive for orphan in orphans)


async def test_orphaned_backends_are_ended(home: Path):
    """A postmaster killed alone leaves processes behind that block its data; the next start ends them."""
    server = EmbeddedPostgres(home, durable=False).start()
    postmaster = psutil.Process(int((home / "postgres/data/postmaster.pid").read_text().split()[0]))
    for process in postmaster.children():
        process.suspend()
    postmaster.kill()
    server.stop()
    with EmbeddedPostgres(home, durable=False) as again:
        assert await run_sql(again.database_url, "SELECT 1") == 1


async def test_stale_pid_files(home: Path):
    """Lock files that name a process which is somebody else's by now do not keep PostgreSQL from starting."""
    killed = EmbeddedPostgres(home, durable=False).start()
    lines = (home / "postgres/data/postmaster.pid").read_text()
    kill_all(home)
    killed.stop()
    stranger = f"{os.getpid()}\n" + lines.partition("\n")[2]
    (home / "postgres/data/postmaster.pid").write_text(stranger)
    (home / "postgres/run/.s.PGSQL.5432.lock").write_text(stranger)
    with EmbeddedPostgres(home, durable=False) as server:
        assert await run_sql(server.database_url, "SELECT 1") == 1


async def test_killed_while_making_the_data(home: Path):
    """Half-made data is made anew, never used."""
    (home / "postgres" / "data.new" / "base").mkdir(parents=True)
    (home / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home, durable=False) as server:
        assert await run_sql(server.database_url, "SELECT 1") == 1


def test_data_of_another_version(home: Path):
    """Data that another major version made is refused in one line."""
    with EmbeddedPostgres(home, durable=False):
        pass
    (home / "postgres/data/PG_VERSION").write_text("12\n")
    with pytest.raises(SettingsError, match="made by PostgreSQL 12; the embedded one is 18"):
        EmbeddedPostgres(home, durable=False).start()


def test_server_that_does_not_start(home: Path):
    """What keeps PostgreSQL from starting is told in one line, in its own words."""
    with pytest.raises(SettingsError, match=r"does not start: .*no_such_option"):
        EmbeddedPostgres(home, durable=False, options={"no_such_option": "1"}).start()
    assert not servers_of(home)


def test_home_that_cannot_be_made(home: Path):
    """A home below a file is refused in one line."""
    (home / "file").write_text("")
    with (
        pytest.raises(SettingsError, match=r"STRONGROOM_HOME: .* cannot be used"),
        hold(home / "file" / "home"),
    ):
        pass


def test_letting_an_account_in(home: Path):
    """Only what is closed is opened, as far as needed: search for folders, reading for an installation."""
    data = home / "closed" / "data"
    data.mkdir(parents=True)
    (home / "closed").chmod(0o700)
    home.chmod(0o711)
    stranger = Account(uid=54321, gid=54321)
    assert let_in(stranger, data) == [home / "closed"]
    assert stat.S_IMODE((home / "closed").stat().st_mode) == 0o701
    assert let_in(stranger, data) == []
    (data / "program").write_text("")
    (data / "program").chmod(0o700)
    data.chmod(0o700)
    let_read(data)
    assert stat.S_IMODE(data.stat().st_mode) == 0o705
    assert stat.S_IMODE((data / "program").stat().st_mode) == 0o705


def test_no_account_for_postgres(monkeypatch: pytest.MonkeyPatch, home: Path):
    """Where root can make no account for PostgreSQL, that is told in one line; others need none."""
    monkeypatch.setattr("db.embedded.account.NAME", "strongroom-absent")
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(SettingsError, match='the system user "strongroom-absent" for it cannot be made'):
        find_account(home / "absent")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert find_account(home / "absent") is None


def test_programs_of_the_package():
    """The package carries the programs that tests and operators use."""
    for name in ("postgres", "initdb", "pg_dump", "psql"):
        assert os.access(binary(name), os.X_OK)


def kill_all(home: Path) -> None:
    for process in servers_of(home):
        process.send_signal(signal.SIGKILL)
    assert wait_until_gone(home)
