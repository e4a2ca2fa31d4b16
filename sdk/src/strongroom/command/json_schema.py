"""JSON Schema as a config schema.

string, integer and boolean are STRING, INT and BOOL; everything else is JSON. What is marked as a secret is one:
writeOnly, format "password", airbyte_secret, or an object or a choice that has such a part anywhere within.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from strongroom.api import ConfigFieldInput, ConfigType
from strongroom.command.output import clean

DESCRIPTION_LIMIT = 500
DEPTH = 40

_TYPES = {"string": ConfigType.STRING, "integer": ConfigType.INT, "boolean": ConfigType.BOOL}


def read_properties(
    schema: Mapping[str, Any], name: str, problems: list[str], notes: list[str]
) -> list[ConfigFieldInput]:
    """The fields of an object's schema, in `order` where that is given; faults and what is left out are told."""
    listed: Any = schema.get("required")
    required: set[str] = set(cast("list[str]", listed)) if isinstance(listed, list) else set()
    properties = cast("dict[str, Any]", schema["properties"])
    lacking = sorted(required - properties.keys())
    problems += [f"{name}.{clean(key)}: is required and has no schema" for key in lacking]
    found: list[tuple[float, ConfigFieldInput]] = []
    for key, told in properties.items():
        one = _resolve(told, schema)
        if one is None:
            problems.append(f"{name}.{clean(key)}: its schema is none, or its $ref leads nowhere")
            continue
        order = one.get("order")
        place = float(order) if isinstance(order, (int, float)) else float("inf")
        found.append((place, _read_field(key, one, key in required, schema, notes, name)))
    # Stable: what has no order stays in the order of the file, after what has.
    return [field for _, field in sorted(found, key=lambda pair: pair[0])]


def shorten(description: str) -> str:
    """A description as long as the service takes it."""
    text = description.strip()
    return text if len(text) <= DESCRIPTION_LIMIT else f"{text[: DESCRIPTION_LIMIT - 1]}…"


def is_secret(schema: Any, root: Mapping[str, Any], depth: int = DEPTH) -> bool:
    """Whether a schema, or any part of it, is marked as a secret. Beyond so many levels it is taken for one."""
    one = _resolve(schema, root)
    if one is None:
        return False
    if depth == 0 or one.get("writeOnly") is True or one.get("airbyte_secret") is True:
        return True
    return one.get("format") == "password" or any(is_secret(part, root, depth - 1) for part in _parts(one))


def _read_field(
    key: str, one: Mapping[str, Any], required: bool, root: Mapping[str, Any], notes: list[str], name: str
) -> ConfigFieldInput:
    secret = is_secret(one, root)
    kind = ConfigType.SECRET if secret else _TYPES.get(_type(one), ConfigType.JSON)
    default, options = one.get("default"), _options(one)
    if secret and (default is not None or options is not None):
        notes.append(f"{name}.{clean(key)}: a secret has neither default nor options; they are left out")
        default = options = None
    told = one.get("description") or one.get("title")
    return ConfigFieldInput(
        key=key,
        type_=kind,
        required=required,
        default=default,
        options=options,
        description=shorten(told) if isinstance(told, str) else None,
    )


def _type(one: Mapping[str, Any]) -> str:
    told = one.get("type")
    kinds = cast("list[Any]", told) if isinstance(told, list) else [told]
    kinds = [kind for kind in kinds if kind != "null"]
    if kinds == [None]:
        # A choice among texts need not say that they are texts.
        values = _enum(one)
        return "string" if values and all(isinstance(value, str) for value in values) else "any"
    return kinds[0] if len(kinds) == 1 and isinstance(kinds[0], str) else "any"


def _enum(one: Mapping[str, Any]) -> list[Any] | None:
    told = one.get("enum", [one["const"]] if "const" in one else None)
    return cast("list[Any]", told) if isinstance(told, list) else None


def _options(one: Mapping[str, Any]) -> list[str] | None:
    values = [value for value in _enum(one) or [] if value is not None]
    if not values or any(isinstance(value, (dict, list)) for value in values):
        return None
    return [value if isinstance(value, str) else json.dumps(value) for value in values]


def _resolve(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A schema, or the one of this document that it refers to; None where that is none."""
    seen: set[str] = set()
    while isinstance(schema, dict) and "$ref" in schema:
        told = cast("dict[str, Any]", schema)
        reference = told["$ref"]
        if not isinstance(reference, str) or not reference.startswith("#/") or reference in seen:
            return None
        seen.add(reference)
        target: Any = root
        for step in reference[2:].split("/"):
            target = cast("dict[str, Any]", target).get(_unescape(step)) if isinstance(target, dict) else None
        # What stands beside a $ref counts too: writeOnly, or a description.
        beside = {name: value for name, value in told.items() if name != "$ref"}
        schema = {**cast("dict[str, Any]", target), **beside} if isinstance(target, dict) else None
    return cast("dict[str, Any]", schema) if isinstance(schema, dict) else None


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _parts(one: Mapping[str, Any]) -> Iterator[Any]:
    for name in ("properties", "patternProperties", "$defs", "definitions"):
        told = one.get(name)
        if isinstance(told, dict):
            yield from cast("dict[str, Any]", told).values()
    for name in (
        "oneOf",
        "anyOf",
        "allOf",
        "items",
        "prefixItems",
        "additionalProperties",
        "then",
        "else",
        "if",
        "contains",
    ):
        told = one.get(name)
        yield from cast("list[Any]", told) if isinstance(told, list) else [told]
