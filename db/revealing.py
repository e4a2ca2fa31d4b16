"""Revealing: a plaintext secret leaves the service for a person. On record before it leaves."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from db.configs import configs_by_id
from db.deeds import Deed
from db.errors import Forbidden, NotFound, StrongroomError, Undecryptable
from db.policy import admit, admit_to
from db.stored import StoredConfig
from db.values import JSON
from db.vault import Opened, Shut, Transaction, open_rows


@dataclass(frozen=True, slots=True, repr=False)
class Revealed:
    """A value in the clear. No repr."""

    value: JSON


async def reveal(transaction: Transaction, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Revealed | StrongroomError]:
    """Each visible config's value, or why it is not revealed. The audit record commits with the transaction.

    The edge hands values out only after the commit, so that nothing leaves without its record.
    """
    admit(transaction.principal, "Config.decryptedValue")
    rows = await configs_by_id(transaction.session, transaction.principal, ids)
    opened = await open_rows(transaction.session, transaction.vault, list(rows.values()))
    found = {id: _result(transaction, rows.get(id), opened) for id in ids}
    _record(transaction, [rows[id] for id, result in found.items() if isinstance(result, Revealed)])
    return found


def _result(
    transaction: Transaction, row: StoredConfig | None, opened: dict[uuid.UUID, Opened | Shut]
) -> Revealed | StrongroomError:
    if row is None:
        return NotFound("config")
    try:
        admit_to(transaction.principal, "Config.decryptedValue", row.organization_id)
    except Forbidden as error:
        return error
    found = opened[row.id]
    if not row.is_secret:
        return Revealed(row.shown)
    return Revealed(found.value) if isinstance(found, Opened) else Undecryptable([row.key])


def _record(transaction: Transaction, rows: Sequence[StoredConfig]) -> None:
    deeds = [
        Deed("config.reveal", row.organization_id, row.integration_id, row.id, [row.key])
        for row in rows
        if row.is_secret
    ]
    transaction.record(*deeds)
