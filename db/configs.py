"""Configs one by one: lists, look-ups, standalone writes, deletion, history and restoring."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, select

from db import access, history
from db.access import Principal
from db.arrays import among
from db.audit.deeds import Deed
from db.errors import Conflict, NotFound, Undecryptable, refuse
from db.fields import Field, check_value, fields_of
from db.history import PastValue, history_at, open_past, seal_past, select_history
from db.limits import DESCRIPTION_LIMIT, Problems
from db.models import Config, ConfigVersion, Integration, Organization
from db.policy import UNSEALING, admit, admit_to
from db.schema_change import spell
from db.sessions import ReadSession
from db.stored import StoredConfig, select_stored, stored
from db.values import JSON, ConfigType, is_empty
from db.vault import Opened, Transaction
from db.writing import Entry, Spot, check_versions, lock, put, remove


@dataclass(frozen=True, slots=True, repr=False)
class StandaloneWrite:
    """A standalone config to write. `description` counts only if `describes`. No repr: the value may be a secret."""

    organization_id: uuid.UUID | None
    key: str
    type: ConfigType
    value: JSON
    description: str | None = None
    describes: bool = False
    expected_version: int | None = None


def select_configs(principal: Principal) -> Select[*tuple[Any, ...]]:
    """The configs that a caller sees, as StoredConfig."""
    return select_stored().where(access.configs_of(principal))


async def find_config(session: ReadSession, principal: Principal, id: uuid.UUID) -> StoredConfig:
    """The config with this id. Raises NotFound."""
    admit(principal, "Query.config")
    row = await session.first(select_configs(principal).where(Config.id == id))
    if row is None:
        raise NotFound("config")
    return stored(row)


async def configs_by_id(
    session: ReadSession, principal: Principal, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, StoredConfig]:
    """Those of these configs that are visible."""
    rows = await session.rows(select_configs(principal).where(among(Config.id, ids)))
    return {row.id: stored(row) for row in rows}


async def set_config(transaction: Transaction, write: StandaloneWrite) -> uuid.UUID:
    """Write a standalone config, global or of one organization; its id."""
    principal = transaction.principal
    admit(principal, "Mutation.setConfig")
    await lock_organization(transaction, write.organization_id)
    admit_to(principal, "Mutation.setConfig", write.organization_id)
    problems = Problems()
    value = check_write(write, problems)
    problems.check()
    current = await lock(transaction, None, [write.organization_id], [write.key])
    expected: dict[Spot, int | None] = {}
    if write.expected_version is not None:
        expected[write.organization_id, write.key] = write.expected_version
    check_versions(current, expected)
    entry = Entry(
        None,
        write.organization_id,
        write.key,
        write.type,
        value,
        description=write.description,
        keeps_description=not write.describes,
    )
    id = await _put_one(transaction, entry, current, expected)
    deed = Deed("config.write", write.organization_id, config_id=id, keys=[write.key])
    transaction.record(deed)
    return id


async def delete_config(transaction: Transaction, id: uuid.UUID) -> None:
    """Move a config into the history: standalone, of an integration, or in quarantine."""
    row = await _lock_config(transaction, id, "Mutation.deleteConfig")
    await remove(transaction, [row], history.DELETED)
    transaction.record(_deed("config.delete", row))


async def restore_config(transaction: Transaction, id: uuid.UUID, version: int) -> None:
    """Make an earlier version the current one, as a new version, by today's schema."""
    row = await _lock_config(transaction, id, "Mutation.restoreConfig")
    past = await transaction.session.first(
        select_history().where(
            history_at(row.integration_id, row.organization_id, row.key), ConfigVersion.version == version
        )
    )
    if past is None:
        raise NotFound("version")
    entry = await _restored(transaction, row, PastValue(*past))
    await _put_one(transaction, entry, {entry.spot: row}, {})
    deed = _deed("config.restore", row, {"version": version})
    transaction.record(deed)


