"""The command line, run as a shell would, in this process.

cli        await-free: cli("config", "list", …, stdin=…) gives a Result; the service's admin unless `token` says whom
"""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from strongroom.command.app import call


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No profile and no variable of whoever runs the tests."""
    for name in ("STRONGROOM_URL", "STRONGROOM_TOKEN", "STRONGROOM_PROFILE", "STRONGROOM_ORGANIZATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(service: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command; its Result, which has to have the exit code `code`."""

    def run(*arguments: str, stdin: str = "", token: str | None = None, code: int = 0) -> Result:
        monkeypatch.setenv("STRONGROOM_URL", service.url)
        monkeypatch.setenv("STRONGROOM_TOKEN", token or service.token)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        capfd.readouterr()
        found = call(arguments)
        out, err = capfd.readouterr()
        assert found == code, f"exit code {found}: {err}"
        return Result(found, out, err)

    return run
