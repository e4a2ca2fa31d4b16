"""Mappings tie organizations to integrations; the overrides belong to the mapping and go with it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from db import access, history
from db.access import Principal
from db.arrays import among
from db.audit.deeds import Deed
from db.errors import Conflict, NotFound
from db.fields import Field, check_values, fields_of
from db.integrations import entries_of, lock_integration
from db.limits import Problems, value_map, version_map
from db.models import Integration, Organization
from db.models import Mapping as MappingModel
from db.pages import Order, Page, read_page
from db.policy import admit, admit_to
from db.sessions import ReadSession
from db.values import JSON
from db.vault import Transaction
from db.writing import check_versions, lock, put, remove

ORDER = Order("mappings", (MappingModel.id,), (uuid.UUID,))


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A mapping of an integration that is not deleted. `organization_id` None is the fallback."""

    id: uuid.UUID
    integration_id: uuid.UUID
    organization_id: uuid.UUID | None
    entity_id: str
    entity_name: str | None


@dataclass(frozen=True, slots=True, repr=False)
class NewMapping:
    """A mapping to create or update; `config` None leaves the overrides alone. No repr: it may hold secrets."""

    organization_id: uuid.UUID | None
    entity_id: str
    entity_name: str | None
    config: JSON


_COLUMNS = (
    MappingModel.id,
    MappingModel.integration_id,
    MappingModel.organization_id,
    MappingModel.entity_id,
    MappingModel.entity_name,
)


def select_mappings(principal: Principal) -> Select[*tuple[Any, ...]]:
    """The mappings that a caller sees."""
    return (
        select(*_COLUMNS)
        .join(Integration, Integration.id == MappingModel.integration_id)
        .where(access.mappings_of(principal), ~Integration.is_deleted)
    )


async def find_mapping(session: ReadSession, principal: Principal, id: uuid.UUID) -> MappingRow:
    """The mapping with this id. Raises NotFound."""
    admit(principal, "Query.mapping")
    row = await session.first(select_mappings(principal).where(MappingModel.id == id))
    if row is None:
        raise NotFound("mapping")
    return MappingRow(*row)


async def list_mappings(
    session: ReadSession,
    principal: Principal,
    integration_id: uuid.UUID | None,
    organization_id: uuid.UUID | None,
    first: int,
    after: str | None,
) -> Page[MappingRow]:
    """One page of mappings of an integration, an organization, or both."""
    admit(principal, "Query.mappings")
    statement = select_mappings(principal)
    if integration_id is not None:
        statement = statement.where(MappingModel.integration_id == integration_id)
    if organization_id is not None:
        statement = statement.where(MappingModel.organization_id == organization_id)
    return await read_page(session, statement, ORDER, first, after, _row)


async def create_mapping(transaction: Transaction, integration_id: uuid.UUID, new: NewMapping) -> MappingRow:
    """A mapping and its first overrides. What an earlier mapping left over goes to the history first."""
    principal = transaction.principal
    admit(principal, "Mutation.createMapping")
    await lock_integration(transaction, integration_id)
    await lock_organizations(transaction, [new.organization_id])
    admit_to(principal, "Mutation.createMapping", new.organization_id)
    fields = await fields_of(transaction.session, integration_id)
    problems = Problems()
    check_entity(new.entity_id, new.entity_name, problems)
    written = _first_config(fields, new, problems)
    problems.check()
    row = await _insert(transaction, integration_id, new)
    await clear_overrides(transaction, integration_id, [new.organization_id], history.LEFT_OVER)
    await put(transaction, entries_of(integration_id, new.organization_id, fields, written), {})
    transaction.record(_deed("mapping.create", row, list(written)))
    return row


async def update_mapping(
    transaction: Transaction,
    id: uuid.UUID,
    changes: Mapping[str, str | None],
    config: JSON,
    expected_versions: JSON,
    seen: str | None = None,
) -> MappingRow:
    """Change a mapping's entity and overrides; a key left out of `config` stays, null and "" remove one.

    `seen` is the entity id as the caller saw it: raises Conflict where it has become another.
    """
    admit(transaction.principal, "Mutation.updateMapping")
    row = await _lock_mapping(transaction, id)
    admit_to(transaction.principal, "Mutation.updateMapping", row.organization_id)
    if seen not in (None, row.entity_id):
        raise Conflict("the mapping has another entity id since it was read")
    problems = Problems()
    check_entity(changes.get("entity_id", "-"), changes.get("entity_name"), problems)
    if row.organization_id is None and (config is not None or expected_versions is not None):
        problems.add("a fallback mapping has no overrides", "config")
    fields = await fields_of(transaction.session, row.integration_id)
    values = value_map({} if config is None else config, problems, "config")
    written, removed = check_values(fields, values, problems, "config")
    expected = version_map(expected_versions, problems, "expectedVersions")
    problems.check()
    await _write_overrides(transaction, row, fields, written, removed, expected)
    done = await _update(transaction, row, changes)
    transaction.record(_deed("mapping.update", done, [*written, *removed]))
    return done