async def _put_one(
    transaction: Transaction,
    entry: Entry,
    current: Mapping[Spot, StoredConfig],
    expected: Mapping[Spot, int | None],
) -> uuid.UUID:
    (id,) = await put(transaction, [entry], current, expected)
    if entry.type is ConfigType.SECRET and entry.integration_id is None:
        # No schema says what this is: the write does. What it was before is a secret from now on, too.
        await seal_past(transaction, history_at(None, entry.organization_id, entry.key))
    return id


async def _restored(transaction: Transaction, row: StoredConfig, past: PastValue) -> Entry:
    field = await _field_of(transaction, row, past)
    if past.config_type is ConfigType.SECRET and field.type is not ConfigType.SECRET:
        UNSEALING.check(transaction.principal)
        transaction.record(_deed("config.unseal", row))
    opened = (await open_past(transaction.session, transaction.vault, [past]))[past.id]
    if not isinstance(opened, Opened):
        raise Undecryptable([row.key])
    if is_empty(opened.value):
        refuse("was empty at that version", "version")
    problems = Problems()
    value = check_value(field, spell(opened.value, field.type), problems, "version")
    problems.check()
    return Entry(row.integration_id, row.organization_id, row.key, field.type, value, field.id)


async def _field_of(transaction: Transaction, row: StoredConfig, past: PastValue) -> Field:
    if row.integration_id is None:
        return Field(row.key, past.config_type)
    if await transaction.session.scalar(_IS_DELETED, {"id": row.integration_id}):
        raise Conflict("the integration of this config is deleted")
    field = (await fields_of(transaction.session, row.integration_id)).get(row.key)
    return field or refuse("its key is no longer in the integration's schema", "id")


async def _lock_config(transaction: Transaction, id: uuid.UUID, operation: str) -> StoredConfig:
    """Lock the integration first, as every writer does, then the row."""
    principal = transaction.principal
    admit(principal, operation)
    statement = select_configs(principal).where(Config.id == id)
    seen = await transaction.session.first(statement)
    if seen is None:
        raise NotFound("config")
    admit_to(principal, operation, seen.organization_id)
    if seen.integration_id is not None:
        integration = await transaction.session.first(_SHARE_INTEGRATION, {"id": seen.integration_id})
        if integration is not None:
            transaction.session.name(integration.id, integration.name)
    row = await transaction.session.first(statement.with_for_update(of=Config))
    if row is None:
        raise NotFound("config")
    return stored(row)


async def lock_organization(transaction: Transaction, id: uuid.UUID | None) -> None:
    """Keep an organization from being deleted meanwhile; None is none. Raises NotFound."""
    if id is None:
        return
    statement = select(Organization.id).where(Organization.id == id, access.organizations_of(transaction.principal))
    if await transaction.session.first(statement.with_for_update(read=True)) is None:
        raise NotFound("organization")


def check_write(write: StandaloneWrite, problems: Problems, *path: str | int) -> JSON:
    """The value to store; meaningless if `problems` grows."""
    problems.name(write.key, *path, "key")
    problems.text(write.description, DESCRIPTION_LIMIT, *path, "description")
    if write.expected_version is not None and write.expected_version < 0:
        problems.add("must be a version: 0 for none yet", *path, "expectedVersion")
    if is_empty(write.value):
        problems.add("must not be empty; use deleteConfig to remove a config", *path, "value")
        return None
    return check_value(Field(write.key, write.type), write.value, problems, *path, "value")


def _deed(action: str, row: StoredConfig, detail: dict[str, Any] | None = None) -> Deed:
    return Deed(action, row.organization_id, row.integration_id, row.id, [row.key], detail)


_SHARE_INTEGRATION = (
    select(Integration.id, Integration.name).where(Integration.id == bindparam("id")).with_for_update(read=True)
)
_IS_DELETED = select(Integration.is_deleted).where(Integration.id == bindparam("id"))
