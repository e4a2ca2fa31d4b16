"""The wheel, as it is built, in an environment with nothing else in it: the READMEs' examples run there."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.registry import alone, give_up

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk"
OLDEST = "3.10"
EXAMPLE = re.compile(r"```python\n(.*?)```\n", re.DOTALL)


def run(*command: object, **environ: str) -> str:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command], env=ours | environ, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode and {"pip", "build"} & set(map(str, command)):
        give_up(f"pip could not install: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def find_python(version: str) -> str | None:
    """A CPython of this version, on the path or among pyenv's, that starts; None where there is none."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in (shutil.which(f"python{version}"), *sorted(root.glob(f"versions/{version}.*/bin/python"))):
        command = [found or "", "-c", "import ensurepip, sys; print(sys.version_info[:2])"]
        with contextlib.suppress(OSError):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            if done.stdout == f"{tuple(map(int, version.split('.')))}\n":
                return str(found)
    return None


def sum_sources(python: str) -> str:
    """Tells whether the wheel that was installed is the one that there is to build."""
    found = hashlib.sha256(f"{sys.version} {python} {SDK}".encode())
    for path in sorted([SDK / "pyproject.toml", SDK / "README.md", *(SDK / "src").rglob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> Path:
    """The Python of an environment that holds the wheel and what it asks for, kept in pytest's cache."""
    return install(Path(request.config.cache.mkdir("sdk-wheel")), sys.executable)


@pytest.fixture(scope="module")
def oldest_python(request: pytest.FixtureRequest) -> Path:
    """The same, of the oldest version that the wheel is for."""
    found = find_python(OLDEST)
    if found is None:
        pytest.skip(f"there is no CPython {OLDEST} here")
    return install(Path(request.config.cache.mkdir(f"sdk-wheel-{OLDEST}")), found)


def install(folder: Path, base: str) -> Path:
    """An environment of a Python with the wheel in it, made unless it is there; its Python."""
    stamp, wanted = folder / "installed", sum_sources(base)
    python = folder / "environment" / "bin" / "python"
    with alone(folder):
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            run(base, "-m", "venv", "--clear", folder / "environment")
            pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet")
            for wheel in folder.glob("*.whl"):
                wheel.unlink()
            run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, SDK)
            [wheel] = folder.glob("*.whl")
            run(*pip, "install", wheel)
            stamp.write_text(wanted)
    return python


def place_in(example: str, place: Any) -> str:
    """An example, in this test's place."""
    example = example.replace('organization_id="…"', f'organization_id="{place.organization}"')
    example = example.replace('integration_id="…"', f'integration_id="{place.integration}"')
    assert "…" not in example
    return example


def test_the_readmes_example(python: Path, service: Any, place: Any, make_token: Callable[..., str]) -> None:
    """The two lines of the README, with the wheel alone, against a service that runs."""
    token = make_token("config:resolve")
    for readme in (ROOT / "README.md", SDK / "README.md"):
        [example, *_] = EXAMPLE.findall(readme.read_text())
        example = example.replace("https://strongroom.example.com", service.url).replace(
            'token="…"', f'token="{token}"'
        )
        said = run(python, "-I", "-W", "error", "-c", place_in(example, place))
        assert said == "hunter2-hunter2 42 ('region',) Source.OVERRIDE\n"


def test_the_sdks_readme(python: Path, service: Any, place: Any) -> None:
    """All examples of the SDK's README run, one after the other."""
    _, asynchronous, *rest = EXAMPLE.findall((SDK / "README.md").read_text())
    environ = {"STRONGROOM_URL": service.url, "STRONGROOM_TOKEN": service.token}
    assert run(python, "-c", place_in(asynchronous, place), **environ) == "https://halo.example.com\n"
    examples = [place_in(example, place) for example in rest]
    script = "\n".join(["from strongroom import Strongroom", *examples, "client.close()"])
    with pytest.raises(AssertionError, match="region"):
        # The schema has no values for region but text: the last example writes one.
        run(python, "-c", script.replace('"eu"', "5.5"), **environ)
    assert "halo-psa" in run(python, "-c", script, **environ)


def test_it_is_typed(python: Path) -> None:
    """The wheel says that it is typed, and needs nothing of the service."""
    site = run(python, "-c", "import strongroom, pathlib; print(pathlib.Path(strongroom.__file__).parent)").strip()
    assert (Path(site) / "py.typed").exists()
    assert str(ROOT) not in site or ".pytest_cache" in site
    plugin = "import importlib.metadata as m, sys; m.entry_points(group='pytest11')['strongroom'].load(); "
    assert "'strongroom'" not in run(python, "-c", f"{plugin} print(sorted(sys.modules))")
    loaded = run(python, "-c", "import sys, strongroom; print(sorted(sys.modules))")
    assert "'pydantic'" not in loaded


def test_the_examples_are_typed(python: Path, tmp_path: Path) -> None:
    """A user's pyright, as strict as it can be, finds every type that the README's examples use in the wheel, and the
    one fault that is planted."""
    first, asynchronous, *rest = EXAMPLE.findall((SDK / "README.md").read_text())
    (tmp_path / "pyrightconfig.json").write_text(f'{{"typeCheckingMode": "strict", "pythonVersion": "{OLDEST}"}}')
    (tmp_path / "first.py").write_text(first)
    (tmp_path / "asynchronous.py").write_text(asynchronous)
    (tmp_path / "rest.py").write_text("\n".join(["from strongroom import Strongroom", *rest]))
    (tmp_path / "wrong.py").write_text(f"{first}\nnumber: int = config.entity_id\n")
    checker = [sys.executable, "-m", "pyright", "--project", str(tmp_path), "--pythonpath", str(python)]
    found = subprocess.run(checker, capture_output=True, text=True, check=False, timeout=120).stdout
    assert "1 error, 0 warnings" in found, found
    assert "wrong.py" in found


def test_the_command_line(python: Path, service: Any, place: Any) -> None:
    """The command comes with the wheel, knows all that it needs, and says what is left out without the extra."""
    environ = {"STRONGROOM_URL": service.url, "STRONGROOM_TOKEN": service.token}
    command = python.parent / "strongroom"
    said = run(command, "resolve", place.name, "--organization", place.organization, "--format", "dotenv", **environ)
    assert "URL=https://halo.example.com" in said
    assert "# API_KEY=[SECRET]" in said
    with pytest.raises(AssertionError, match=r"pip install 'strongroom\[sealed\]'"):
        run(command, "identity", "key.txt", **environ)


def test_the_oldest_python(oldest_python: Path, service: Any, place: Any) -> None:
    """The wheel works on the oldest Python that it says it is for: both clients, every module, and the command."""
    environ = {"STRONGROOM_URL": service.url, "STRONGROOM_TOKEN": service.token}
    version = run(oldest_python, "-c", "import sys; print(*sys.version_info[:2], sep='.')").strip()
    assert version == OLDEST
    assert f'requires-python = ">={version}"' in (SDK / "pyproject.toml").read_text()
    _, asynchronous, *_ = EXAMPLE.findall((SDK / "README.md").read_text())
    script = """
import pkgutil, strongroom
from importlib import import_module
for module in pkgutil.walk_packages(strongroom.__path__, "strongroom."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
with strongroom.Strongroom(cache=True) as client:
    print(client.resolve("halo-psa", "ORGANIZATION").entity_id, client.api.integrations().integrations.total_count)
    stop = client.on_change(print)
""".replace("ORGANIZATION", place.organization)
    assert run(oldest_python, "-I", "-W", "error", "-c", script, **environ).startswith("42 1\n")
    assert run(oldest_python, "-W", "error", "-c", place_in(asynchronous, place), **environ) == (
        "https://halo.example.com\n"
    )
    command = oldest_python.parent / "strongroom"
    shown = run(command, "resolve", place.name, "--organization", place.organization, "--json", **environ)
    assert '"entityId": "42"' in shown
    for arguments in (("integration", "show", place.name), ("token", "list"), ("audit", "tail"), ("import", "--help")):
        assert run(command, *arguments, **environ)
