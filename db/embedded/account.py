"""The system account that PostgreSQL runs as when root starts it: it refuses to run as root itself."""

import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from db.errors import SettingsError

NAME: Final = "strongroom"
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Account:
    """A user and its group."""

    uid: int
    gid: int

    def owns(self, path: Path) -> None:
        """Make the account the owner of a path."""
        os.chown(path, self.uid, self.gid)


def find_account(data: Path) -> Account | None:
    """Whom to run PostgreSQL as: None for "as we are", which is right for everyone but root.

    Data that another user made earlier stays that user's.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    entry = _find_user() or _make_user()
    return Account(entry.pw_uid, entry.pw_gid)


def let_in(account: Account, path: Path) -> list[Path]:
    """Make a path reachable for the account; the folders above it that had to be changed.

    Those get search permission for others (o+x) and no more: names in them stay unlisted.
    """
    closed = [folder for folder in reversed(path.parents) if not _may_search(account, folder)]
    for folder in closed:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    return closed


def let_read(tree: Path) -> None:
    """Make an installed tree readable for everyone: a strict umask at installation left it to its owner."""
    for path in _walk(tree):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        wanted = stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if mode & wanted != wanted:
            path.chmod(stat.S_IMODE(mode) | wanted)


def _walk(tree: Path) -> Iterator[Path]:
    yield tree
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            yield Path(folder, name)


def _may_search(account: Account, folder: Path) -> bool:
    about = folder.stat()
    if about.st_uid == account.uid:
        return bool(about.st_mode & stat.S_IXUSR)
    if about.st_gid == account.gid:
        return bool(about.st_mode & stat.S_IXGRP)
    return bool(about.st_mode & stat.S_IXOTH)


def _find_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _make_user() -> pwd.struct_passwd:
    command = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        NAME,
    ]
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    for _ in range(_ATTEMPTS if program else 0):
        # Another start may hold the lock of /etc/passwd, or may just have made the user.
        subprocess.run([program or "", *command[1:]], capture_output=True, check=False)  # noqa: S603
        if entry := _find_user():
            return entry
        time.sleep(0.1)
    raise SettingsError(
        f'PostgreSQL does not run as root, and the system user "{NAME}" for it cannot be made:'
        " start as another user, make that user, or set DATABASE_URL"
    )
