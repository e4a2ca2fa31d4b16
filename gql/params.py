"""The GraphQL request inside an HTTP request: read within limits, and strictly."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl

from starlette.types import Receive

from db.errors import BadInput, LimitExceeded, Problem, refuse
from gql.payloads import MAX_PROBLEMS, read_json, show_key
from gql.replies import ClientGone, Refusal

MAX_BODY = 8 * 2**20
MAX_QUERY = 64 * 2**10
_NAMES = ("query", "variables", "operationName", "extensions")
_KINDS: tuple[tuple[str, Any, str], ...] = (
    ("variables", (dict, NoneType), "an object"),
    ("operationName", (str, NoneType), "a string"),
    ("extensions", (dict, NoneType), "an object"),
)


class Params(NamedTuple):
    """What a GraphQL request asks for; `query` is empty where `extensions` name a document by its hash."""

    query: str
    variables: dict[str, Any]
    operation_name: str | None
    extensions: dict[str, Any]


async def read_body(receive: Receive, announced: bytes | None) -> bytes:
    """The whole body; Refusal 413 as soon as it is known to be longer than MAX_BODY."""
    if announced and announced.isdigit() and int(announced[:20]) > MAX_BODY:
        raise _refuse_body()
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= MAX_BODY:
        return body
    chunks = bytearray(body)
    while message["type"] == "http.request" and message.get("more_body") and len(chunks) <= MAX_BODY:
        message = await receive()
        chunks += message.get("body", b"")
    if message["type"] != "http.request":
        raise ClientGone
    if len(chunks) > MAX_BODY:
        raise _refuse_body()
    return bytes(chunks)


def read_post(body: bytes) -> Params:
    """The request that a POST body holds; BadInput for anything but one JSON object with
    `query`, `variables`, `operationName` and `extensions` of the right types."""
    try:
        given = read_json(body, "body")
    except BadInput as error:
        raise _shorten_paths(error) from None
    if isinstance(given, list):
        refuse("batches are not supported: send one operation a request", "body")
    if not isinstance(given, dict):
        refuse("expected an object with a query", "body")
    return read_params(cast("dict[str, Any]", given))


def read_get(query_string: bytes) -> Params:
    """The request that a query string holds, its variables and extensions as JSON."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError:
        refuse("not UTF-8, or too many parameters", "query string")
    given: dict[str, Any] = dict(pairs)
    if len(given) != len(pairs):
        refuse("a parameter is given twice", "query string")
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _read_parameter(given[name], name)
    return read_params(given)


def _read_parameter(text: str, name: str) -> Any:
    return read_json(text, name) if text else None


def read_params(given: Mapping[str, Any]) -> Params:
    """The request that an object holds; BadInput names every parameter that does not belong or fit."""
    problems = [Problem((show_key(name),), "unknown parameter") for name in given if name not in _NAMES]
    problems.extend(
        Problem((name,), f"expected {told}") for name, kind, told in _KINDS if not isinstance(given.get(name), kind)
    )
    query = given.get("query")
    if query in (None, "") and _names_document(given.get("extensions")):
        query = ""
    elif not isinstance(query, str) or not query.strip():
        problems.append(Problem(("query",), "required, a string"))
        raise BadInput(problems[:MAX_PROBLEMS])
    if problems:
        raise BadInput(problems[:MAX_PROBLEMS])
    # Nothing is longer in characters than in bytes.
    if len(query) * 4 > MAX_QUERY and len(query.encode()) > MAX_QUERY:
        raise Refusal(413, LimitExceeded(f"the query is longer than {MAX_QUERY} bytes"))
    return Params(
        query, given.get("variables") or {}, given.get("operationName") or None, given.get("extensions") or {}
    )


def list_params(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of an object a request is made of; some clients send more along."""
    return {name: given[name] for name in _NAMES if name in given}


def _names_document(extensions: Any) -> bool:
    return isinstance(extensions, dict) and "persistedQuery" in extensions


def _shorten_paths(error: BadInput) -> BadInput:
    """Problems inside variables begin with the variable's name, like those of its type."""
    return BadInput(
        [
            Problem(problem.path[1:], problem.message)
            if len(problem.path) > 1 and problem.path[0] == "variables"
            else problem
            for problem in error.problems
        ]
    )


def _refuse_body() -> Refusal:
    return Refusal(413, LimitExceeded(f"the body is larger than {MAX_BODY} bytes"), {"connection": "close"})
