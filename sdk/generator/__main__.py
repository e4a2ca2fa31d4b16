"""`python -m sdk.generator`: writes sdk/src/strongroom/api from schema.graphql and the operations.

    python -m sdk.generator [--check]

ariadne-codegen makes it (codegen.py); then it is cut by domain (domains.py, parts.py), and ruff gives it this
repository's form. What is written by hand stays as it is. The sums of what went in and of what came out are recorded
beside it, so that a test can tell in a moment whether it is to be made again. `--check` makes it again, elsewhere, and
compares.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from graphql import DocumentNode, parse, print_ast

from sdk.generator import codegen
from sdk.generator.descriptions import describe
from sdk.generator.domains import DomainError
from sdk.generator.parts import PACKAGE, split
from sdk.generator.sources import CLIENTS, list_classes

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
SDK: Final = HERE.parent
TARGET: Final = SDK / "src" / "strongroom" / "api"
BY_HAND: Final = frozenset({"async_base.py", "base.py", "base_model.py"})
"""What in the target is written by hand: what the generated classes are made of."""
SCHEMA: Final = ROOT / "schema.graphql"
OPERATIONS: Final = (ROOT / "tests" / "data" / "operations.graphql", HERE / "operations.graphql")
SUMS: Final = "sums.txt"

_ALIAS: Final = re.compile(r'\balias=("\w+")')
_RELATIVE: Final = re.compile(r"^from \.(?=\w)", re.MULTILINE)

_FORM: Final = (
    'lint.isort.known-first-party=["strongroom"]',
    "lint.isort.split-on-trailing-comma=false",
    "format.skip-magic-trailing-comma=true",
)
"""On top of this repository's own settings: what fits on one line is on one line."""

_INIT: Final = f'''"""Every operation of the contract, typed. Generated: see sdk/generator.

By hand are only {", ".join(sorted(BY_HAND))}. The module of an operation's name has its
answer. By domain are what operations take (`inputs`), what is sent (`documents`), and what both clients are made of
(`synchronous`, `asynchronous`).
"""
'''


def main() -> int:
    """The exit code: 1 where `--check` finds a difference, or an operation is in no domain."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = generate(Path(folder))
        except DomainError as error:
            print(error, file=sys.stderr)
            return 1
        if "--check" in sys.argv[1:]:
            return 0 if _read_all(made) == _read_all(TARGET) else 1
        _replace(made)
    return 0


def generate(folder: Path) -> Path:
    """Makes the package in a folder; where it is. Raises DomainError."""
    shutil.copy(SCHEMA, folder)
    (folder / "operations.graphql").write_text("\n".join(path.read_text() for path in OPERATIONS))
    made, other = (codegen.run(folder, client, TARGET / client.base) for client in CLIENTS)
    # One package with both: the models and the documents are the same.
    shutil.copy(other / f"{other.name}.py", made)
    for name in BY_HAND:
        (made / name).unlink(missing_ok=True)
    split(made, describe(parse(SCHEMA.read_text()), _read_operations()))
    _write_init(made)
    _form(made)
    (made / SUMS).write_text(f"{sum_inputs()} what it is made from\n{sum_outputs(made)} what was made\n")
    return made


def sum_inputs() -> str:
    """The sum of all that the package is made from."""
    own = [path.read_text() for path in (*sorted(HERE.glob("*.py")), HERE / "requirements.txt")]
    return _sum([SCHEMA.read_text(), *map(print_ast, _read_operations()), *own])


def sum_outputs(package: Path) -> str:
    """The sum of a generated package."""
    return _sum(f"{name}\n{text}" for name, text in _read_all(package).items() if name != SUMS)


def _read_operations() -> list[DocumentNode]:
    return [parse(path.read_text()) for path in OPERATIONS]


def _sum(texts: Iterable[str]) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(hashlib.sha256(text.encode()).digest())
    return found.hexdigest()


def _form(package: Path) -> None:
    """Gives what was made this repository's form: absolute imports, those that are needed, and ruff's layout."""
    for path in package.rglob("*.py"):
        # Type checkers take a field's `alias` for its only name, and our names are the other ones.
        text = _ALIAS.sub(r"validation_alias=\1, serialization_alias=\1", path.read_text())
        path.write_text(_RELATIVE.sub(f"from {PACKAGE}.", text))
    ours = ["--no-cache", "--quiet", "--config", SDK / "pyproject.toml"]
    for option in _FORM:
        ours += ["--config", option]
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--fix", "--select", "F401,I,UP", *ours, package], check=True)
    subprocess.run([*ruff, "format", *ours, package], check=True)


def _write_init(package: Path) -> None:
    """Everything that callers name: both clients, and what they take."""
    modules = [
        "async_client",
        "client",
        "enums",
        *(f"inputs.{path.stem}" for path in (package / "inputs").glob("*.py")),
    ]
    names = {module: list_classes(package / f"{module.replace('.', '/')}.py") for module in modules}
    imports = [f"from {PACKAGE}.{module} import {', '.join(own)}" for module, own in names.items() if own]
    exported = sorted(name for own in names.values() for name in own)
    (package / "__init__.py").write_text("\n".join([_INIT, *imports, "", f"__all__ = {exported!r}", ""]))


def _replace(made: Path) -> None:
    """Puts what was made into the target, for all that is there but what is written by hand."""
    for path in TARGET.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in BY_HAND:
            path.unlink()
    shutil.copytree(made, TARGET, dirs_exist_ok=True)


def _read_all(package: Path) -> dict[str, str]:
    """The texts of what is generated, by their paths."""
    paths = [path for path in sorted(package.rglob("*")) if path.suffix in {".py", ".txt"}]
    texts = {path.relative_to(package).as_posix(): path.read_text() for path in paths}
    return {name: text for name, text in texts.items() if name not in BY_HAND}


if __name__ == "__main__":
    sys.exit(main())