async def delete_mapping(transaction: Transaction, id: uuid.UUID) -> None:
    """Delete a mapping; its overrides go with it, into the history."""
    admit(transaction.principal, "Mutation.deleteMapping")
    row = await _lock_mapping(transaction, id)
    admit_to(transaction.principal, "Mutation.deleteMapping", row.organization_id)
    if row.organization_id is not None:
        await clear_overrides(transaction, row.integration_id, [row.organization_id], history.MAPPING_DELETED)
    await transaction.session.execute(delete(MappingModel).where(MappingModel.id == id))
    transaction.record(_deed("mapping.delete", row, []))


async def _write_overrides(
    transaction: Transaction,
    row: MappingRow,
    fields: Mapping[str, Field],
    written: Mapping[str, JSON],
    removed: Sequence[str],
    expected: Mapping[str, int | None],
) -> None:
    keys = {*written, *removed, *expected}
    if not keys:
        return
    owner = row.organization_id
    current = await lock(transaction, row.integration_id, [owner], keys)
    wanted = {(owner, key): version for key, version in expected.items()}
    check_versions(current, wanted)
    gone = [current[owner, key] for key in removed if (owner, key) in current]
    await remove(transaction, gone, history.DELETED)
    await put(transaction, entries_of(row.integration_id, owner, fields, written), current, wanted)


def _first_config(fields: Mapping[str, Field], new: NewMapping, problems: Problems) -> dict[str, JSON]:
    if new.config is None:
        return {}
    if new.organization_id is None:
        problems.add("a fallback mapping has no overrides", "config")
        return {}
    written, _ = check_values(fields, value_map(new.config, problems, "config"), problems, "config")
    return written


def check_entity(entity_id: str | None, entity_name: str | None, problems: Problems, *path: str | int) -> None:
    """An id is needed; id and name are names. Faults go to `problems`."""
    if entity_id is None:
        problems.add("must not be null", *path, "entityId")
    problems.name(entity_id, *path, "entityId")
    problems.name(entity_name, *path, "entityName")


async def clear_overrides(
    transaction: Transaction,
    integration_id: uuid.UUID,
    organization_ids: Sequence[uuid.UUID | None],
    reason: str,
) -> None:
    """Move all overrides of these organizations into the history, never to return by themselves."""
    owners = [organization_id for organization_id in organization_ids if organization_id is not None]
    if owners:
        current = await lock(transaction, integration_id, owners)
        await remove(transaction, list(current.values()), reason)
        await history.forget_returning(transaction, integration_id, owners)


async def _lock_mapping(transaction: Transaction, id: uuid.UUID) -> MappingRow:
    """Lock the integration first, as every writer does, then the mapping."""
    statement = select_mappings(transaction.principal).where(MappingModel.id == id)
    seen = await transaction.session.first(statement)
    if seen is None:
        raise NotFound("mapping")
    try:
        await lock_integration(transaction, seen.integration_id)
    except NotFound:
        raise NotFound("mapping") from None
    row = await transaction.session.first(statement.with_for_update(of=MappingModel))
    if row is None:
        raise NotFound("mapping")
    return MappingRow(*row)


async def lock_organizations(transaction: Transaction, ids: Collection[uuid.UUID | None]) -> None:
    """Keep organizations from being deleted under the write; refuse those that are not there or not visible."""
    wanted = sorted({id for id in ids if id is not None})
    statement = (
        select(Organization.id)
        .where(among(Organization.id, wanted), access.organizations_of(transaction.principal))
        .order_by(Organization.id)
        .with_for_update(read=True)
    )
    if wanted and len(await transaction.session.rows(statement)) != len(wanted):
        raise NotFound("organization")


async def _insert(transaction: Transaction, integration_id: uuid.UUID, new: NewMapping) -> MappingRow:
    statement = (
        insert(MappingModel)
        .values(
            id=uuid.uuid4(),
            integration_id=integration_id,
            organization_id=new.organization_id,
            entity_id=new.entity_id,
            entity_name=new.entity_name,
        )
        .on_conflict_do_nothing()
        .returning(*_COLUMNS)
    )
    row = await transaction.session.first(statement)
    if row is None:
        whose = "a fallback" if new.organization_id is None else "one for this organization"
        raise Conflict(f"the integration has {whose} already")
    return MappingRow(*row)


async def _update(transaction: Transaction, row: MappingRow, changes: Mapping[str, str | None]) -> MappingRow:
    statement = update(MappingModel).where(MappingModel.id == row.id).values(**changes, updated_at=func.now())
    done = await transaction.session.first(statement.returning(*_COLUMNS))
    return MappingRow(*(done or ()))


def _deed(action: str, row: MappingRow, keys: Sequence[str]) -> Deed:
    return Deed(action, row.organization_id, row.integration_id, keys=keys, detail={"mapping": str(row.id)})


def _row(row: Row[Any]) -> MappingRow:
    return MappingRow(*row)
