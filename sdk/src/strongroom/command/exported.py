"""The document that `strongroom export` writes, version 1, and how strictly it is read.

    {"strongroom": "export", "version": 1, "of": "defaults of halo-psa",
     "configs": [{"key": "api_key", "type": "SECRET", "value": …}]}

`of` is for people. A value that is not in the document is left out, with "masked": true.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from strongroom.api import ConfigType
from strongroom.command.failures import Failure
from strongroom.command.reading import Fault, Found, Item, judge

KIND, VERSION = "export", 1
_HEAD = frozenset({"strongroom", "version", "of", "configs"})
_ENTRY = frozenset({"key", "type", "value", "masked"})


def write_document(of: str, entries: Iterable[Mapping[str, Any]]) -> str:
    """The document of these configs, each with key, type, and value or masked."""
    listed = list(entries)
    told = {"strongroom": KIND, "version": VERSION, "of": of, "configs": listed}
    return json.dumps(told, indent=2, ensure_ascii=True) + "\n"


def is_document(text: str) -> bool:
    """Whether a text means to be such a document."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "strongroom" in told and "configs" in told


def read_document(text: str) -> Found:
    """What a document holds; a fault has the number of its entry. Raises Failure for what is no such document."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Failure("this is no export")
    head = cast("dict[str, Any]", told)
    if head.keys() != _HEAD or head["strongroom"] != KIND or not isinstance(head["configs"], list):
        raise Failure("this is no export")
    if head["version"] is not VERSION:
        raise Failure("this export is of another version")
    items: list[Item] = []
    faults: list[Fault] = []
    for number, entry in enumerate(cast("list[Any]", head["configs"]), 1):
        one = _read_entry(entry, number, {item.key for item in items})
        if isinstance(one, Item):
            items.append(one)
        else:
            faults.append(one)
    return items, faults


def _read_entry(entry: Any, number: int, seen: set[str]) -> Item | Fault:
    given = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    key, kind = given.get("key"), str(given.get("type"))
    if not given.keys() <= _ENTRY or not isinstance(key, str) or kind not in ConfigType.__members__:
        return Fault(number, "is no config of an export", None, "entry")
    if given.get("masked"):
        return Fault(number, "is masked: the value itself is not in the file", key, "entry")
    if key in seen:
        return Fault(number, "its key is there already", key, "entry")
    item = Item(number, key, given.get("value"), ConfigType[kind], "entry")
    return judge(item) or item
