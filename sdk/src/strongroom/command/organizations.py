"""`strongroom organization`: the customers whose configs are kept."""

from __future__ import annotations

from typing import Annotated

import typer

from strongroom.api import CreateOrganizationInput, DeleteOrganizationInput
from strongroom.api.organization import OrganizationOrganization
from strongroom.api.organizations import OrganizationsOrganizationsEdgesNode
from strongroom.command.asking import confirm
from strongroom.command.output import note, report, say, show_json, show_table
from strongroom.command.session import PAGE, Json, Reason, Yes, connect, walk
from strongroom.errors import NotFound
from strongroom.synchronous import Strongroom

app = typer.Typer(no_args_is_help=True, help="List, show, create and delete organizations.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The organization's id, as `organization list` shows it.")]


@app.command("list")
def list_organizations(as_json: Json = False) -> None:
    """List the organizations."""
    with connect() as client:
        rows: list[OrganizationsOrganizationsEdgesNode] = list(
            walk(lambda after: client.api.organizations(first=PAGE, after=after).organizations)
        )
    if as_json:
        show_json(rows)
    else:
        show_table(("NAME", "ID"), [(row.name, row.id) for row in rows], "there is no organization")


@app.command("show")
def show_organization(id: Id, as_json: Json = False) -> None:
    """Show one organization."""
    with connect() as client:
        found = _find(client, id)
    if as_json:
        show_json(found)
    else:
        show_table(("NAME", "ID"), [(found.name, found.id)], "")


@app.command("create")
def create_organization(
    name: Annotated[str, typer.Argument(help="Its name; several may have the same.")],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Create an organization. Its id is printed."""
    with connect(reason) as client:
        made = client.api.create_organization(CreateOrganizationInput(name=name)).create_organization.organization
    if as_json:
        show_json(made)
    else:
        note(f"created {made.name}")
        say(made.id)


@app.command("delete")
def delete_organization(id: Id, yes: Yes = False, reason: Reason = None, as_json: Json = False) -> None:
    """Delete an organization with its configs and its keys: nothing opens its secrets again, in no backup either."""
    with connect(reason) as client:
        found = _find(client, id)
        confirm(f"Delete {found.name} ({found.id}) with all its configs and secrets, for good?", yes=yes)
        client.api.delete_organization(DeleteOrganizationInput(id=found.id))
    report(f"deleted {found.name}", {"id": found.id, "deleted": True}, as_json=as_json)


def _find(client: Strongroom, id: str) -> OrganizationOrganization:
    found = client.api.organization(id).organization
    if found is None:
        raise NotFound("organization not found")
    return found
