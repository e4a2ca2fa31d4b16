"""`strongroom mapping`: which organization is tied to which integration."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from strongroom.api import CreateMappingInput, DeleteMappingInput, MappingInput, UpdateMappingInput, UpsertMappingsInput
from strongroom.api.mappings import MappingsMappingsEdgesNode
from strongroom.command.asking import confirm
from strongroom.command.failures import USAGE, Failure
from strongroom.command.output import report, show_json, show_table
from strongroom.command.session import (
    PAGE,
    Integration,
    Json,
    Organization,
    Reason,
    Yes,
    connect,
    find_integration,
    find_mapping,
    walk,
)
from strongroom.errors import NotFound
from strongroom.synchronous import Strongroom

app = typer.Typer(no_args_is_help=True, help="List, make, change and delete mappings.")

Needed = Annotated[str, typer.Option("--integration", "-i", metavar="NAME", help="The integration's name.")]
Fallback = Annotated[
    bool, typer.Option("--fallback", help="The mapping of every organization that has none of its own.")
]


@app.command("list")
def list_mappings(integration: Integration = None, organization: Organization = None, as_json: Json = False) -> None:
    """List mappings, of one integration or organization if given."""
    with connect() as client:
        given: dict[str, Any] = {}
        if integration:
            given["integration_id"] = find_integration(client, integration).id
        if organization:
            given["organization_id"] = organization
        rows: list[MappingsMappingsEdgesNode] = list(
            walk(lambda after: client.api.mappings(**given, first=PAGE, after=after).mappings)
        )
    if as_json:
        show_json(rows)
        return
    cells = [
        (
            row.integration.name,
            row.organization.name if row.organization else "(fallback)",
            row.organization.id if row.organization else None,
            row.entity_id,
            row.entity_name,
            row.missing,
        )
        for row in rows
    ]
    titles = ("INTEGRATION", "ORGANIZATION", "ORGANIZATION ID", "ENTITY ID", "ENTITY NAME", "MISSING")
    show_table(titles, cells, "there is no mapping")


@app.command("set")
def set_mapping(
    integration: Needed,
    entity_id: Annotated[str, typer.Option("--entity-id", help="The customer's id over there.")],
    organization: Organization = None,
    fallback: Fallback = False,
    entity_name: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--entity-name", help="The customer's name over there; without it, it stays."),
    ] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Map an organization to an integration, or change its mapping."""
    _check(organization, fallback)
    with connect(reason) as client:
        found = find_integration(client, integration)
        if fallback:
            _set_fallback(client, found.id, entity_id, entity_name)
        else:
            one = MappingInput(organization_id=organization or "", entity_id=entity_id, entity_name=entity_name)
            client.api.upsert_mappings(UpsertMappingsInput(integration_id=found.id, mappings=[one]))
    told = {"integration": integration, "organizationId": organization, "entityId": entity_id}
    whose = "every other organization" if fallback else organization
    report(f"mapped {whose} to {integration}", told, as_json=as_json)


@app.command("delete")
def delete_mapping(
    integration: Needed,
    organization: Organization = None,
    fallback: Fallback = False,
    yes: Yes = False,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Delete a mapping; its overrides go to the history with it."""
    _check(organization, fallback)
    with connect(reason) as client:
        found = find_mapping(client, find_integration(client, integration).id, None if fallback else organization)
        if found is None:
            raise NotFound("mapping not found")
        whose = found.organization.name if found.organization else "every other organization"
        confirm(f"Delete the mapping of {whose} to {integration}, and its overrides?", yes=yes)
        client.api.delete_mapping(DeleteMappingInput(id=found.id))
    told = {"id": found.id, "deleted": True}
    report(f"deleted the mapping of {whose} to {integration}", told, as_json=as_json)


def _set_fallback(client: Strongroom, integration_id: str, entity_id: str, entity_name: str | None) -> None:
    found = find_mapping(client, integration_id, None)
    if found is None:
        given = CreateMappingInput(integration_id=integration_id, entity_id=entity_id, entity_name=entity_name)
        client.api.create_mapping(given)
        return
    change = UpdateMappingInput(id=found.id, entity_id=entity_id)
    if entity_name is not None:
        change.entity_name = entity_name
    client.api.update_mapping(change)


def _check(organization: str | None, fallback: bool) -> None:
    if bool(organization) == fallback:
        raise Failure("say whose: --organization ID or --fallback", code=USAGE)
