"""`make run`: the servers, the migrations, the API and the worker, up and down as one."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from db.embedded import EmbeddedPostgres, EmbeddedValkey, hold
from db.errors import SettingsError
from db.reachability import check_postgres, check_redis
from db.settings import Settings
from db.supervisor import Child, stop_together

ROOT: Final = Path(__file__).resolve().parent.parent
_CONSOLE: Final = ROOT / "client" / "dist" / "index.html"
COMMANDS: Final[Mapping[str, Sequence[str]]] = {"API": ("gql", "serve"), "worker": ("workers",)}
"""The modules that are run, in the order in which they start and are stopped."""

_SHARING: Final = "API"
_TOKEN_FILE: Final = "admin.token"  # noqa: S105 - a file's name
_LAUNCHER_ONLY: Final = frozenset({"STRONGROOM_ADMIN_TOKEN", "STRONGROOM_MIGRATION_DATABASE_URL"})
_TICK: Final = 0.1
_READY_WITHIN: Final = 60.0
_GIVES_UP_AFTER: Final = 4

T = TypeVar("T")


Prepare = Callable[[Settings, str, Callable[[str], None]], Awaitable[None]]
"""Makes the database ready, and tells the admin token if it makes one."""
Load = Callable[[str, Settings], Awaitable[None]]


@dataclass
class Launcher:
    """One run of one home. `prepare` makes the database ready; `load` then fills it, in a demo."""

    settings: Settings
    environ: Mapping[str, str]
    prepare: Prepare
    load: Load | None = None
    commands: Mapping[str, Sequence[str]] = field(default_factory=lambda: COMMANDS)
    root: Path = ROOT

    def __post_init__(self) -> None:
        self._stopping = asyncio.Event()
        self.servers: dict[str, EmbeddedPostgres | EmbeddedValkey] = {}
        """The embedded servers that run, by name."""
        self._children: list[Child] = []

    def stop(self) -> None:
        """Begin to stop everything; `run` returns when that is done."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, then stop everything. SettingsError tells what is in the way."""
        self._loop = asyncio.get_running_loop()
        for number in _stop_signals():
            # A repeated one changes nothing: make adds its own to the terminal's, and every wait is bounded.
            self._loop.add_signal_handler(number, self.stop)
        with ExitStack() as stack:
            with contextlib.suppress(_Stopped):
                await self._run(stack)
            say("stopping")
        say("stopped")

    async def _run(self, stack: ExitStack) -> None:
        home = stack.enter_context(hold(self.settings.home))
        refuse_taken_port(self.settings.host, self.settings.port)
        await self._check_given()
        database_url = self.settings.database_url or self._start_postgres(home, stack)
        redis_url = self.settings.redis_url or self._start_valkey(home, stack)
        if self.settings.admin_token is not None:
            (home / _TOKEN_FILE).unlink(missing_ok=True)  # It holds no longer.
        tell = partial(self._hand_out, home)
        await self._unless_stopped(self.prepare(self.settings, database_url, tell))
        if self.load is not None:
            await self._unless_stopped(self.load(database_url, self.settings))
            say("demo data loaded")
        self._children = self._start_children(home, database_url, redis_url, stack)
        await self._wait_until_ready()
        self._announce()
        await self._tend_until(self._stopping.is_set)

    async def _check_given(self) -> None:
        if self.settings.database_url is not None:
            await self._unless_stopped(check_postgres(self.settings.database_url))
        if self.settings.migration_database_url is not None:
            owner = self.settings.migration_database_url
            await self._unless_stopped(check_postgres(owner, "STRONGROOM_MIGRATION_DATABASE_URL"))
        if self.settings.redis_url is not None:
            await self._unless_stopped(check_redis(self.settings.redis_url))

    def _start_postgres(self, home: Path, stack: ExitStack) -> str:
        server = EmbeddedPostgres(home)
        stack.callback(server.stop)
        server.start()
        self._refuse_if_stopping()
        self.servers["PostgreSQL"] = server
        say(f"PostgreSQL keeps its data in {home / 'postgres'}")
        for folder in server.opened:
            say(f"gave other users search permission (o+x) on {folder}, since PostgreSQL does not run as root")
        return server.database_url

    def _start_valkey(self, home: Path, stack: ExitStack) -> str:
        server = EmbeddedValkey(home)
        stack.callback(server.stop)
        server.start()
        self._refuse_if_stopping()
        self.servers["Valkey"] = server
        return server.redis_url

    def _hand_out(self, home: Path, token: str) -> None:
        path = home / _TOKEN_FILE
        if sys.stdout.isatty():
            say(f"admin token, shown this once: {token}")
            return
        write_private(path, token + "\n")
        say(f"admin token written to {path}")

    def _start_children(self, home: Path, database_url: str, redis_url: str, stack: ExitStack) -> list[Child]:
        environ = {name: value for name, value in self.environ.items() if name not in _LAUNCHER_ONLY}
        environ |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "STRONGROOM_HOME": str(home)}
        groups = [self._make_group(name, environ, home) for name in self.commands]
        for group in reversed(groups):
            stack.callback(stop_together, group)  # Called in the order of the commands: last in, first out.
        children = [child for group in groups for child in group]
        for child in children:
            child.start()
        return children

    def _make_group(self, name: str, environ: Mapping[str, str], home: Path) -> list[Child]:
        """The processes of one command: so many APIs as are set, which share their port, and one of anything else."""
        count = self.settings.api_processes if name == _SHARING else 1
        command = self.commands[name]
        names = [name, *(f"{name} {number}" for number in range(2, count + 1))]
        return [
            Child(
                name,
                [sys.executable, "-m", *command],
                folder=self.root,
                environ=environ,
                note=home / f"{name.lower().replace(' ', '-')}.process",
                say=say,
            )
            for name in names
        ]

    async def _wait_until_ready(self) -> None:
        deadline = self._loop.time() + _READY_WITHIN
        while not await answers_ready(self.settings.host, self.settings.port):
            await self._tend_once()
            self._refuse_if_stopping()
            tired = [child.name for child in self._children if child.failures >= _GIVES_UP_AFTER]
            if tired or self._loop.time() > deadline:
                raise SettingsError(f"the {tired[0] if tired else 'API'} does not start; its own messages are above")

    async def _tend_until(self, done: Callable[[], bool]) -> None:
        while not done():
            await self._tend_once()

    async def _tend_once(self) -> None:
        for name, server in self.servers.items():
            if not server.alive:
                say(f"{name} ended; starting it again")
                server.start()
        for child in self._children:
            child.tend()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), _TICK)

    def _announce(self) -> None:
        place = f"http://{_in_url(self.settings.host)}:{self.settings.port}"
        say(f"ready at {place}/graphql (GraphiQL in a browser; {place}/readyz tells the state)")
        if _CONSOLE.exists():
            say(f"the console is at {place}/console")

    async def _unless_stopped(self, work: Awaitable[T]) -> T:
        """The work's result; the work is cancelled when a signal comes first."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise _Stopped
            return task.result()
        finally:
            stop.cancel()

    def _refuse_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise _Stopped


class _Stopped(Exception):
    """A signal came before everything was up."""


def _stop_signals() -> list[signal.Signals]:
    """SIGHUP too, when the terminal goes away, but not under nohup."""
    heeds_hangup = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if heeds_hangup else [])]


def say(line: str) -> None:
    """One line for the operator. Nobody may be reading any more."""
    with contextlib.suppress(OSError, ValueError):
        print(f"strongroom: {line}", flush=True)


def refuse_taken_port(host: str, port: int) -> None:
    """SettingsError when the API could not listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        fault = f"port {port} of {host} " + ("is in use" if taken else f"cannot be listened on: {error.strerror}")
    else:
        return
    raise SettingsError(f"{fault} (STRONGROOM_HOST, STRONGROOM_PORT)")


async def answers_ready(host: str, port: int) -> bool:
    """Whether the API says that it is ready."""
    nearest = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asking, not listening
    try:
        async with asyncio.timeout(2):
            return await _ask_ready(nearest, port)
    except (OSError, TimeoutError):
        return False


async def _ask_ready(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET /readyz HTTP/1.1\r\nHost: {_in_url(host)}:{port}\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
        return status.split()[1:2] == [b"200"]
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in place of what was there."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
