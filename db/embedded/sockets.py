"""Where a server's UNIX socket lies: in its own folder, or in a short one when that path is too long."""

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final

from db.embedded.account import Account

_LONGEST: Final = 100
"""Bytes of a whole socket path. Linux allows 107, macOS 103."""

_NOTE: Final = "socket-folder"


def find_folder(folder: Path, name: str, account: Account | None) -> Path:
    """This folder, private to the account, if the path of the socket `name` in it is short and plain.

    One that is too long, or that needs quoting in a URL, is replaced by a private folder below /tmp; a note
    beside the folder remembers which.
    """
    if len(os.fsencode(folder / name)) <= _LONGEST and re.fullmatch(r"[A-Za-z0-9._/+-]+", str(folder)):
        folder.mkdir(mode=0o700, exist_ok=True)
        return _hand_over(folder, account)
    uid = account.uid if account else os.geteuid()
    noted = _read_note(folder.with_name(_NOTE))
    if noted and _is_private(noted, uid):
        return noted
    made = _hand_over(Path(tempfile.mkdtemp(prefix="strongroom-", dir="/tmp")), account)
    folder.with_name(_NOTE).write_text(f"{made}\n", encoding="utf-8")
    return made


def find_known(folder: Path) -> Path:
    """This folder, or what replaced it."""
    return _read_note(folder.with_name(_NOTE)) or folder


def forget_folder(folder: Path) -> None:
    """Remove what replaced the folder, if anything did. To be called once the server has ended."""
    noted = _read_note(folder.with_name(_NOTE))
    if noted and noted.name.startswith("strongroom-"):
        shutil.rmtree(noted, ignore_errors=True)
    folder.with_name(_NOTE).unlink(missing_ok=True)


def _hand_over(folder: Path, account: Account | None) -> Path:
    if account:
        account.owns(folder)
    return folder


def _read_note(note: Path) -> Path | None:
    return Path(note.read_text(encoding="utf-8").strip()) if note.exists() else None


def _is_private(folder: Path, uid: int) -> bool:
    try:
        about = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == uid and not about.st_mode & 0o077
