"""Many mappings at once: created or updated, all or none, in a constant number of statements."""

import uuid
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import text

from db import history
from db.audit.deeds import Deed, tell_ids
from db.fields import Field, check_values, fields_of
from db.integrations import entries_of, lock_integration
from db.limits import MAPPINGS_LIMIT, Problems, value_map
from db.mappings import MappingRow, NewMapping, check_entity, clear_overrides, lock_organizations
from db.policy import admit, admit_to
from db.values import JSON
from db.vault import Transaction
from db.writing import Entry, lock, put, remove


async def upsert_mappings(
    transaction: Transaction, integration_id: uuid.UUID, wanted: Sequence[NewMapping]
) -> tuple[int, int, list[MappingRow]]:
    """Create or update many mappings, all or none: how many were created, how many updated, and all of them."""
    admit(transaction.principal, "Mutation.upsertMappings")
    await lock_integration(transaction, integration_id)
    problems = Problems()
    if len(wanted) > MAPPINGS_LIMIT:
        problems.add(f"must have {MAPPINGS_LIMIT} mappings at most", "mappings")
        problems.check()
    await lock_organizations(transaction, [new.organization_id for new in wanted])
    for new in wanted:
        admit_to(transaction.principal, "Mutation.upsertMappings", new.organization_id)
    fields = await fields_of(transaction.session, integration_id)
    written, removed = _check_all(fields, wanted, problems)
    problems.check()
    rows, created = await _upsert(transaction, integration_id, wanted)
    await clear_overrides(transaction, integration_id, created, history.LEFT_OVER)
    entries = [
        entry
        for organization_id, values in written.items()
        for entry in entries_of(integration_id, organization_id, fields, values)
    ]
    await _write_many(transaction, integration_id, entries, removed)
    keys = sorted({entry.key for entry in entries} | {key for _, key in removed})
    transaction.record(_upsert_deed(integration_id, rows, len(created), keys))
    return len(created), len(rows) - len(created), rows


def _check_all(
    fields: Mapping[str, Field], wanted: Sequence[NewMapping], problems: Problems
) -> tuple[dict[uuid.UUID | None, dict[str, JSON]], set[tuple[uuid.UUID | None, str]]]:
    written: dict[uuid.UUID | None, dict[str, JSON]] = {}
    removed: set[tuple[uuid.UUID | None, str]] = set()
    for index, new in enumerate(wanted):
        here = ("mappings", index)
        if new.organization_id in written:
            problems.add("names an organization that another mapping names", *here, "organizationId")
        check_entity(new.entity_id, new.entity_name, problems, *here)
        values = value_map({} if new.config is None else new.config, problems, *here, "config")
        some, gone = check_values(fields, values, problems, *here, "config")
        written[new.organization_id] = some
        removed.update((new.organization_id, key) for key in gone)
    return written, removed


async def _write_many(
    transaction: Transaction,
    integration_id: uuid.UUID,
    entries: Sequence[Entry],
    removed: Collection[tuple[uuid.UUID | None, str]],
) -> None:
    spots = {entry.spot for entry in entries} | set(removed)
    if not spots:
        return
    organizations, keys = {spot[0] for spot in spots}, {spot[1] for spot in spots}
    current = await lock(transaction, integration_id, organizations, keys)
    await remove(transaction, [current[spot] for spot in removed if spot in current], history.DELETED)
    await put(transaction, entries, current)


async def _upsert(
    transaction: Transaction, integration_id: uuid.UUID, wanted: Sequence[NewMapping]
) -> tuple[list[MappingRow], list[uuid.UUID | None]]:
    """All mappings in the order they were given, and the organizations whose mapping is new."""
    parameters = {
        "integration_id": integration_id,
        "ids": [uuid.uuid4() for _ in wanted],
        "organization_ids": [new.organization_id for new in wanted],
        "entity_ids": [new.entity_id for new in wanted],
        "entity_names": [new.entity_name for new in wanted],
    }
    rows = await transaction.session.rows(_UPSERT, parameters)
    by_owner = {row.organization_id: row for row in rows}
    ordered = [by_owner[new.organization_id] for new in wanted]
    return [MappingRow(*tuple(row)[:-1]) for row in ordered], [row.organization_id for row in rows if row.inserted]


_UPSERT = text("""
INSERT INTO integration_mappings AS m (id, integration_id, organization_id, entity_id, entity_name)
SELECT u.id, CAST(:integration_id AS uuid), u.organization_id, u.entity_id, u.entity_name
FROM unnest(
    CAST(:ids AS uuid[]), CAST(:organization_ids AS uuid[]), CAST(:entity_ids AS varchar[]),
    CAST(:entity_names AS varchar[])
) AS u (id, organization_id, entity_id, entity_name)
ORDER BY u.organization_id
ON CONFLICT (integration_id, organization_id) DO UPDATE
SET entity_id = excluded.entity_id, entity_name = coalesce(excluded.entity_name, m.entity_name), updated_at = now()
RETURNING m.id, m.integration_id, m.organization_id, m.entity_id, m.entity_name, (m.xmax = 0) AS inserted
""")


def _upsert_deed(integration_id: uuid.UUID, rows: Sequence[MappingRow], created: int, keys: Sequence[str]) -> Deed:
    """One event: on the organization's chain where the call concerned one alone, else on the global one."""
    owner = rows[0].organization_id if len(rows) == 1 else None
    counts = {"created": created, "updated": len(rows) - created}
    named = {"mappings": tell_ids([row.id for row in rows])}
    return Deed("mapping.upsert", owner, integration_id, keys=keys, detail=counts | named)
