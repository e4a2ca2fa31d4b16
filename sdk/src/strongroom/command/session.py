"""The service that a command talks to, and looking things up in it by the names that people know."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Optional, TypeVar

import typer

from strongroom.api.integration import IntegrationIntegration
from strongroom.api.mappings import MappingsMappingsEdgesNode
from strongroom.command.profiles import find_profile
from strongroom.errors import NotFound
from strongroom.synchronous import Strongroom

PAGE = 200

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table for people.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; go on.")]
Reason = Annotated[
    Optional[str],  # noqa: UP045 - Typer reads it at run time, on Python 3.10 too
    typer.Option("--reason", help="Why, for the audit log of the service."),
]
Organization = Annotated[
    Optional[str],  # noqa: UP045 - as above
    typer.Option("--organization", "-o", metavar="ID", envvar="STRONGROOM_ORGANIZATION", help="The organization's id."),
]
Integration = Annotated[
    Optional[str],  # noqa: UP045 - as above
    typer.Option("--integration", "-i", metavar="NAME", help="The integration's name."),
]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show secrets; the service puts every one on record.")]


@dataclass
class Chosen:
    """What was chosen for every command, before its name."""

    profile: str | None = None


chosen = Chosen()


@contextmanager
def connect(reason: str | None = None) -> Generator[Strongroom, None, None]:
    """A client of the service that was chosen."""
    profile = find_profile(chosen.profile)
    # Without TLS the authorities' certificates, which take a while to load, have nothing to prove.
    verify = not profile.url.startswith("http://")
    with Strongroom(profile.url, token=profile.token, timeout=60.0, verify=verify) as client:
        client.reason = reason
        yield client


def walk(fetch: Callable[[str | None], Any]) -> Iterator[Any]:
    """Every item of a list, page by page; `fetch` gives the page after a cursor."""
    after: str | None = None
    while True:
        page = fetch(after)
        for edge in page.edges:
            yield edge.node
        if not page.page_info.has_next_page:
            return
        after = page.page_info.end_cursor


def find_integration(client: Strongroom, name: str) -> IntegrationIntegration:
    """The integration of this name. Raises NotFound."""
    found = client.api.integration(name=name).integration
    if found is None:
        raise NotFound("integration not found")
    return found


def find_mapping(client: Strongroom, integration_id: str, organization: str | None) -> MappingsMappingsEdgesNode | None:
    """The mapping of an organization to an integration; of None, the fallback. None if there is none."""
    organization = organization and organization.lower()
    given = {"integration_id": integration_id} | ({"organization_id": organization} if organization else {})
    found: Iterator[MappingsMappingsEdgesNode] = walk(
        lambda after: client.api.mappings(**given, first=PAGE, after=after).mappings
    )
    return next((one for one in found if (one.organization.id if one.organization else None) == organization), None)
