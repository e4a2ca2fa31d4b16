"""Organizations: create, list, and delete with everything that is theirs, data keys included."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Row, Select, Uuid, any_, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from db import access
from db.access import Limit, Principal, limited_to
from db.audit.deeds import Deed
from db.errors import Conflict, NotFound
from db.limits import NAME_LIMIT, Problems
from db.models import Config, ConfigVersion, DataKey, Mapping, Organization, Token
from db.models.config import NOWHERE
from db.pages import Order, Page, read_page
from db.policy import admit, admit_to
from db.prepared import Shapes
from db.sessions import QuickSession, ReadSession
from db.vault import Transaction

ORDER = Order("organizations", (Organization.name, Organization.id), (str, uuid.UUID))


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """An organization."""

    id: uuid.UUID
    name: str


def select_organizations(principal: Principal) -> Select[*tuple[Any, ...]]:
    """The organizations that a caller sees."""
    return select(Organization.id, Organization.name).where(access.organizations_of(principal))


async def find_organization(session: ReadSession, principal: Principal, id: uuid.UUID) -> OrganizationRow:
    """The organization with this id. Raises NotFound."""
    admit(principal, "Query.organization")
    row = await session.first(select_organizations(principal).where(Organization.id == id))
    if row is None:
        raise NotFound("organization")
    return OrganizationRow(*row)


async def organizations_by_id(
    session: QuickSession, principal: Principal, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, OrganizationRow]:
    """Those of these organizations that are visible."""
    rows = await session.fetch(_BY_ID.find(principal.organization_ids), ids=list(ids))
    return {row["id"]: OrganizationRow(*row) for row in rows}


def _select_by_id(organizations: Limit) -> Select[*tuple[Any, ...]]:
    caller = limited_to(organizations)
    return select_organizations(caller).where(Organization.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


_BY_ID = Shapes(_select_by_id)


async def list_organizations(
    session: ReadSession, principal: Principal, first: int, after: str | None, name_contains: str | None = None
) -> Page[OrganizationRow]:
    """One page of organizations, by name; only names with a text in them, if given."""
    admit(principal, "Query.organizations")
    problems = Problems()
    problems.text(name_contains, NAME_LIMIT, "nameContains")
    problems.check()
    statement = select_organizations(principal)
    if name_contains:
        statement = statement.where(Organization.name.icontains(name_contains, autoescape=True))
    return await read_page(session, statement, ORDER, first, after, _row)


async def create_organization(transaction: Transaction, id: uuid.UUID | None, name: str) -> OrganizationRow:
    """A new organization, with the id that the platform knows it by, if given. Raises Conflict when that is taken."""
    admit(transaction.principal, "Mutation.createOrganization")
    problems = Problems()
    problems.name(name, "name")
    if id == NOWHERE:
        # It stands for no organization at all in the history's index.
        problems.add("must not be the nil UUID", "id")
    problems.check()
    values = {"id": id or uuid.uuid4(), "name": name, "created_by": transaction.principal.name}
    statement = insert(Organization).values(values).on_conflict_do_nothing()
    row = await transaction.session.first(statement.returning(Organization.id, Organization.name))
    if row is None:
        raise Conflict("an organization has this id already")
    transaction.record(Deed("organization.create", row.id))
    return OrganizationRow(*row)


async def delete_organization(transaction: Transaction, id: uuid.UUID) -> None:
    """Delete an organization, its mappings, configs and history, and destroy its data keys.

    With the keys, what older backups hold of its secrets is gone too. Tokens are limited to an id of nothing in its
    place: a new organization with the same id is nothing they may see, and with one limit less they would be within
    the rights of other organizations' tokens. Its chain of the audit log stays.
    """
    principal = transaction.principal
    admit(principal, "Mutation.deleteOrganization")
    statement = select_organizations(principal).where(Organization.id == id)
    if await transaction.session.first(statement.with_for_update()) is None:
        raise NotFound("organization")
    admit_to(principal, "Mutation.deleteOrganization", id)
    gone: dict[str, int] = {}
    for name, table in (("mappings", Mapping), ("configs", Config), ("history", ConfigVersion), ("dataKeys", DataKey)):
        gone[name] = await transaction.session.execute(delete(table).where(table.organization_id == id))
    await transaction.session.execute(
        update(Token)
        .where(Token.organization_ids.contains([id]))
        .values(organization_ids=func.array_replace(Token.organization_ids, id, uuid.uuid4()))
    )
    await transaction.session.execute(delete(Organization).where(Organization.id == id))
    transaction.record(Deed("organization.delete", id, detail=gone))


def _row(row: Row[Any]) -> OrganizationRow:
    return OrganizationRow(*row)
