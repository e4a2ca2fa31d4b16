"""Reading what is to be imported: dotenv, JSON, YAML and CSV, each value with its line and each fault with its line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from typing import Any, cast

import yaml
from dotenv.parser import parse_stream

from strongroom.api import ConfigType
from strongroom.command.asking import LIMIT
from strongroom.command.failures import USAGE, Failure
from strongroom.command.output import MASK
from strongroom.command.plain_yaml import PlainLoader, check_size

CSV_COLUMNS = frozenset({"key", "value", "type"})


class FileFormat(str, Enum):
    """What a file to import is."""

    DOTENV = "dotenv"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


@dataclass(frozen=True)
class Item:
    """A value of a file, and where it is: in which line, or entry. Its repr has no value."""

    line: int
    key: str
    value: Any = field(repr=False)
    type: ConfigType | None = None
    unit: str = "line"


@dataclass(frozen=True)
class Fault:
    """What cannot be imported. `key` is None where there is none."""

    line: int
    message: str
    key: str | None = None
    unit: str = "line"


Found = tuple[list[Item], list[Fault]]


def find_format(file: str, given: FileFormat | None) -> FileFormat:
    """The format that was given, or that the file's name tells."""
    if given:
        return given
    name = PurePath(file).name.lower()
    if name == ".env" or name.startswith(".env.") or name.endswith(".env"):
        return FileFormat.DOTENV
    told = {".json": FileFormat.JSON, ".yaml": FileFormat.YAML, ".yml": FileFormat.YAML, ".csv": FileFormat.CSV}
    found = told.get(PurePath(name).suffix)
    if found is None:
        raise Failure("the file's name does not tell what it is: --format dotenv, json, yaml or csv", code=USAGE)
    return found


def read_items(text: str, format: FileFormat) -> Found:
    """What a text holds: each key once, and what cannot be imported, by line."""
    items: list[Item] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for one in _READERS[format](text):
        fault = one if isinstance(one, Fault) else judge(one)
        if fault is None and isinstance(one, Item) and one.key in seen:
            fault = Fault(one.line, f"its key is in line {seen[one.key]} already", one.key)
        if fault is not None:
            faults.append(fault)
        elif isinstance(one, Item):
            seen[one.key] = one.line
            items.append(one)
    return items, faults


def judge(item: Item) -> Fault | None:
    """Why a value cannot be imported, or None."""
    if not item.key.strip():
        return Fault(item.line, "has no key", None, item.unit)
    if item.value is None or item.value == "":
        return _fault(item, "has no value")
    if item.value == MASK:
        return _fault(item, "is masked: the value itself is not in the file")
    try:
        json.dumps(item.value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return _fault(item, "is no JSON value, or has a key twice")
    return None


def _fault(item: Item, message: str) -> Fault:
    return Fault(item.line, message, item.key, item.unit)


def _read_dotenv(text: str) -> Iterator[Item | Fault]:
    for binding in parse_stream(io.StringIO(text)):
        # A binding begins with the blank lines before it.
        head = binding.original.string
        line = binding.original.line + head[: len(head) - len(head.lstrip())].count("\n")
        if binding.error:
            yield Fault(line, "is no assignment")
        elif binding.key is not None:
            # ${:-$} is a dollar sign, as `resolve --format dotenv` writes it; nothing else is expanded.
            value = None if binding.value is None else re.sub(r"\$\{:-(\$?)\}", r"\1", binding.value)
            yield Item(line, binding.key, value)


def _read_json(text: str) -> Iterator[Item | Fault]:
    """Member by member, so that each has its line and a fault does not hide the rest."""
    decoder = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_make_object)
    find_line = _count_lines(text)
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        yield Fault(1, "is no JSON object of keys and values")
        return
    position, comma = _skip(text, position + 1), False
    try:
        while text[position : position + 1] != "}" or comma:
            line = find_line(position)
            key, position = decoder.raw_decode(text, position)
            position = _skip(text, position)
            if not isinstance(key, str) or text[position : position + 1] != ":":
                raise ValueError
            value, position = decoder.raw_decode(text, _skip(text, position + 1))
            yield Item(line, key, value)
            position = _skip(text, position)
            comma = text[position : position + 1] == ","
            if not comma and text[position : position + 1] != "}":
                raise ValueError
            position = _skip(text, position + 1) if comma else position
        if text[_skip(text, position + 1) :]:
            raise ValueError
    except (ValueError, RecursionError):
        yield Fault(find_line(position), "is no JSON from here on")


def _count_lines(text: str) -> Callable[[int], int]:
    """Tells the line of a position; each is behind the one before, so that a long text is counted once."""
    line, counted = 1, 0

    def find(position: int) -> int:
        nonlocal line, counted
        line, counted = line + text.count("\n", counted, position), position
        return line

    return find


def _make_object(pairs: list[tuple[str, Any]]) -> object:
    """An object; one with a key twice is none, which `judge` tells."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else object()


def _read_yaml(text: str) -> Iterator[Item | Fault]:
    loader = PlainLoader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            yield Fault(1, "is no mapping of keys and values")
            return
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str":
                yield Fault(line, "its key is no text: quote it")
                continue
            try:
                yield Item(line, str(key.value), check_size(cast("Any", loader).construct_object(value, deep=True)))
            except (yaml.YAMLError, ValueError):
                yield Fault(line, "its value is no JSON value", str(key.value))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield Fault(mark.line + 1 if mark else 1, "is no YAML from here on")
    except (RecursionError, ValueError):
        yield Fault(1, "is no YAML: nested too deeply, or with characters that it cannot have")


def _read_csv(text: str) -> Iterator[Item | Fault]:
    # A cell may be as long as a file.
    csv.field_size_limit(LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        titles = [title.strip().lower() for title in next(reader, list[str]())]
        if not {"key", "value"} <= set(titles) <= CSV_COLUMNS or len(titles) != len(set(titles)):
            yield Fault(1, "must be the header: key,value or key,value,type")
            return
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                yield _read_row(line, titles, cells)
            line = reader.line_num + 1
    except csv.Error:
        yield Fault(line, "is no CSV from here on")


def _read_row(line: int, titles: list[str], cells: list[str]) -> Item | Fault:
    if len(cells) != len(titles):
        return Fault(line, f"has {len(cells)} cells, not {len(titles)}")
    row = dict(zip(titles, cells, strict=True))
    kind = row.get("type", "").strip().upper()
    if kind and kind not in ConfigType.__members__:
        return Fault(line, "its type is none of string, int, bool, json, secret", row["key"])
    return Item(line, row["key"], row["value"], ConfigType[kind] if kind else None)


def _skip(text: str, position: int) -> int:
    while text[position : position + 1] in (" ", "\t", "\n", "\r"):
        position += 1
    return position


def _refuse(name: str) -> Any:
    raise ValueError(name)


_READERS: Mapping[FileFormat, Callable[[str], Iterator[Item | Fault]]] = {
    FileFormat.DOTENV: _read_dotenv,
    FileFormat.JSON: _read_json,
    FileFormat.YAML: _read_yaml,
    FileFormat.CSV: _read_csv,
}
