"""Cuts what ariadne-codegen made into one module of each kind for each domain.

    documents/configs.py      what is sent, once for both clients
    inputs/configs.py         what is taken
    synchronous/configs.py    class ConfigsApi
    asynchronous/configs.py   class AsyncConfigsApi
    client.py                 class Api(AuditApi, BackfillApi, ConfigsApi, …)
    async_client.py           class AsyncApi(AsyncAuditApi, …)

A module imports all that there is: ruff takes out later what it does not need.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sdk.generator.domains import DOMAINS, check_domains, place_inputs
from sdk.generator.sources import (
    CLIENTS,
    DOCUMENTS,
    INPUTS,
    Client,
    Input,
    Method,
    list_imports,
    read_documents,
    read_inputs,
    read_methods,
)

PACKAGE: Final = "strongroom.api"
_WIDTH: Final = 109
"""Of a line of a method's docstring, without its indentation and its quotes."""


def split(package: Path, descriptions: Mapping[str, str]) -> None:
    """Cuts a package; a method's docstring is the description of its operation. Raises DomainError."""
    inputs = read_inputs(package)
    clients = {client: read_methods(package, client, frozenset(inputs)) for client in CLIENTS}
    for methods in clients.values():
        check_domains(methods)
    one = clients[CLIENTS[0]]
    places = place_inputs(
        {name: method.inputs for name, method in one.items()}, {name: known.inputs for name, known in inputs.items()}
    )
    imports = list_imports(package) + [f"from {PACKAGE}.inputs.{place} import {name}" for name, place in places.items()]
    _write_documents(package / "documents", read_documents(package), one)
    _write_inputs(package / "inputs", imports, inputs, places)
    for client, methods in clients.items():
        _write_methods(package / client.folder, client, imports, methods, descriptions)
        _write(package, client.module, _show_client(client))
    for module in (DOCUMENTS, INPUTS):
        (package / f"{module}.py").unlink()


def _write_documents(folder: Path, documents: Mapping[str, str], methods: Mapping[str, Method]) -> None:
    _write(folder, "__init__", '"""What is sent, by domain."""')
    for domain, operations in DOMAINS.items():
        _write(folder, domain, *(f"{_trim(documents[methods[name].document])}\n" for name in operations))


def _trim(document: str) -> str:
    """A constant whose text begins and ends as graphql prints an operation: without a line break."""
    return document.replace('"""\n', '"""\\\n', 1).replace('\n"""', '"""')


def _write_inputs(folder: Path, imports: Sequence[str], inputs: Mapping[str, Input], places: Mapping[str, str]) -> None:
    _write(folder, "__init__", '"""What operations take, by domain."""')
    for domain in sorted(set(places.values())):
        own = [known for name, known in inputs.items() if places.get(name) == domain]
        others = [line for line in imports if not line.startswith(f"from {PACKAGE}.inputs.{domain} ")]
        _write(folder, domain, *others, *(known.source for known in own), *(known.rebuild for known in own))


def _write_methods(
    folder: Path,
    client: Client,
    imports: Sequence[str],
    methods: Mapping[str, Method],
    descriptions: Mapping[str, str],
) -> None:
    _write(folder, "__init__", f'"""What {client.prefix}Api is made of, by domain."""')
    for domain, operations in DOMAINS.items():
        own = [methods[name] for name in operations]
        documents = f"from {PACKAGE}.documents.{domain} import {', '.join(method.document for method in own)}"
        head = _show_class(
            _name(client, domain), f"{client.prefix}ApiBase", f"{domain.capitalize()}: a part of {client.prefix}Api."
        )
        shown = [_show_method(methods[name], descriptions[name]) for name in operations]
        _write(folder, domain, *imports, documents, head, *shown)


def _show_method(method: Method, description: str) -> str:
    escaped = description.replace("\\", "\\\\").replace('"""', r"\"\"\"")
    lines = textwrap.wrap(escaped, _WIDTH)
    end = '"""' if len(lines) == 1 and not escaped.endswith('"') else '\n"""'
    docstring = textwrap.indent('"""' + "\n".join(lines) + end, " " * 8)
    return f"\n{method.signature}\n{docstring}\n{method.body}"


def _show_client(client: Client) -> str:
    names = {domain: _name(client, domain) for domain in DOMAINS}
    imports = [f"from {PACKAGE}.{client.folder}.{domain} import {name}" for domain, name in names.items()]
    head = _show_class(f"{client.prefix}Api", ", ".join(names.values()), "Every operation of the contract, typed.")
    return "\n".join([*imports, head])


def _show_class(name: str, bases: str, docstring: str) -> str:
    return f'class {name}({bases}):\n    """{docstring}"""'


def _name(client: Client, domain: str) -> str:
    return f"{client.prefix}{domain.capitalize()}Api"


def _write(folder: Path, module: str, *parts: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text("\n".join([*parts, ""]))
