"""Revealing: a plaintext secret leaves the service for a person. On record before it leaves."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from db.audit.deeds import Deed
from db.configs import configs_by_id
from db.errors import BadInput, Forbidden, NotFound, Problem, StrongroomError, Undecryptable
from db.policy import admit, admit_to
from db.stored import StoredConfig
from db.values import JSON
from db.vault import Opened, Shut, Transaction, open_rows


@dataclass(frozen=True, slots=True, repr=False)
class Revealed:
    """A value in the clear. No repr."""

    value: JSON


async def reveal(
    transaction: Transaction, ids: Collection[uuid.UUID], *, needs_reason: bool = False
) -> dict[uuid.UUID, Revealed | StrongroomError]:
    """Each visible config's value, or why it is not revealed. The audit record commits with the transaction.

    The edge hands values out only after the commit, so that nothing leaves without its record. With `needs_reason`
    no secret is revealed to who gives none.
    """
    admit(transaction.principal, "Config.decryptedValue")
    rows = await configs_by_id(transaction.session, transaction.principal, ids)
    opened = await open_rows(transaction.session, transaction.vault, list(rows.values()))
    unexplained = needs_reason and transaction.origin.reason is None
    found = {id: _result(transaction, rows.get(id), opened, unexplained=unexplained) for id in ids}
    _record(transaction, [rows[id] for id, result in found.items() if isinstance(result, Revealed)])
    return found


def _result(
    transaction: Transaction,
    row: StoredConfig | None,
    opened: dict[uuid.UUID, Opened | Shut],
    *,
    unexplained: bool,
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
    if unexplained:
        return BadInput([Problem(("Strongroom-Reason",), "must say why: this service asks for a reason")])
    return Revealed(found.value) if isinstance(found, Opened) else Undecryptable([row.key])


def _record(transaction: Transaction, rows: Sequence[StoredConfig]) -> None:
    deeds = [
        Deed("config.reveal", row.organization_id, row.integration_id, row.id, [row.key])
        for row in rows
        if row.is_secret
    ]
    transaction.record(*deeds)
