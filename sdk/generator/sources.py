"""What ariadne-codegen made, read: the statements that are to be put elsewhere, each as the text that was written."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCUMENTS: Final = "operations"
INPUTS: Final = "input_types"
"""The modules of all documents and of all inputs."""


@dataclass(frozen=True)
class Client:
    """One of both clients: its module, what is below it, the folder for its parts, and how the names of all begin."""

    module: str
    base: str
    folder: str
    prefix: str


CLIENTS: Final = (
    Client("client", "base.py", "synchronous", ""),
    Client("async_client", "async_base.py", "asynchronous", "Async"),
)


@dataclass(frozen=True)
class Method:
    """An operation of a client: its document's constant, the inputs that it takes, its signature and its body."""

    document: str
    inputs: frozenset[str]
    signature: str
    body: str


@dataclass(frozen=True)
class Input:
    """An input: those that it holds, its class, and the statement that completes it when all are there, if any."""

    inputs: frozenset[str]
    source: str
    rebuild: str


def list_imports(package: Path) -> list[str]:
    """All imports of the inputs and the clients but for those of documents and inputs, one name a line."""
    modules = (INPUTS, *(client.module for client in CLIENTS))
    nodes = [node for module in modules for node in ast.parse(_read(package, module)).body]
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module not in {DOCUMENTS, INPUTS}]
    pairs = [(f"{'.' * node.level}{node.module}", alias.name) for node in froms for alias in node.names]
    return [f"from {module} import {name}" for module, name in dict.fromkeys(pairs)]


def read_documents(package: Path) -> dict[str, str]:
    """Each document's statement, by the name of its constant."""
    text = _read(package, DOCUMENTS)
    found = {ast.unparse(node.targets[0]): node for node in ast.parse(text).body if isinstance(node, ast.Assign)}
    return {name: _cut(text, node) for name, node in found.items() if name != "__all__"}


def read_inputs(package: Path) -> dict[str, Input]:
    """All inputs by their names."""
    text = _read(package, INPUTS)
    body = ast.parse(text).body
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    rebuilds = {ast.unparse(node).partition(".")[0]: _cut(text, node) for node in body if isinstance(node, ast.Expr)}
    return {
        name: Input(_find_names(node, frozenset(classes) - {name}), _cut(text, node), rebuilds.get(name, ""))
        for name, node in classes.items()
    }


def read_methods(package: Path, client: Client, inputs: frozenset[str]) -> dict[str, Method]:
    """The methods of a client by their operations; `inputs` are the names of all that there are."""
    text = _read(package, client.module)
    [kind] = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    functions = [node for node in kind.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return dict(_read_method(text, function, inputs) for function in functions)


def list_classes(module: Path) -> list[str]:
    """The names of a module's classes, sorted."""
    return sorted(node.name for node in ast.parse(module.read_text()).body if isinstance(node, ast.ClassDef))


def _read_method(
    text: str, function: ast.FunctionDef | ast.AsyncFunctionDef, inputs: frozenset[str]
) -> tuple[str, Method]:
    given = {one.arg: one.value for one in ast.walk(function) if isinstance(one, ast.keyword)}
    signature = "\n".join(text.splitlines()[function.lineno - 1 : function.body[0].lineno - 1])
    body = "\n".join(_cut(text, node) for node in function.body)
    taken = _find_names(function.args, inputs)
    return ast.literal_eval(given["operation_name"]), Method(ast.unparse(given["query"]), taken, signature, body)


def _find_names(node: ast.AST, names: frozenset[str]) -> frozenset[str]:
    """Those of these names that are spoken of, in quotes too: pydantic completes such a name later."""
    found = list(ast.walk(node))
    spoken = {one.id for one in found if isinstance(one, ast.Name)}
    quoted = {one.value for one in found if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return names & (spoken | quoted)


def _cut(text: str, node: ast.stmt) -> str:
    """The lines of a statement."""
    return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def _read(package: Path, module: str) -> str:
    return (package / f"{module}.py").read_text()
