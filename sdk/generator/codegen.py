"""Runs ariadne-codegen, which needs an older graphql-core than the service, in an environment of its own."""

import subprocess
import venv
from pathlib import Path
from typing import Final

from sdk.generator.sources import Client

ROOT: Final = Path(__file__).resolve().parents[2]
ENVIRONMENT: Final = ROOT / ".sdk-generator"
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")

_CONFIG: Final = """
[tool.ariadne-codegen]
schema_path = "{folder}/schema.graphql"
queries_path = "{folder}/operations.graphql"
target_package_path = "{folder}"
target_package_name = "{module}"
client_name = "{prefix}Api"
client_file_name = "{module}"
base_client_name = "{prefix}ApiBase"
base_client_file_path = "{base}"
async_client = {is_async}
include_comments = "none"
include_all_inputs = false
include_all_enums = false
include_typename = false
plugins = ["ariadne_codegen.contrib.extract_operations.ExtractOperationsPlugin"]
[tool.ariadne-codegen.scalars.DateTime]
type = "datetime.datetime"
[tool.ariadne-codegen.scalars.JSON]
type = "typing.Any"
"""


def run(folder: Path, client: Client, base: Path) -> Path:
    """Makes a package of one client, upon the class in `base`, from the two GraphQL files in a folder; where it is."""
    config = folder / f"{client.module}.toml"
    is_async = str(bool(client.prefix)).lower()
    given = {"folder": folder, "module": client.module, "prefix": client.prefix, "base": base, "is_async": is_async}
    config.write_text(_CONFIG.format_map(given))
    subprocess.run([_find(), "--config", config], check=True, stdout=subprocess.DEVNULL)
    return folder / client.module


def _find() -> Path:
    """ariadne-codegen, installed unless that was done."""
    wanted = REQUIREMENTS.read_text()
    stamp = ENVIRONMENT / "made.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        python = ENVIRONMENT / "bin" / "python"
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        subprocess.run([*command, "-r", REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    return ENVIRONMENT / "bin" / "ariadne-codegen"
