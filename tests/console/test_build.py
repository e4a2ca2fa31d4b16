"""Building the console, and doing without it."""

import os
import re
import shutil
import subprocess
from graphlib import TopologicalSorter
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


IMPORT = re.compile(r'^(?:import|export)\b[^;]*?from "(\.[^"]+)";', re.MULTILINE)


def imports_of(file: Path) -> set[Path]:
    """The console's own modules that a module of it imports, types too."""
    found = [(file.parent / name).resolve() for name in IMPORT.findall(file.read_text())]
    return {
        path.with_name(path.name + end)
        for path in found
        for end in (".ts", ".tsx")
        if path.with_name(path.name + end).exists()
    }


def test_no_module_of_the_console_imports_itself() -> None:
    """No module imports another that imports it, on whatever way round."""
    modules = {file: imports_of(file) for file in (ROOT / "client" / "src").rglob("*.ts*")}
    assert sum(map(len, modules.values())) > 100
    TopologicalSorter(modules).prepare()


ACTION = re.compile(r'"((?:backfill|config|integration|key|mapping|organization|scrub|sign_in|token)\.[a-z_]+)"')


def test_every_action_has_its_words() -> None:
    """The audit page can filter by every action that the service records."""
    code = "".join(file.read_text() for part in ("db", "gql", "workers") for file in (ROOT / part).rglob("*.py"))
    recorded = set(ACTION.findall(code)) | set(
        ACTION.findall((ROOT / "docs" / "audit.md").read_text().replace("`", '"'))
    )
    assert len(recorded) > 25
    assert recorded <= set(ACTION.findall((ROOT / "client" / "src" / "audit" / "actions.ts").read_text()))
