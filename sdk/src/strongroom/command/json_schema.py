"""JSON Schema as a config schema.

string, integer and boolean are STRING, INT and BOOL, alone or as the only choice beside null; everything else is JSON.
What is marked as a secret is one: writeOnly, format "password", airbyte_secret, or an object or a choice that has such
a part anywhere within.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from strongroom.api import ConfigFieldInput, ConfigType
from strongroom.command.output import clean
from strongroom.command.references import Schema, list_applied, walk

DESCRIPTION_LIMIT = 500
DEPTH = 5
"""Choices within choices that are looked into for one type."""

_TYPES = {"string": ConfigType.STRING, "integer": ConfigType.INT, "boolean": ConfigType.BOOL}
_KINDS: dict[type, str] = {str: "string", int: "integer", bool: "boolean"}

Told = list[tuple[Schema, bool]]
"""What a document says of one property, in all places; and whether that always applies."""


def read_properties(schema: Schema, name: str, problems: list[str], notes: list[str]) -> list[ConfigFieldInput] | None:
    """The fields of an object's schema, in `order` where that is given; faults and what is left out are told.

    None, if nowhere in it there are properties.
    """
    try:
        applied = list_applied(schema, schema)
    except LookupError:
        problems.append(f"{name}: a $ref of it leads nowhere")
        return []
    told, is_object = _gather(applied)
    required = {key for one, always in applied if always for key in _list_texts(one.get("required"))}
    lacking = sorted(required - told.keys())
    problems += [f"{name}.{clean(key)}: is required and has no schema" for key in lacking]
    found: list[tuple[float, ConfigFieldInput]] = []
    for key, schemas in told.items():
        with _telling(problems, f"{name}.{clean(key)}: its schema is none, or a $ref of it leads nowhere"):
            found.append(_read_field(key, schemas, key in required, schema, notes, name))
    # Stable: what has no order stays in the order of the file, after what has.
    fields = [field for _, field in sorted(found, key=lambda pair: pair[0])]
    return fields if is_object else None


def shorten(description: str) -> str:
    """A description as long as the service takes it."""
    text = description.strip()
    return text if len(text) <= DESCRIPTION_LIMIT else f"{text[: DESCRIPTION_LIMIT - 1]}…"


def is_secret(schema: Any, root: Schema) -> bool:
    """Whether a schema, or any part of it, is marked as a secret. Raises LookupError where that cannot be known."""
    # `writeOnly: yes` is a text in YAML, and meant to be a mark: whatever does not deny it is one.
    return any(
        one.get("writeOnly") not in (None, False)
        or one.get("airbyte_secret") not in (None, False)
        or str(one.get("format")).lower() == "password"
        for one in walk(schema, root)
    )


@contextmanager
def _telling(problems: list[str], problem: str) -> Generator[None, None, None]:
    try:
        yield
    except LookupError:
        problems.append(problem)


def _gather(applied: Told) -> tuple[dict[str, Told], bool]:
    """What is said of each property, and whether there are any properties at all."""
    told: dict[str, Told] = {}
    is_object = False
    for one, always in applied:
        properties = one.get("properties")
        if isinstance(properties, dict):
            is_object = True
            for key, schema in cast("dict[str, Any]", properties).items():
                told.setdefault(key, []).append(({} if schema is True else schema, always))
    return told, is_object


def _read_field(
    key: str, told: Told, required: bool, root: Schema, notes: list[str], name: str
) -> tuple[float, ConfigFieldInput]:
    """The field of a property, and its place. Raises LookupError."""
    if not all(isinstance(one, dict) for one, _ in told):
        raise LookupError
    secret = any(is_secret(one, root) for one, _ in told)
    own = [part for one, _ in told for part in _list_own(one, root)]
    default = next((part["default"] for part in _list_default(told, root) if part.get("default") is not None), None)
    options = _find_options(told, root)
    if secret and (default is not None or options is not None):
        notes.append(f"{name}.{clean(key)}: a secret has neither default nor options; they are left out")
        default = options = None
    order = next((part["order"] for part in own if isinstance(part.get("order"), (int, float))), float("inf"))
    text = next((part[what] for what in ("description", "title") for part in own if _is_text(part.get(what))), None)
    return float(order), ConfigFieldInput(
        key=key,
        type_=ConfigType.SECRET if secret else _TYPES.get(_agree(told, root), ConfigType.JSON),
        required=required,
        default=default,
        options=options,
        description=None if text is None else shorten(text),
    )


def _list_own(schema: Schema, root: Schema) -> list[Schema]:
    """What always applies to a value of a schema."""
    return [one for one, always in list_applied(schema, root) if always]


def _list_default(told: Told, root: Schema) -> list[Schema]:
    """Where a default may be: what is the case only sometimes says nothing of what there is without a value."""
    return [part for one, always in told if always for part in _list_own(one, root)]


def _agree(told: Told, root: Schema) -> str:
    """The type that a property has; "any" where there is none, or where one time it is this and another time that."""
    kinds = [_find_kind(one, root) for one, always in told if always] or [_find_kind(one, root) for one, _ in told]
    found = {kind for kind in kinds if kind != "any"}
    sure = any(always for _, always in told)
    return found.pop() if len(found) == 1 and (sure or "any" not in kinds) else "any"


def _find_kind(schema: Any, root: Schema, depth: int = DEPTH) -> str:
    """The type of a schema's values, null aside; "any" for more than one."""
    own = _list_own(schema, root)
    for one in own:
        listed: Any = one.get("type")
        kinds = [kind for kind in (cast("list[Any]", listed) if isinstance(listed, list) else [listed]) if kind]
        values = _list_values(one)
        if kinds:
            wanted = {str(kind) for kind in kinds} - {"null"} or {"null"}
        elif values is not None:
            wanted = {_name_kind(value) for value in values if value is not None} or {"null"}
        else:
            continue
        return wanted.pop() if len(wanted) == 1 else "any"
    choices = _list_choices(own) if depth else []
    found = {_find_kind(one, root, depth - 1) for one in choices} - {"null"}
    return found.pop() if len(found) == 1 else "any"


