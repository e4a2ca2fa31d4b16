"""The folder of one installation, and the lock that keeps it to one launcher."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from db.errors import SettingsError


def make_folder(folder: Path) -> Path:
    """The folder, made for its owner alone where it is missing; its real path."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.resolve(strict=True)
    except OSError as error:
        fault = f"{folder} cannot be used: {error.strerror}"
    raise SettingsError(f"STRONGROOM_HOME: {fault}")


@contextmanager
def hold(home: Path) -> Generator[Path, None, None]:
    """Hold the home; SettingsError when somebody else does. The kernel frees it if we are killed."""
    home = make_folder(home)
    descriptor = _open_lock(home)
    try:
        _lock(descriptor, home)
        yield home
    finally:
        os.close(descriptor)


def _open_lock(home: Path) -> int:
    try:
        return os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        fault = f"{home} cannot be used: {error.strerror}"
    raise SettingsError(f"STRONGROOM_HOME: {fault}")


def _lock(descriptor: int, home: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
    else:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return
    raise SettingsError(f"{home} is in use by process {holder}: stop it, or set another STRONGROOM_HOME")
