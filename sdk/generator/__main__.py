"""`python -m sdk.generator`: writes sdk/src/strongroom/api from schema.graphql and the operations.

    python -m sdk.generator [--check]

ariadne-codegen makes it, in an environment of its own. The sums of what went in and of what came out are recorded
beside it, so that a test can tell in a moment whether it is to be made again. `--check` makes it again, elsewhere, and
compares.
"""

import ast
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from graphql import parse, print_ast

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
PARTS: Final = HERE / "parts"
TARGET: Final = HERE.parent / "src" / "strongroom" / "api"
ENVIRONMENT: Final = ROOT / ".sdk-generator"
OPERATIONS: Final = (ROOT / "tests" / "data" / "operations.graphql", HERE / "operations.graphql")
SUMS: Final = "sums.txt"

_ALIAS: Final = re.compile(r'\balias=("\w+")')

_CONFIG: Final = """
[tool.ariadne-codegen]
schema_path = "{folder}/schema.graphql"
queries_path = "{folder}/operations.graphql"
target_package_path = "{folder}"
target_package_name = "{name}"
client_name = "{prefix}Api"
client_file_name = "{name}"
base_client_name = "{prefix}ApiBase"
base_client_file_path = "{base}"
async_client = {is_async}
include_comments = "none"
include_all_inputs = false
include_all_enums = false
include_typename = false
[tool.ariadne-codegen.scalars.DateTime]
type = "datetime.datetime"
[tool.ariadne-codegen.scalars.JSON]
type = "typing.Any"
"""


def main() -> int:
    """The exit code: 1 where `--check` finds a difference."""
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder))
        if "--check" in sys.argv[1:]:
            return 0 if _is_same(made, TARGET) else 1
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(made, TARGET)
    return 0


def generate(folder: Path) -> Path:
    """Makes the package in a folder; where it is."""
    (folder / "schema.graphql").write_text((ROOT / "schema.graphql").read_text())
    (folder / "operations.graphql").write_text("\n".join(path.read_text() for path in OPERATIONS))
    _generate(folder, "client", "", PARTS / "base.py", is_async=False)
    _generate(folder, "async_client", "Async", PARTS / "async_base.py", is_async=True)
    made, other = folder / "client", folder / "async_client"
    # One package with both: the models are the same.
    for name in ("async_client.py", "async_base.py"):
        shutil.copy(other / name, made / name)
    shutil.copy(PARTS / "base_model.py", made / "base_model.py")
    _hide_aliases(made)
    _write_init(made)
    (made / SUMS).write_text(f"{sum_inputs()} what it is made from\n{sum_outputs(made)} what was made\n")
    return made


def sum_inputs() -> str:
    """The sum of all that the package is made from."""
    schema = (ROOT / "schema.graphql").read_text()
    operations = [print_ast(parse(path.read_text())) for path in OPERATIONS]
    own = [path.read_text() for path in (*sorted(PARTS.glob("*.py")), HERE / "requirements.txt", Path(__file__))]
    return _sum([schema, *operations, *own])


def sum_outputs(package: Path) -> str:
    """The sum of a generated package."""
    return _sum(f"{path.name}\n{path.read_text()}" for path in sorted(package.glob("*.py")))


def _sum(texts: Iterable[str]) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(hashlib.sha256(text.encode()).digest())
    return found.hexdigest()


def _generate(folder: Path, name: str, prefix: str, base: Path, *, is_async: bool) -> None:
    config = folder / f"{name}.toml"
    given = {"folder": folder, "name": name, "prefix": prefix, "base": base, "is_async": str(is_async).lower()}
    config.write_text(_CONFIG.format_map(given))
    subprocess.run([_find_generator(), "--config", config], check=True, stdout=subprocess.DEVNULL)


def _find_generator() -> Path:
    """ariadne-codegen, installed unless that was done."""
    wanted = (HERE / "requirements.txt").read_text()
    stamp = ENVIRONMENT / "made.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        python = ENVIRONMENT / "bin" / "python"
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        subprocess.run([*command, "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    return ENVIRONMENT / "bin" / "ariadne-codegen"


def _hide_aliases(package: Path) -> None:
    """Type checkers take a field's `alias` for its only name, and our names are the other ones."""
    for path in package.glob("*.py"):
        path.write_text(_ALIAS.sub(r"validation_alias=\1, serialization_alias=\1", path.read_text()))


def _write_init(package: Path) -> None:
    """Everything that callers name: both clients, and what they take."""
    lines = ['"""Every operation of the contract, typed. Generated: see sdk/generator."""', ""]
    exported = ["Api", "AsyncApi"]
    lines += ["from .async_client import AsyncApi", "from .client import Api"]
    for module in ("enums", "input_types"):
        names = _list_classes(package / f"{module}.py")
        exported += names
        lines.append(f"from .{module} import {', '.join(names)}")
    lines += ["", f"__all__ = {sorted(exported)!r}", ""]
    (package / "__init__.py").write_text("\n".join(lines))


def _list_classes(module: Path) -> list[str]:
    return sorted(node.name for node in ast.parse(module.read_text()).body if isinstance(node, ast.ClassDef))


def _is_same(one: Path, other: Path) -> bool:
    return _read_all(one) == _read_all(other)


def _read_all(package: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in package.iterdir() if path.is_file()}


if __name__ == "__main__":
    sys.exit(main())
