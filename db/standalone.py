"""Many standalone configs of one owner at once: all or none, in a constant number of statements."""

import uuid
from collections.abc import Mapping, Sequence

from db.audit.deeds import Deed
from db.configs import StandaloneWrite, check_write, lock_organization
from db.history import history_of_keys, seal_past
from db.limits import KEYS_LIMIT, Problems
from db.policy import admit, admit_to
from db.values import JSON, ConfigType
from db.vault import Transaction
from db.writing import Entry, Spot, check_versions, lock, put


async def set_configs(
    transaction: Transaction, organization_id: uuid.UUID | None, writes: Sequence[StandaloneWrite]
) -> list[uuid.UUID]:
    """Write standalone configs, global or of one organization, all or none; their ids, in the order given."""
    admit(transaction.principal, "Mutation.setConfigs")
    await lock_organization(transaction, organization_id)
    admit_to(transaction.principal, "Mutation.setConfigs", organization_id)
    values = _check_all(writes)
    current = await lock(transaction, None, [organization_id], list(values))
    expected: Mapping[Spot, int | None] = {
        (organization_id, write.key): write.expected_version for write in writes if write.expected_version is not None
    }
    check_versions(current, expected)
    ids = await put(transaction, [_entry(organization_id, write, values) for write in writes], current, expected)
    secrets = [write.key for write in writes if write.type is ConfigType.SECRET]
    if secrets:
        # No schema says what these are: the write does. What they were before is secret from now on, too.
        await seal_past(transaction, history_of_keys(organization_id, secrets))
    if writes:
        transaction.record(Deed("config.write", organization_id, keys=list(values)))
    return ids


def _check_all(writes: Sequence[StandaloneWrite]) -> dict[str, JSON]:
    problems = Problems()
    if len(writes) > KEYS_LIMIT:
        problems.add(f"must have {KEYS_LIMIT} configs at most", "configs")
        problems.check()
    values: dict[str, JSON] = {}
    for index, write in enumerate(writes):
        if write.key in values:
            problems.add("names a key that another config names", "configs", index, "key")
        values[write.key] = check_write(write, problems, "configs", index)
    problems.check()
    return values


def _entry(organization_id: uuid.UUID | None, write: StandaloneWrite, values: Mapping[str, JSON]) -> Entry:
    return Entry(
        None,
        organization_id,
        write.key,
        write.type,
        values[write.key],
        description=write.description,
        keeps_description=not write.describes,
    )
