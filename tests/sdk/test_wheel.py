"""The wheel, as it is built, in an environment with nothing else in it: the READMEs' examples run there."""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk"
IN_CI = os.environ.get("CI", "").lower() in ("true", "1")
EXAMPLE = re.compile(r"```python\n(.*?)```\n", re.DOTALL)


def give_up(reason: str) -> NoReturn:
    """Skip; where nobody would see that, fail."""
    if IN_CI:
        pytest.fail(f"in CI this is no reason to skip: {reason}")
    pytest.skip(reason)


def run(*command: object, **environ: str) -> str:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("STRONGROOM_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command], env=ours | environ, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode and {"pip", "build"} & set(map(str, command)):
        give_up(f"pip could not install: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def sum_sources() -> str:
    """Tells whether the wheel that was installed is the one that there is to build."""
    found = hashlib.sha256(f"{sys.version} {SDK}".encode())
    for path in sorted([SDK / "pyproject.toml", SDK / "README.md", *(SDK / "src").rglob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> Path:
    """The Python of an environment that holds the wheel and what it asks for, kept in pytest's cache."""
    folder = Path(request.config.cache.mkdir("sdk-wheel"))
    stamp, wanted = folder / "installed", sum_sources()
    python = folder / "environment" / "bin" / "python"
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            venv.create(folder / "environment", with_pip=True, clear=True)
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
    loaded = run(python, "-c", "import sys, strongroom; print(sorted(sys.modules))")
    assert "'pydantic'" not in loaded


def test_the_command_line(python: Path, service: Any, place: Any) -> None:
    """The command comes with the wheel, knows all that it needs, and says what is left out without the extra."""
    environ = {"STRONGROOM_URL": service.url, "STRONGROOM_TOKEN": service.token}
    command = python.parent / "strongroom"
    said = run(command, "resolve", place.name, "--organization", place.organization, "--format", "dotenv", **environ)
    assert "URL=https://halo.example.com" in said
    assert "# API_KEY=[SECRET]" in said
    with pytest.raises(AssertionError, match=r"pip install 'strongroom\[sealed\]'"):
        run(command, "identity", "key.txt", **environ)
