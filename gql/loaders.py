"""Dataloaders: what many rows of one request need is read in one statement.

Each request has its own, since a loader remembers what it loaded for its caller.
"""

import uuid
from collections.abc import Awaitable, Sequence

from strawberry.dataloader import DataLoader

from db.access import Principal
from db.audit.deeds import NOWHERE, Origin
from db.configs import configs_by_id
from db.errors import StrongroomError
from db.fields import Field, fields_of_many
from db.history import PastValue
from db.history_lists import histories, history_lengths
from db.integrations import IntegrationRow, integrations_by_id
from db.mappings import MappingRow
from db.organizations import OrganizationRow, organizations_by_id
from db.overrides import missing_of, overrides_of
from db.pages import Page
from db.revealing import Revealed, reveal
from db.sessions import Database, WriteSession
from db.stored import StoredConfig
from db.vault import Transaction, Vault

HistoryKey = tuple[StoredConfig, int, str | None]


class Loaders:
    """The loaders of one request."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        principal: Principal,
        origin: Origin = NOWHERE,
        *,
        reveal_needs_reason: bool = False,
    ) -> None:
        self._database = database
        self._vault = vault
        self._principal = principal
        self._origin = origin
        self._reveal_needs_reason = reveal_needs_reason
        self.integration: DataLoader[uuid.UUID, IntegrationRow | None] = DataLoader(self._integrations)
        self.organization: DataLoader[uuid.UUID, OrganizationRow | None] = DataLoader(self._organizations)
        self.fields: DataLoader[uuid.UUID, list[Field]] = DataLoader(self._fields)
        self.config: DataLoader[uuid.UUID, StoredConfig | None] = DataLoader(self._configs)
        self.overrides: DataLoader[MappingRow, list[StoredConfig]] = DataLoader(self._overrides)
        self.missing: DataLoader[MappingRow, list[str]] = DataLoader(self._missing)
        self.history: DataLoader[HistoryKey, Page[PastValue]] = DataLoader(
            self._history, cache_key_fn=lambda key: (key[0].id, key[1], key[2])
        )
        self.history_length: DataLoader[StoredConfig, int] = DataLoader(
            self._history_lengths, cache_key_fn=lambda row: row.id
        )
        self.revealed: DataLoader[uuid.UUID, Revealed] = DataLoader(self._reveal)

    async def _integrations(self, ids: list[uuid.UUID]) -> Sequence[IntegrationRow | None]:
        async with self._database.read() as session:
            found = await integrations_by_id(session, self._principal, ids)
        return [found.get(id) for id in ids]

    async def _organizations(self, ids: list[uuid.UUID]) -> Sequence[OrganizationRow | None]:
        async with self._database.read() as session:
            found = await organizations_by_id(session, self._principal, ids)
        return [found.get(id) for id in ids]

    async def _fields(self, ids: list[uuid.UUID]) -> Sequence[list[Field]]:
        async with self._database.read() as session:
            found = await fields_of_many(session, ids)
        return [found.get(id, []) for id in ids]

    async def _configs(self, ids: list[uuid.UUID]) -> Sequence[StoredConfig | None]:
        async with self._database.read() as session:
            found = await configs_by_id(session, self._principal, ids)
        return [found.get(id) for id in ids]

    async def _overrides(self, mappings: list[MappingRow]) -> Sequence[list[StoredConfig]]:
        async with self._database.read() as session:
            found = await overrides_of(session, self._principal, mappings)
        return [found[mapping.id] for mapping in mappings]

    async def _missing(self, mappings: list[MappingRow]) -> Sequence[list[str]]:
        async with self._database.read() as session:
            found = await missing_of(session, self._principal, mappings, self._vault.legacy_keys)
        return [found[mapping.id] for mapping in mappings]

    async def _history(self, keys: list[HistoryKey]) -> Sequence[Page[PastValue]]:
        pages: dict[tuple[uuid.UUID, int, str | None], Page[PastValue]] = {}
        async with self._database.read() as session:
            for first, after in {key[1:] for key in keys}:
                rows = [row for row, *asked in keys if asked == [first, after]]
                found = await histories(session, rows, first, after)
                pages.update(((id, first, after), page) for id, page in found.items())
        return [pages[row.id, first, after] for row, first, after in keys]

    async def _history_lengths(self, rows: list[StoredConfig]) -> Sequence[int]:
        async with self._database.read() as session:
            found = await history_lengths(session, rows)
        return [found[row.id] for row in rows]

    async def _reveal(self, ids: list[uuid.UUID]) -> Sequence[Revealed | StrongroomError]:
        needs_reason = self._reveal_needs_reason

        def work(session: WriteSession) -> Awaitable[dict[uuid.UUID, Revealed | StrongroomError]]:
            transaction = Transaction(session, self._principal, self._vault, self._origin)
            return reveal(transaction, ids, needs_reason=needs_reason)

        found = await self._database.write(work)
        return [found[id] for id in ids]
