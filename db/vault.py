"""The vault: what a transaction or a read needs to seal and to open."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.access import Principal
from db.audit.chain import AuditLog
from db.audit.deeds import NOWHERE, Deed, Origin
from db.crypto.data_keys import DataKeys, Scope
from db.crypto.legacy import LegacyKeys
from db.crypto.sealing import DataKey, Place, Purpose
from db.errors import SealError
from db.sessions import ReadSession, WriteSession
from db.stored import Absent, Sealed, StoredConfig, Value, judge
from db.values import JSON


@dataclass(frozen=True, slots=True)
class Vault:
    """The data keys, the keys of the software that was replaced, and the log of what is done with them."""

    data_keys: DataKeys
    legacy_keys: LegacyKeys
    audit: AuditLog


@dataclass(frozen=True, slots=True)
class Transaction:
    """What every write works with: its session, who asked, the vault, and where the request came from."""

    session: WriteSession
    principal: Principal
    vault: Vault
    origin: Origin = NOWHERE

    async def sealers(self, scopes: Iterable[Scope]) -> Mapping[Scope, DataKey]:
        """The active data key of each scope; none is looked up for no scope."""
        wanted = set(scopes)
        if not wanted:
            return {}
        return await self.vault.data_keys.active(self.session, wanted, self._record_key)

    def record(self, *deeds: Deed) -> None:
        """Have deeds put on record: the log gets them with the transaction's last statements, or not at all."""
        self.session.touched.update((deed.integration_id, deed.organization_id) for deed in deeds)
        if deeds:
            self.session.at_last(self.vault.audit.append, *(deed.by(self.principal, self.origin) for deed in deeds))

    def _record_key(self, scope: Scope, key_id: uuid.UUID) -> None:
        self.record(Deed("key.create", scope, detail={"dataKey": str(key_id)}))


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """The plaintext of a stored config; None is a legacy row that holds nothing. No repr."""

    value: JSON


class Shut:
    """A secret that cannot be opened."""


def config_place(row: StoredConfig) -> Place:
    """Where a row's sealed value belongs."""
    return Place(Purpose.CONFIG, row.organization_id, row.integration_id, row.key)


def history_place(organization_id: Scope, integration_id: uuid.UUID | None, key: str) -> Place:
    """Where a sealed value of the history belongs."""
    return Place(Purpose.HISTORY, organization_id, integration_id, key)


def open_row(row: StoredConfig, key: DataKey | None, legacy_keys: LegacyKeys) -> Opened | Shut:
    """A row's value in the clear; one that is no secret and does not fit its type is given as it is."""
    match judge(row, legacy_keys):
        case Value(value):
            return Opened(value)
        case Absent():
            return Opened(None)
        case Sealed():
            return _unseal(row, key)
        case _:
            return Shut() if row.is_secret else Opened(row.raw)


async def open_rows(session: ReadSession, vault: Vault, rows: Sequence[StoredConfig]) -> dict[uuid.UUID, Opened | Shut]:
    """Every row's value in the clear, by config id; one look-up of data keys for all of them."""
    keys = await vault.data_keys.find(session, {row.data_key_id for row in rows if row.data_key_id})
    return {row.id: open_row(row, keys.get(_key_id(row)), vault.legacy_keys) for row in rows}


def _unseal(row: StoredConfig, key: DataKey | None) -> Opened | Shut:
    if key is None or row.sealed is None:
        return Shut()
    try:
        return Opened(key.open(config_place(row), row.sealed))
    except SealError:
        return Shut()


def _key_id(row: StoredConfig) -> Any:
    return row.data_key_id
