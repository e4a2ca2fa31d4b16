"""Building the console, and doing without it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".built", ".checked", ".lock", ".log")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The console's sources on a machine whose Python reaches no registry: it fails at whatever it is asked."""
    shutil.copytree(ROOT / "client", tmp_path / "client", ignore=LEFT_OUT)
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    return tmp_path


def build(sources: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the build as make does."""
    given = {name: value for name, value in os.environ.items() if name != "CI"} | environ
    command = [sources / "client" / "build.sh", sources / "python", *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_network_the_service_starts_without_the_console(sources: Path) -> None:
    """Where the console cannot be built, that is told in one line, and is no failure."""
    done = build(sources)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line == "strongroom: there is no console at /console: pip could not install client/requirements.txt"


def test_an_older_console_is_kept(sources: Path) -> None:
    """A console that was built before goes on being served when a newer one cannot be built."""
    (sources / "client" / "dist").mkdir()
    (sources / "client" / "dist" / "index.html").write_text("older")
    done = build(sources)
    assert (done.returncode, (sources / "client" / "dist" / "index.html").read_text()) == (0, "older")
    assert "the console is an older one" in done.stderr


def test_what_cannot_be_checked_fails_in_ci(sources: Path) -> None:
    """Checks that cannot run are told of; in CI they are a failure."""
    assert build(sources, "check").returncode == 0
    assert build(sources, "check", CI="true").returncode == 1


@pytest.mark.parametrize("lock", ["client/package-lock.json", "tests/console/browser/package-lock.json"])
def test_the_lock_files_name_no_registry(lock: str) -> None:
    """Locked packages are known by their sums; where they come from is the installer's business."""
    text = (ROOT / lock).read_text()
    assert '"resolved"' not in text
    assert "registry" not in text
    assert text.count('"integrity"') > 1
