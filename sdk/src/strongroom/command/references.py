"""What a part of a JSON Schema is made of: what it refers to, what applies beside it, and what is within it.

A reference is one within the document. One that leads nowhere raises LookupError: what is not known may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

Schema = Mapping[str, Any]

NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
"""Keywords that hold schemas by names of the document's own."""

DATA = frozenset({"default", "const", "enum", "example", "examples"})
"""Keywords that hold values, and no schemas."""

CHOICES = ("oneOf", "anyOf", "then", "else")
"""Keywords whose schemas apply to the same value, but not always."""


def find(reference: Any, root: Schema) -> Any:
    """What `$ref` refers to. Raises LookupError where that is nowhere in the document."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise LookupError
    target: Any = root
    for step in unquote(reference[2:]).split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list):
            target = cast("list[Any]", target)[int(name)] if name.isdecimal() else None
        else:
            target = cast("dict[str, Any]", target)[name] if isinstance(target, dict) else None
    if isinstance(target, (dict, bool)):
        return cast("Any", target)
    raise LookupError


def walk(schema: Any, root: Schema) -> Iterator[Schema]:
    """A schema and all that is within it or that it refers to, each reference followed once.

    A keyword that is not known is taken for one with schemas: what a document says with it may be a mark.
    """
    waiting, followed = [schema], set[str]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += cast("list[Any]", one)
        elif isinstance(one, dict):
            told = cast("dict[str, Any]", one)
            yield told
            waiting += [part for name, part in told.items() if name not in NAMED and name not in DATA]
            waiting += [part for name in NAMED if isinstance(told.get(name), dict) for part in told[name].values()]
            if "$ref" in told and str(told["$ref"]) not in followed:
                followed.add(str(told["$ref"]))
                waiting.append(find(told["$ref"], root))


def list_applied(schema: Any, root: Schema) -> list[tuple[Schema, bool]]:
    """All schemas that apply to the same value as this one, itself first; and whether they always do.

    Those of `allOf`, and what is referred to, always apply; those of choices and conditions may.
    """
    found: list[tuple[Schema, bool]] = []
    waiting, followed = [(schema, True)], set[tuple[str, bool]]()
    while waiting:
        one, always = waiting.pop(0)
        if not isinstance(one, dict):
            continue
        told = cast("dict[str, Any]", one)
        found.append((told, always))
        if "$ref" in told and (str(told["$ref"]), always) not in followed:
            followed.add((str(told["$ref"]), always))
            waiting.append((find(told["$ref"], root), always))
        waiting += [(part, always) for part in _list(told.get("allOf"))]
        waiting += [(part, False) for name in CHOICES for part in _list(told.get(name))]
        waiting += [(part, False) for name in ("dependentSchemas", "dependencies") for part in _values(told.get(name))]
    return found


def _list(told: Any) -> list[Any]:
    return cast("list[Any]", told) if isinstance(told, list) else [told]


def _values(told: Any) -> list[Any]:
    return list(cast("dict[str, Any]", told).values()) if isinstance(told, dict) else []
