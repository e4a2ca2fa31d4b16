"""JSON in and out, strictly: what is read is unambiguous, what is written is always valid JSON."""

import json
import math
import re
from collections.abc import Collection, Sequence
from typing import Any, cast

import orjson

from db.errors import BadInput, Problem, refuse
from db.limits import NAME_LIMIT

MAX_DEPTH = 100
MAX_PROBLEMS = 100
MAX_CONTAINERS = 100_000
"""Objects and lists of one text: 20,000 mappings have two each, and room for more. A body could hold millions, which
cost seconds and a gigabyte."""

# PostgreSQL's text and jsonb take neither NUL nor half a surrogate pair.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# One that does not end is taken to the end of the text: each character is looked at once.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_CONTAINERS = frozenset((dict, list))
_UNSTORABLE_ESCAPES = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class _RepeatedKey(Exception):
    """An object names a key twice; the text is read again to tell where."""


class _Ambiguous(dict[str, Any]):
    """An object that names a key twice."""

    repeated: list[str]


def read_json(payload: bytes | str, where: str) -> Any:
    """The one value that the JSON text `payload` holds; BadInput, its path beginning at `where`, if
    it is no JSON, names a key twice, nests deeper than MAX_DEPTH, or holds a number that is no number or more than
    MAX_CONTAINERS objects and lists."""
    try:
        text = payload if isinstance(payload, str) else payload.decode()
        if _count_containers(text) > MAX_CONTAINERS and _count_containers(_STRING.sub("", text)) > MAX_CONTAINERS:
            refuse(f"holds more than {MAX_CONTAINERS:,} objects and lists", where)
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        refuse(f"malformed JSON at line {error.lineno}, column {error.colno}", where)
    except UnicodeError:
        refuse("not UTF-8", where)
    except RecursionError:
        refuse("nested too deeply", where)
    except ValueError:
        refuse("a number is too large, or no number", where)
    except _RepeatedKey:
        raise BadInput(_find_repeated(payload if isinstance(payload, str) else payload.decode())) from None
    if _count_containers(text) > MAX_DEPTH and _nests_deeper(value, MAX_DEPTH):
        refuse("nested too deeply", where)
    # Raw, neither gets through the decoder and UTF-8, so only escapes can bring one in.
    if _UNSTORABLE_ESCAPES.search(text) and (problems := find_unstorable(value)):
        raise BadInput(problems)
    return value


def find_unstorable(value: Any) -> list[Problem]:
    """Every place in `value` whose text (or key) holds a NUL or half a surrogate pair."""
    problems: list[Problem] = []
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while pending and len(problems) < MAX_PROBLEMS:
        path, item = pending.pop()
        if isinstance(item, str) and _UNSTORABLE.search(item):
            problems.append(Problem(path, "NUL or half a surrogate pair"))
        elif isinstance(item, dict):
            entries = cast("dict[str, Any]", item)
            pending.extend(((*path, show_key(key)), child) for key, child in reversed(entries.items()))
            problems.extend(
                Problem((*path, show_key(key)), "NUL or half a surrogate pair in a key")
                for key in entries
                if _UNSTORABLE.search(key)
            )
        elif isinstance(item, list):
            children = cast("list[Any]", item)
            pending.extend(((*path, index), child) for index, child in reversed([*enumerate(children)]))
    return problems[:MAX_PROBLEMS]


def show_key(key: str) -> str:
    """A caller's key as it may stand in an answer: short, and text that every JSON reader takes."""
    return _UNSTORABLE.sub("\ufffd", key[:NAME_LIMIT])


def write_json(value: Any) -> bytes:
    """`value` as JSON in UTF-8; ValueError or TypeError if it has no JSON form. orjson writes numbers
    that are none as null."""
    try:
        return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        # orjson knows integers of 64 bits only.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise _RepeatedKey
    return entries


def _mark_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = _Ambiguous(pairs)
    seen: set[str] = set()
    entries.repeated = [key for key, _ in pairs if key in seen or seen.add(key)]
    return entries


def _read_finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


def _refuse_constant(_name: str) -> float:
    raise ValueError


def _find_repeated(text: str) -> Sequence[Problem]:
    marked = json.loads(text, object_pairs_hook=_mark_repeated)
    problems: list[Problem] = []
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), marked)]
    while pending and len(problems) < MAX_PROBLEMS:
        path, item = pending.pop()
        if isinstance(item, _Ambiguous):
            problems.extend(Problem((*path, show_key(key)), "given twice") for key in item.repeated)
            pending.extend(((*path, show_key(key)), child) for key, child in reversed(item.items()))
        elif isinstance(item, list):
            children = cast("list[Any]", item)
            pending.extend(((*path, index), child) for index, child in reversed([*enumerate(children)]))
    return problems[:MAX_PROBLEMS]


def _nests_deeper(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit - 1):
        level = [child for parent in level for child in _list_parents(parent)]
        if not level:
            return False
    return any(_holds_containers(parent) for parent in level)


def _list_parents(parent: Any) -> list[Any]:
    """The objects and lists in this one that hold anything: a body may have very many that do not."""
    if not _holds_containers(parent):
        return []
    return [child for child in _list_values(parent) if child and type(child) in _CONTAINERS]


def _holds_containers(parent: Any) -> bool:
    return not _CONTAINERS.isdisjoint(map(type, _list_values(parent)))


def _list_values(parent: Any) -> Collection[Any]:
    return cast("dict[str, Any]", parent).values() if isinstance(parent, dict) else cast("list[Any]", parent)


def _count_containers(text: str) -> int:
    """How many there are at most: brackets in strings are counted, too."""
    return text.count("{") + text.count("[")


_decoder = json.JSONDecoder(
    object_pairs_hook=_refuse_repeated, parse_float=_read_finite, parse_constant=_refuse_constant
)
