"""`strongroom import`: values from a file into one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.progress import Progress

from strongroom.api import ConfigType
from strongroom.command.asking import read_text
from strongroom.command.exported import is_document, read_document
from strongroom.command.failures import IN_PART, USAGE, Failure
from strongroom.command.output import clean, note, show_json
from strongroom.command.reading import Fault, FileFormat, Found, Item, find_format, read_items
from strongroom.command.sealed import is_sealed, unseal
from strongroom.command.session import Integration, Json, Organization, Reason, connect
from strongroom.command.targets import IsGlobal, Target, find_target
from strongroom.errors import BadInput, Problem

LIMIT = 500
"""Configs that the service writes at once, at most."""


def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file; - is standard input.")],
    integration: Integration = None,
    organization: Organization = None,
    is_global: IsGlobal = False,
    format: Annotated[
        Optional[FileFormat],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--format", "-f", help="What the file is; without it, its name tells."),
    ] = None,
    identity: Annotated[
        Optional[str],  # noqa: UP045 - as above
        typer.Option("--identity", metavar="FILE", help="The file with the key that opens a sealed export."),
    ] = None,
    type_: Annotated[
        Optional[list[str]],  # noqa: UP045 - as above
        typer.Option("--type", metavar="KEY=TYPE", help="What a standalone value is; may be repeated."),
    ] = None,
    text_as: Annotated[
        ConfigType,
        typer.Option("--text-as", case_sensitive=False, help="What standalone text is where nothing says it."),
    ] = ConfigType.SECRET,
    partial: Annotated[bool, typer.Option("--partial", help="Import what can be, and list the rest.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be imported, and import nothing.")
    ] = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Import dotenv, JSON, YAML, CSV (columns key, value and, for standalone configs, type) or an export.

    Into defaults (--integration), overrides (and --organization), or standalone configs (--organization alone, or
    --global). What cannot be imported is listed by line. Without --partial it is all or nothing, in one transaction of
    the service; with it the exit code is 14 when anything was left out. A value that is there is written over, and goes
    to the history.
    """
    items, faults = _read(file, format, identity)
    with connect(reason) as client:
        target = find_target(client, integration, organization, is_global=is_global)
        _refuse(faults, partial=partial)
        if len(items) > LIMIT and not partial:
            raise Failure(f"more than {LIMIT} values cannot be written all or nothing; --partial writes them in parts")
        existing = {row.key: row.type_ for row in target.list()}
        types = _type_all(target, items, existing, type_ or (), text_as)
        if not dry_run:
            items, refused = _write(target, items, types, partial=partial)
            faults = [*faults, *refused]
    _tell(target, items, faults, existing, dry_run=dry_run, as_json=as_json)
    if faults:
        raise typer.Exit(IN_PART)


def _read(file: str, format: FileFormat | None, identity: str | None) -> Found:
    text = read_text(file)
    if is_sealed(text):
        if identity is None:
            raise Failure("the file is sealed: --identity FILE names the key that opens it", code=USAGE)
        return read_document(unseal(text, identity))
    if format in (None, FileFormat.JSON) and is_document(text):
        return read_document(text)
    return read_items(text, find_format(file, format))


def _refuse(faults: Sequence[Fault], *, partial: bool) -> None:
    if faults and not partial:
        raise Failure("nothing was imported; --partial leaves these out", _lines(faults))


def _type_all(
    target: Target, items: Sequence[Item], existing: Mapping[str, ConfigType], given: Sequence[str], text_as: ConfigType
) -> dict[str, ConfigType]:
    if not target.is_standalone:
        if given:
            raise Failure("the types are the schema's to say: --type is for standalone configs", code=USAGE)
        return {}
    told = read_types(given)
    return {
        item.key: told.get(item.key) or item.type or existing.get(item.key) or _guess(item.value, text_as)
        for item in items
    }


def read_types(given: Sequence[str]) -> dict[str, ConfigType]:
    """The types that --type gives to keys. Raises Failure, which repeats a key and not what stands behind it."""
    told: dict[str, ConfigType] = {}
    for one in given:
        key, _, kind = one.rpartition("=")
        if not key or kind.upper() not in ConfigType.__members__:
            where = f" of {clean(key)}" if key else ""
            raise Failure(f"--type{where}: must be KEY=TYPE, of string, int, bool, json, secret", code=USAGE)
        told[key] = ConfigType[kind.upper()]
    return told


def _guess(value: Any, text_as: ConfigType) -> ConfigType:
    if isinstance(value, str):
        return text_as
    if isinstance(value, bool):
        return ConfigType.BOOL
    return ConfigType.INT if isinstance(value, int) else ConfigType.JSON


def _write(
    target: Target, items: list[Item], types: Mapping[str, ConfigType], *, partial: bool
) -> tuple[list[Item], list[Fault]]:
    written: list[Item] = []
    refused: list[Fault] = []
    with Progress(console=Console(stderr=True), disable=len(items) <= LIMIT) as progress:
        for start in progress.track(range(0, len(items), LIMIT), description="importing"):
            some, faults = _write_some(target, items[start : start + LIMIT], types, partial=partial)
            written += some
            refused += faults
    return written, refused


def _write_some(
    target: Target, items: list[Item], types: Mapping[str, ConfigType], *, partial: bool
) -> tuple[list[Item], list[Fault]]:
    refused: list[Fault] = []
    while items:
        try:
            target.write({item.key: item.value for item in items}, types)
            break
        except BadInput as error:
            faults = [_place(problem, items) for problem in error.problems]
            if not faults or any(fault is None for fault in faults):
                raise
        found = [fault for fault in faults if fault is not None]
        _refuse(found, partial=partial)
        refused += found
        items = [item for item in items if item.key not in {fault.key for fault in found}]
    return items, refused


def _place(problem: Problem, items: Sequence[Item]) -> Fault | None:
    """The line of a problem that the service found; None for one of the whole."""
    for at, step in enumerate(problem.path):
        rest = problem.path[at + 1 :]
        item = None
        if step == "configs" and rest and isinstance(rest[0], int) and rest[0] < len(items):
            item = items[rest[0]]
        elif step == "config" and rest:
            item = next((one for one in items if one.key == rest[0]), None)
        if item is not None:
            return Fault(item.line, problem.message, item.key, item.unit)
    return None


def _lines(faults: Sequence[Fault]) -> list[str]:
    return [
        f"{fault.unit} {fault.line}: {f'{clean(fault.key)} ' if fault.key else ''}{clean(fault.message)}"
        for fault in _order(faults)
    ]


def _order(faults: Sequence[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: fault.line)


def _tell(
    target: Target,
    items: Sequence[Item],
    faults: Sequence[Fault],
    existing: Mapping[str, ConfigType],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    over = [item.key for item in items if item.key in existing]
    faults = _order(faults)
    if as_json:
        left_out = [{"line": fault.line, "key": fault.key, "message": fault.message} for fault in faults]
        keys = [item.key for item in items]
        show_json({"imported": keys, "writtenOver": over, "leftOut": left_out, "dryRun": dry_run})
        return
    verb = "would import" if dry_run else "imported"
    note(f"{verb} {len(items)} into the {target}, {len(over)} of them over what was there")
    for line in _lines(faults):
        note(f"  left out: {line}")
