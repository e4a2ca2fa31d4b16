"""Keeping the API and the worker alive: each is started again, within two seconds, whenever it ends."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from db.embedded.processes import end, end_all, kill_group, spawn

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 1.2
_SETTLED_AFTER: Final = 10.0
"""A process that lived this many seconds was no failed start."""

_PATIENCE: Final = 10.0
_CLOCK_DRIFT: Final = 2.0

Say = Callable[[str], None]


class Child:
    """A process of this software, and its successors."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environ: Mapping[str, str],
        note: Path,
        say: Say,
    ) -> None:
        """`note` is the file that tells the next launcher which process this was."""
        self.name = name
        self.failures = 0
        """Ends so far of processes that had not settled."""
        self._command = command
        self._folder = folder
        self._environ = environ
        self._note = note
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._due_at = 0.0

    def start(self) -> None:
        """Start the process, after ending the one that a killed launcher may have left."""
        _end_noted(self._note, self._command)
        self._spawn()

    def tend(self) -> None:
        """Start the process again if it has ended and its pause is over. To be called all the time."""
        if self._process is not None and self._process.poll() is not None:
            self._mourn(self._process)
        if self._process is None and time.monotonic() >= self._due_at:
            self._spawn()

    def ask_to_stop(self) -> None:
        """Ask the process to end, and do not wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask the process to end, wait, and kill it if it does not."""
        if self._process is not None:
            end(self._process, [(signal.SIGTERM, _PATIENCE)])
            self._process = None
        self._note.unlink(missing_ok=True)

    def _spawn(self) -> None:
        # Killed, not asked, when the launcher is killed: its servers go at the same moment, and a worker that
        # waits for them would outlive it.
        self._process = spawn(self._command, folder=self._folder, environ=self._environ, last_word=signal.SIGKILL)
        self._started_at = time.monotonic()
        _write_note(self._note, self._process.pid)

    def _mourn(self, process: subprocess.Popen[bytes]) -> None:
        kill_group(process.pid)
        settled = time.monotonic() - self._started_at > _SETTLED_AFTER
        self.failures = 0 if settled else self.failures + 1
        delay = min(_FIRST_DELAY * 2 ** max(self.failures - 1, 0), _LONGEST_DELAY)
        self._due_at = time.monotonic() + delay
        self._process = None
        self._say(f"the {self.name} ended ({_describe(process.returncode)}); starting it again")


def stop_together(children: Iterable[Child]) -> None:
    """Stop processes that share a port at once: each may have requests to finish."""
    children = list(children)
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _write_note(note: Path, pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        about = {"pid": pid, "created": psutil.Process(pid).create_time()}
        note.write_text(json.dumps(about), encoding="utf-8")


def _end_noted(note: Path, command: Sequence[str]) -> None:
    """End the process of the note, if it is still the same one: a number alone may be anybody's by now."""
    try:
        about: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        process = psutil.Process(about["pid"])
        drift = abs(process.create_time() - about["created"])
        same = drift < _CLOCK_DRIFT and process.cmdline()[1:] == list(command[1:])
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return
    if same:
        end_all([process], signal.SIGTERM, _PATIENCE)
