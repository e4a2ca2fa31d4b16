"""Folders for the data of test servers."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 4 << 30


def make_folder() -> Path:
    """A new folder, whose path is short enough for sockets, in memory where there is room.

    Every test has a database copied for it. On a disk that others write to, that takes most of the tests' time.
    """
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM
    return Path(tempfile.mkdtemp(prefix="sr-", dir=_MEMORY if roomy else "/tmp"))
