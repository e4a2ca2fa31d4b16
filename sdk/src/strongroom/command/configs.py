"""`strongroom config`: values one by one."""

from __future__ import annotations

import json
from typing import Annotated, Any, Optional

import typer

from strongroom.api import ConfigType, DeleteConfigInput
from strongroom.command.asking import STDIN, ask_secret, confirm, drop_line_break, read_text
from strongroom.command.failures import REFUSED, USAGE, Failure
from strongroom.command.output import report, say, show_json, show_table
from strongroom.command.session import Integration, Json, Organization, Reason, Reveal, Yes, connect, find_integration
from strongroom.command.targets import IsGlobal, Target, find_target
from strongroom.errors import NotFound

app = typer.Typer(no_args_is_help=True, help="List, show, write and remove values.")

Key = Annotated[str, typer.Argument(help="The config key.")]


@app.command("list")
def list_configs(
    integration: Integration = None,
    organization: Organization = None,
    is_global: IsGlobal = False,
    reveal: Reveal = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """List the configs of one place, secrets masked: defaults (--integration), overrides (and --organization),
    standalone ones (--organization alone, or --global)."""
    with connect(reason) as client:
        target = find_target(client, integration, organization, is_global=is_global)
        rows = list(target.list())
        shown = (
            {row.id: row.decrypted_value for row in target.reveal()} if reveal else {row.id: row.value for row in rows}
        )
    if as_json:
        show_json([row.model_dump(mode="json", by_alias=True) | {"value": shown[row.id]} for row in rows])
        return
    cells = [
        (row.key, row.type_.value.lower(), shown.get(row.id), row.version, row.updated_at, row.updated_by)
        for row in rows
    ]
    show_table(("KEY", "TYPE", "VALUE", "VERSION", "UPDATED", "BY"), cells, f"there are no {target}")


@app.command("get")
def get_config(
    key: Key,
    integration: Integration = None,
    organization: Organization = None,
    is_global: IsGlobal = False,
    reveal: Reveal = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Print one value, and nothing else; [SECRET] for a secret unless --reveal is given."""
    with connect(reason) as client:
        row = _find(find_target(client, integration, organization, is_global=is_global), key)
        value: Any = row.value
        if reveal:
            shown = client.api.reveal(row.id).config
            value = None if shown is None else shown.decrypted_value
    if as_json:
        show_json(row.model_dump(mode="json", by_alias=True) | {"value": value})
    else:
        say(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


@app.command("set")
def set_config(
    key: Key,
    integration: Integration = None,
    organization: Organization = None,
    is_global: IsGlobal = False,
    file: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--file", metavar="FILE", help="Read the value from a file, all of it; - is standard input."),
    ] = None,
    type_: Annotated[
        Optional[ConfigType],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--type", case_sensitive=False, help="What a standalone value is; SECRET for a new one."),
    ] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Write one value. It is asked for without being shown, or read from a file or standard input.

    There is no option that takes the value: what is on a command line is in the shell's history and the process list.
    From standard input, one last line break is left out; from a file, nothing is.
    """
    if "=" in key:
        # It would become the name of a config, which everybody is shown.
        raise Failure(
            "a value is never an argument: it is asked for, or read from standard input or a file", code=USAGE
        )
    with connect(reason) as client:
        target = find_target(client, integration, organization, is_global=is_global)
        if type_ and not target.is_standalone:
            raise Failure("the type of this key is the schema's to say: --type is for standalone configs", code=USAGE)
        kind = _find_type(target, key, type_)
        text = ask_secret(f"Value of {key}") if file is None else read_text(file, encoding="utf-8")
        text = drop_line_break(text) if file == STDIN else text
        if not text:
            raise Failure("the value is empty: `strongroom config unset` removes one")
        target.write({key: _read(text, kind)}, {key: kind})
    report(f"wrote {key} of the {target}", {"key": key, "of": str(target)}, as_json=as_json)


@app.command("unset")
def unset_config(
    key: Key,
    integration: Integration = None,
    organization: Organization = None,
    is_global: IsGlobal = False,
    yes: Yes = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Remove one value. It goes to the history, which the service keeps."""
    with connect(reason) as client:
        target = find_target(client, integration, organization, is_global=is_global)
        row = _find(target, key)
        confirm(f"Remove {key} from the {target}?", yes=yes)
        client.api.delete_config(DeleteConfigInput(id=row.id))
    told = {"key": key, "of": str(target), "removed": True}
    report(f"removed {key} from the {target}", told, as_json=as_json)


def _find(target: Target, key: str) -> Any:
    found = next((row for row in target.list() if row.key == key), None)
    if found is None:
        raise NotFound(f"{key} is not among the {target}")
    return found


def _find_type(target: Target, key: str, given: ConfigType | None) -> ConfigType:
    if given:
        return given
    if target.integration:
        fields = find_integration(target.client, target.integration).config_schema
        # An unknown key is the service's to refuse.
        return next((field.type_ for field in fields if field.key == key), ConfigType.STRING)
    return next((row.type_ for row in target.list() if row.key == key), ConfigType.SECRET)


def _read(text: str, kind: ConfigType) -> Any:
    if kind is not ConfigType.JSON:
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass
    raise Failure("this key holds JSON, and the value is none", code=REFUSED)
