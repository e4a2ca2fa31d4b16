"""`strongroom integration`: products to connect to, and the schemas of their configs."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from strongroom.api import CreateIntegrationInput, DeleteIntegrationInput, UpdateIntegrationInput
from strongroom.api.integrations import IntegrationsIntegrationsEdgesNode
from strongroom.command.asking import confirm, read_text
from strongroom.command.output import clean, note, report, say, show_json, show_table
from strongroom.command.schema_diff import Step, compare
from strongroom.command.schemas import Wanted, read_schemas
from strongroom.command.session import PAGE, Json, Reason, Yes, connect, find_integration, walk
from strongroom.errors import NotFound, StrongroomError
from strongroom.synchronous import Strongroom

app = typer.Typer(no_args_is_help=True, help="Apply, list, show and delete integrations and their schemas.")

Name = Annotated[str, typer.Argument(help="The integration's name.")]


@app.command("apply")
def apply(
    file: Annotated[str, typer.Argument(metavar="FILE", help="YAML or JSON; - is standard input.")],
    name: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--name", help="The integration's name, where the file does not say it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    yes: Yes = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Make integrations what a file says: Strongroom's own fields, or JSON Schema.

    In JSON Schema, writeOnly, format: password and airbyte_secret make a secret. What would change is shown first; what
    takes values away, or changes their type, is asked about. Applying twice changes nothing the second time.
    Integrations that the file does not name stay as they are. Each integration is one transaction.
    """
    wanted = read_schemas(read_text(file), name)
    with connect(reason) as client:
        planned = [(one, *_plan(client, one)) for one in wanted]
        if not as_json:
            for one, id, steps in planned:
                _show(one, id, steps)
        if not dry_run:
            _confirm(planned, yes=yes)
        results = [_carry_out(client, one, id, steps, dry_run=dry_run) for one, id, steps in planned]
    if as_json:
        show_json(results)


@app.command("list")
def list_integrations(as_json: Json = False) -> None:
    """List the integrations."""
    with connect() as client:
        rows: list[IntegrationsIntegrationsEdgesNode] = list(
            walk(lambda after: client.api.integrations(first=PAGE, after=after).integrations)
        )
    if as_json:
        show_json(rows)
    else:
        cells = [(row.name, row.description, row.updated_at, row.id) for row in rows]
        show_table(("NAME", "DESCRIPTION", "UPDATED", "ID"), cells, "there is no integration")


@app.command("show")
def show_integration(name: Name, as_json: Json = False) -> None:
    """Show an integration's schema."""
    with connect() as client:
        found = find_integration(client, name)
    if as_json:
        show_json(found)
        return
    cells = [
        (one.key, one.type_.value.lower(), "yes" if one.required else "", one.default, one.options, one.description)
        for one in found.config_schema
    ]
    show_table(("KEY", "TYPE", "REQUIRED", "DEFAULT", "OPTIONS", "DESCRIPTION"), cells, "it has no fields")


@app.command("delete")
def delete_integration(name: Name, yes: Yes = False, reason: Reason = None, as_json: Json = False) -> None:
    """Delete an integration: it resolves no more."""
    with connect(reason) as client:
        found = find_integration(client, name)
        confirm(f"Delete integration {name}?", yes=yes)
        client.api.delete_integration(DeleteIntegrationInput(id=found.id))
    report(f"deleted {name}", {"id": found.id, "deleted": True}, as_json=as_json)


def _plan(client: Strongroom, wanted: Wanted) -> tuple[str | None, list[Step]]:
    """The id of the integration that is there, if any, and what is to be changed."""
    try:
        current = find_integration(client, wanted.name)
    except NotFound:
        return None, compare([], wanted.fields)
    steps = compare(current.config_schema, wanted.fields)
    if wanted.description is not None and wanted.description != current.description:
        steps.append(Step("~", "its description"))
    return current.id, steps


def _show(wanted: Wanted, id: str | None, steps: list[Step]) -> None:
    state = "is new" if id is None else "changes" if steps else "is as it should be"
    say(f"{clean(wanted.name)} {state}")
    for step in steps:
        say(f"  {step}")
    for line in wanted.notes:
        note(f"  {line}")


def _confirm(planned: list[tuple[Wanted, str | None, list[Step]]], *, yes: bool) -> None:
    destructive = [f"{one.name} {step}" for one, _, steps in planned for step in steps if step.destroys]
    if destructive:
        count = "1 change takes" if len(destructive) == 1 else f"{len(destructive)} changes take"
        confirm(f"{count} values away or changes their type. Go on?", yes=yes)


def _carry_out(
    client: Strongroom, wanted: Wanted, id: str | None, steps: list[Step], *, dry_run: bool
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "integration": wanted.name,
        "result": "created" if id is None else "updated" if steps else "unchanged",
        "steps": [str(step) for step in steps],
        "dryRun": dry_run,
    }
    if dry_run or (id is not None and not steps):
        return result
    fields = list(wanted.fields)
    try:
        if id is None:
            given = CreateIntegrationInput(name=wanted.name, description=wanted.description, config_schema=fields)
            client.api.create_integration(given)
            return result
        change = UpdateIntegrationInput(id=id, config_schema=fields)
        if wanted.description is not None:
            change.description = wanted.description
        done = client.api.update_integration(change).update_integration
    except StrongroomError:
        note(f"{wanted.name} was refused; what was applied before it stays")
        raise
    return result | {"migrated": done.migrated, "dropped": done.dropped, "restored": done.restored}
