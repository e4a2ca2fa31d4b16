"""Integrations: create, update, delete; setting their defaults."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Executable, Row, Select, Uuid, any_, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from db import access, history
from db.access import Limit, Principal, limited_to
from db.audit.deeds import Deed
from db.errors import Conflict, NotFound
from db.fields import Field, check_fields, check_values, fields_of
from db.limits import DESCRIPTION_LIMIT, Problems, value_map, version_map
from db.models import ConfigField, Integration
from db.pages import Order, Page, read_page
from db.policy import admit, admit_to
from db.prepared import Shapes
from db.schema_change import SchemaChange, change_schema
from db.sessions import QuickSession, ReadSession
from db.values import JSON
from db.vault import Transaction
from db.writing import Entry, Spot, check_versions, lock, put, remove

ORDER = Order("integrations", (Integration.name, Integration.id), (str, uuid.UUID))


@dataclass(frozen=True, slots=True)
class IntegrationRow:
    """An integration that is not deleted."""

    id: uuid.UUID
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class Previewed(Exception):
    """Undoes a transaction that was only to tell what it does."""

    def __init__(self, row: IntegrationRow, done: SchemaChange) -> None:
        super().__init__("a preview")
        self.row = row
        self.done = done


def select_integrations(principal: Principal) -> Select[*tuple[Any, ...]]:
    """The integrations that a caller sees."""
    return select(*_COLUMNS).where(access.integrations_of(principal))


async def find_integration(
    session: ReadSession, principal: Principal, *, id: uuid.UUID | None = None, name: str | None = None
) -> IntegrationRow:
    """The integration with this id or name. Raises NotFound."""
    admit(principal, "Query.integration")
    wanted = Integration.id == id if name is None else Integration.name == name
    row = await session.first(select_integrations(principal).where(wanted))
    if row is None:
        raise NotFound("integration")
    return IntegrationRow(*row)


async def integrations_by_id(
    session: QuickSession, principal: Principal, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, IntegrationRow]:
    """Those of these integrations that are visible and not deleted."""
    rows = await session.fetch(_BY_ID.find(principal.integration_ids), ids=list(ids))
    return {row["id"]: IntegrationRow(*row) for row in rows}


def _select_by_id(integrations: Limit) -> Select[*tuple[Any, ...]]:
    caller = limited_to(integration_ids=integrations)
    return select_integrations(caller).where(Integration.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


_BY_ID = Shapes(_select_by_id)


async def list_integrations(
    session: ReadSession, principal: Principal, first: int, after: str | None, name_contains: str | None = None
) -> Page[IntegrationRow]:
    """One page of integrations, by name; only names with a text in them, if given."""
    admit(principal, "Query.integrations")
    statement = select_integrations(principal)
    if name_contains:
        statement = statement.where(Integration.name.icontains(name_contains, autoescape=True))
    return await read_page(session, statement, ORDER, first, after, _row)


async def create_integration(
    transaction: Transaction, name: str, description: str | None, fields: Sequence[Field]
) -> IntegrationRow:
    """A new integration with its schema. Raises Conflict when the name is in use."""
    admit(transaction.principal, "Mutation.createIntegration")
    problems = Problems()
    _check_names(name, description, problems)
    checked = check_fields(fields, problems, "configSchema")
    problems.check()
    row = await _insert(transaction, name, description)
    if checked:
        await transaction.session.execute(insert(ConfigField), [field.row(row.id) for field in checked])
    transaction.record(Deed("integration.create", integration_id=row.id))
    return row


async def update_integration(
    transaction: Transaction,
    id: uuid.UUID,
    changes: Mapping[str, str | None],
    fields: Sequence[Field] | None,
    *,
    seen: datetime | None = None,
    dry_run: bool = False,
) -> tuple[IntegrationRow, SchemaChange]:
    """Change name, description (those in `changes`) and, if given, the full list of fields with their rows.

    `seen` is when it had last changed as the caller saw it: raises Conflict where that is no longer so.

    With `dry_run` it is all done and refused like the real thing, and then taken back: it raises Previewed.
    """
    admit(transaction.principal, "Mutation.updateIntegration")
    before = await lock_integration(transaction, id, exclusive=True)
    admit_to(transaction.principal, "Mutation.updateIntegration", None)
    if seen not in (None, before.updated_at):
        raise Conflict("the integration has changed since it was read")
    problems = Problems()
    _check_names(changes.get("name", "-"), changes.get("description"), problems)
    checked = None if fields is None else check_fields(fields, problems, "configSchema")
    problems.check()
    done = SchemaChange() if checked is None else await change_schema(transaction, id, checked)
    row = await _update(transaction, id, changes)
    deed = Deed("integration.update", integration_id=id, detail=done.told())
    transaction.record(deed)
    if dry_run:
        raise Previewed(row, done)
    return row, done


async def delete_integration(transaction: Transaction, id: uuid.UUID) -> IntegrationRow:
    """Mark an integration deleted: it resolves no more, its name is free, its rows stay masked by its schema."""
    admit(transaction.principal, "Mutation.deleteIntegration")
    row = await lock_integration(transaction, id, exclusive=True)
    admit_to(transaction.principal, "Mutation.deleteIntegration", None)
    await transaction.session.execute(
        update(Integration).where(Integration.id == id).values(is_deleted=True, updated_at=func.now())
    )
    transaction.record(Deed("integration.delete", integration_id=id))
    return row


async def set_integration_config(
    transaction: Transaction, id: uuid.UUID, config: JSON, expected_versions: JSON
) -> tuple[IntegrationRow, list[uuid.UUID]]:
    """Write an integration's defaults; the ids of the rows written, in the config's order."""
    admit(transaction.principal, "Mutation.setIntegrationConfig")
    row = await lock_integration(transaction, id)
    admit_to(transaction.principal, "Mutation.setIntegrationConfig", None)
    fields = await fields_of(transaction.session, id)
    problems = Problems()
    written, removed = check_values(fields, value_map(config, problems, "config"), problems, "config")
    expected = version_map(expected_versions, problems, "expectedVersions")
    problems.check()
    current = await lock(transaction, id, [None], {*written, *removed, *expected})
    wanted: dict[Spot, int | None] = {(None, key): version for key, version in expected.items()}
    check_versions(current, wanted)
    await remove(transaction, [current[None, key] for key in removed if (None, key) in current], history.DELETED)
    ids = await put(transaction, entries_of(id, None, fields, written), current, wanted)
    deed = Deed("config.write", integration_id=id, keys=[*written, *removed])
    transaction.record(deed)
    return row, ids


def entries_of(
    integration_id: uuid.UUID,
    organization_id: uuid.UUID | None,
    fields: Mapping[str, Field],
    values: Mapping[str, JSON],
) -> list[Entry]:
    """Checked values as entries to write."""
    return [
        Entry(integration_id, organization_id, key, fields[key].type, value, fields[key].id)
        for key, value in values.items()
    ]


async def lock_integration(transaction: Transaction, id: uuid.UUID, *, exclusive: bool = False) -> IntegrationRow:
    """Lock an integration and so its schema: shared for writes of values, exclusive for changes of the schema."""
    statement = select_integrations(transaction.principal).where(Integration.id == id)
    row = await transaction.session.first(statement.with_for_update(read=not exclusive, of=Integration))
    if row is None:
        raise NotFound("integration")
    transaction.session.name(id, row.name)
    return IntegrationRow(*row)


def _check_names(name: str | None, description: str | None, problems: Problems) -> None:
    if name is None:
        problems.add("must not be null", "name")
    problems.name(name, "name")
    problems.text(description, DESCRIPTION_LIMIT, "description")


async def _insert(transaction: Transaction, name: str, description: str | None) -> IntegrationRow:
    values = {"id": uuid.uuid4(), "name": name, "description": description}
    return await _named(transaction, insert(Integration).values(values).returning(*_COLUMNS))


async def _update(transaction: Transaction, id: uuid.UUID, changes: Mapping[str, str | None]) -> IntegrationRow:
    statement = update(Integration).where(Integration.id == id).values(**changes, updated_at=func.now())
    return await _named(transaction, statement.returning(*_COLUMNS))


async def _named(transaction: Transaction, statement: Executable) -> IntegrationRow:
    try:
        row = await transaction.session.first(statement)
    except IntegrityError:
        raise Conflict("an integration has this name already") from None
    named = IntegrationRow(*(row or ()))
    transaction.session.name(named.id, named.name)
    return named


def _row(row: Row[Any]) -> IntegrationRow:
    return IntegrationRow(*row)


_COLUMNS = (
    Integration.id,
    Integration.name,
    Integration.description,
    Integration.created_at,
    Integration.updated_at,
)
