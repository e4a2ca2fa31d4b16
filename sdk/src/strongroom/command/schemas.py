"""An integration's schema in a file: its fields as Strongroom has them, or JSON Schema; as YAML or JSON.

    name: halo-psa                          {"title": "halo-psa", "type": "object", "required": ["api_key"],
    description: …                           "properties": {"api_key": {"type": "string", "writeOnly": true}}}
    fields:
      - {key: api_key, type: secret, required: true}

A list, or `integrations:` with a list, holds several. `config_schema` and `configSchema` are `fields` too, and a
connector's specification keeps its JSON Schema under `connectionSpecification`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from strongroom.api import ConfigFieldInput, ConfigType
from strongroom.command.failures import Failure
from strongroom.command.json_schema import read_properties, shorten
from strongroom.command.output import clean
from strongroom.command.plain_yaml import read_yaml

FIELDS = ("fields", "config_schema", "configSchema")
SPECIFICATION = "connectionSpecification"


@dataclass(frozen=True)
class Wanted:
    """An integration as a file has it; `notes` are what had to be left out."""

    name: str
    description: str | None
    fields: Sequence[ConfigFieldInput]
    notes: list[str] = field(default_factory=list[str])


def read_schemas(text: str, name: str | None = None) -> list[Wanted]:
    """The integrations of a file; `name` for one that does not name itself. Raises Failure with every problem."""
    try:
        told: Any = read_yaml(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        why = getattr(error, "problem", None) or (str(error) if where is None else "")
        raise Failure(f"the file is neither YAML nor JSON{line}: {clean(why)}") from None
    several: Any = cast("dict[str, Any]", told).get("integrations") if isinstance(told, dict) else told
    entries: list[Any] = cast("list[Any]", several) if isinstance(several, list) else [told]
    if name and len(entries) > 1:
        raise Failure("--name is for a file with one integration")
    problems: list[str] = []
    found = [_read_one(entry, name, number, problems) for number, entry in enumerate(entries)]
    names = [one.name for one in found]
    problems += [f"{clean(one)}: is there twice" for one in sorted({one for one in names if names.count(one) > 1})]
    if problems:
        raise Failure("the file is refused", problems)
    return found


def _read_one(entry: Any, name: str | None, number: int, problems: list[str]) -> Wanted:
    if not isinstance(entry, dict):
        problems.append(f"entry {number + 1}: is no integration: an object with fields or properties is one")
        return Wanted("", None, ())
    given = cast("dict[str, Any]", entry)
    specification = given.get(SPECIFICATION)
    schema = cast("dict[str, Any]", specification) if isinstance(specification, dict) else given
    called = name or given.get("name") or schema.get("title")
    if not isinstance(called, str) or not called:
        problems.append(f"entry {number + 1}: has no name; --name gives one")
        called = f"entry {number + 1}"
    notes: list[str] = []
    listed = next((given[key] for key in FIELDS if key in given), None)
    if listed is not None:
        fields = _read_fields(listed, called, problems)
    else:
        fields = read_properties(schema, clean(called), problems, notes)
        if fields is None:
            problems.append(f"{clean(called)}: has neither fields nor properties")
    description = given.get("description")
    return Wanted(called, description if isinstance(description, str) else None, fields or (), notes)


def _read_fields(listed: Any, name: str, problems: list[str]) -> list[ConfigFieldInput]:
    if not isinstance(listed, list):
        problems.append(f"{clean(name)}: its fields are no list")
        return []
    found: list[ConfigFieldInput] = []
    for number, entry in enumerate(cast("list[Any]", listed)):
        where = f"{clean(name)}, field {number + 1}"
        told = _read_field(entry, where, problems)
        if told is not None:
            found.append(told)
    return found


def _read_field(entry: Any, where: str, problems: list[str]) -> ConfigFieldInput | None:
    if not isinstance(entry, dict) or not isinstance(cast("dict[str, Any]", entry).get("key"), str):
        problems.append(f"{where}: has no key")
        return None
    given = cast("dict[str, Any]", entry)
    kind = str(given.get("type", "")).upper()
    options = given.get("options")
    if kind not in ConfigType.__members__:
        problems.append(f"{where} ({clean(given['key'])}): its type is none of string, int, bool, json, secret")
    elif options is not None and not _is_texts(options):
        problems.append(f"{where} ({clean(given['key'])}): its options are no list of texts")
    elif not isinstance(given.get("required", False), bool):
        problems.append(f"{where} ({clean(given['key'])}): required is neither true nor false")
    else:
        return ConfigFieldInput(
            key=given["key"],
            type_=ConfigType[kind],
            required=given.get("required", False),
            default=given.get("default"),
            options=options,
            description=_describe(given),
        )
    return None


def _describe(given: Mapping[str, Any]) -> str | None:
    told = given.get("description") or given.get("title")
    return shorten(told) if isinstance(told, str) else None


def _is_texts(options: Any) -> bool:
    return isinstance(options, list) and all(isinstance(one, str) for one in cast("list[Any]", options))