def _name_kind(value: object) -> str:
    return _KINDS.get(type(value), "any")


def _find_options(told: Told, root: Schema) -> list[str] | None:
    """The options of a property: of what always applies the first that are listed; else all, if all are listed."""
    sure = [one for one, always in told if always]
    listed = [_enumerate(one, root) for one in (sure or [one for one, _ in told])]
    found = [values for values in listed if values is not None]
    if not found or (not sure and len(found) < len(listed)):
        return None
    values = found[0] if sure else [value for some in found for value in some]
    values = [value for value in values if value is not None]
    if not values or any(isinstance(value, (dict, list)) for value in values):
        return None
    return list(dict.fromkeys(value if isinstance(value, str) else json.dumps(value) for value in values))


def _enumerate(schema: Any, root: Schema, depth: int = DEPTH) -> list[Any] | None:
    """All values that a schema allows, if it lists them: by itself, or in each of its choices."""
    own = _list_own(schema, root)
    for one in own:
        values = _list_values(one)
        if values is not None:
            return values
    choices = _list_choices(own) if depth else []
    listed = [[None] if _find_kind(one, root) == "null" else _enumerate(one, root, depth - 1) for one in choices]
    found = [values for values in listed if values is not None]
    return [value for values in found for value in values] if found and len(found) == len(listed) else None


def _list_values(one: Schema) -> list[Any] | None:
    told = one.get("enum", [one["const"]] if "const" in one else None)
    return cast("list[Any]", told) if isinstance(told, list) else None


def _list_choices(own: Sequence[Schema]) -> list[Any]:
    """The alternatives of the first choice among these."""
    lists = (one.get(name) for one in own for name in ("oneOf", "anyOf"))
    return next((cast("list[Any]", told) for told in lists if isinstance(told, list)), list[Any]())


def _list_texts(told: Any) -> list[str]:
    return [one for one in cast("list[Any]", told) if isinstance(one, str)] if isinstance(told, list) else []


def _is_text(told: Any) -> bool:
    return isinstance(told, str) and bool(told.strip())
