"""Starting, ending and finding server processes that belong to one folder."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import psutil

from db.embedded.account import Account

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def spawn(
    command: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    last_word: signal.Signals,
    output: IO[Any] | None = None,
    account: Account | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, which gets the signal `last_word` when its parent dies.

    Its own session, because Ctrl-C in a terminal goes to the whole foreground group, and the parent is the
    one to say in which order things end. On Linux the signal is sent when the *thread* that called this
    ends, so call it from one that stays.
    """
    user, group = (account.uid, account.gid) if account else (None, None)
    return subprocess.Popen(  # noqa: S603 - our own commands, no shell
        command,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
        user=user,
        group=group,
        extra_groups=[] if account else None,
        preexec_fn=_tether(last_word),  # noqa: PLW1509 - nothing else can tie a child's life to its parent's
    )


def end(process: subprocess.Popen[bytes], steps: Iterable[tuple[signal.Signals, float]]) -> None:
    """Send each signal and wait that many seconds for the end; then kill what is left of the group."""
    for step, patience in steps:
        if process.poll() is not None:
            break
        process.send_signal(step)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    kill_group(process.pid)
    process.wait()


def kill_group(group: int) -> None:
    """Kill whatever is left in a process group of ours; nothing may be."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return


def find_by_folder(folder: Path, name: str) -> list[psutil.Process]:
    """Running processes of that name whose working folder this is, whoever started them."""
    return [process for process in psutil.process_iter() if _works_in(process, folder, name)]


def end_all(processes: Sequence[psutil.Process], gentle: signal.Signals, patience: float) -> None:
    """End processes that an earlier run left behind: ask the topmost ones, then kill."""
    known = {process.pid for process in processes}
    for process in processes:
        if _parent_of(process) not in known:
            _signal(process, gentle)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=patience)


def _tether(last_word: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    parent, libc = os.getpid(), _LIBC

    def tie() -> None:  # pragma: no cover - runs in the child, between fork and exec
        libc.prctl(_PR_SET_PDEATHSIG, int(last_word), 0, 0, 0)
        if os.getppid() != parent:  # It died before the call above.
            os._exit(1)

    return tie


def _works_in(process: psutil.Process, folder: Path, name: str) -> bool:
    try:
        return process.name().startswith(name) and process.cwd() == str(folder)
    except psutil.Error:
        return False


def _parent_of(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
