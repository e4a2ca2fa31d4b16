"""YAML as data: JSON is a part of it. No timestamps, no tags, no key twice; what aliases make is bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from itertools import islice
from typing import Any, cast

import yaml

SIZE, DEPTH = 200_000, 100
"""Values that a text may stand for, and levels: a page of aliases may stand for more than there is memory."""


class PlainLoader(yaml.SafeLoader):
    """Reads dates as the texts that they are, and refuses what JSON does not have."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuses a key that is there twice, or is no text."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem="a key is no text: quote it", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem="a key is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Plain: Any = PlainLoader  # its methods have no types
# YAML 1.2's core schema: `no` and `on` are texts, and so are 1:30 and 012.
PlainLoader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|-?\.[0-9]+(?:[eE][-+]?[0-9]+)?", "-.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"^(?:{_pattern})$"), list(_first))
for _name in ("timestamp", "binary", "set", "omap", "pairs"):
    _Plain.add_constructor(f"tag:yaml.org,2002:{_name}", _Plain.construct_undefined)


def read_yaml(text: str) -> Any:
    """The one document of a text. Raises yaml.YAMLError, whose message may repeat the text: show its line alone."""
    if text.lstrip()[:1] in ("{", "["):
        # JSON may be indented with tabs, which YAML forbids.
        try:
            return json.loads(text, object_pairs_hook=_make_object, parse_constant=_refuse)
        except (RecursionError, ValueError):
            pass
    loader = PlainLoader(text)
    try:
        return check_size(loader.get_single_data())
    except (RecursionError, ValueError):
        raise yaml.YAMLError("nested too deeply, or a number that is none") from None
    finally:
        cast("Any", loader).dispose()


def check_size(value: Any) -> Any:
    """The value. Raises yaml.YAMLError where, written out, it would be too large or would have no end."""
    left, level = SIZE, [value]
    for _ in range(DEPTH):
        left -= len(level)
        if left < 0 or not level:
            break
        level = list(islice((part for one in level for part in _parts(one)), SIZE))
    if level:
        raise yaml.YAMLError("too large, or nested too deeply")
    return value


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[Any, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(name)
