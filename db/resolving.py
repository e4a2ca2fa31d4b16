"""Resolving: the merged, decrypted config of one integration for one organization, for SDK clients."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.access import Principal
from db.change_log import Batch, Change
from db.errors import NotFound, SealError, Undecryptable
from db.integrations import IntegrationRow
from db.organizations import OrganizationRow
from db.policy import admit
from db.pool import Pool
from db.snapshot import Clear, Snapshot, ValueSource, read_snapshot
from db.snapshots import Snapshots
from db.values import JSON, ConfigType
from db.vault import Vault

_ANYTHING: Final = Change(None, None)


@dataclass(frozen=True, slots=True, repr=False)
class ResolvedEntry:
    """One key of a resolved config. No repr: the value may be a secret."""

    key: str
    type: ConfigType
    value: JSON
    source: ValueSource


@dataclass(frozen=True, slots=True, repr=False)
class ResolvedConfig:
    """What an SDK client receives. No repr: it holds secrets."""

    integration: IntegrationRow
    organization: OrganizationRow
    entity_id: str
    entity_name: str | None
    entries: Sequence[ResolvedEntry]
    missing: Sequence[str]
    unfit: Sequence[str]

    @property
    def config(self) -> dict[str, JSON]:
        """The values by key."""
        return {entry.key: entry.value for entry in self.entries}

    @property
    def secrets(self) -> list[str]:
        """The keys whose values are secrets."""
        return [entry.key for entry in self.entries if entry.type is ConfigType.SECRET]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves, from a snapshot that is known to be fresh or else from one SQL statement."""

    pool: Pool
    vault: Vault
    snapshots: Snapshots

    async def resolve(self, principal: Principal, integration: str, organization_id: uuid.UUID) -> ResolvedConfig:
        """Resolve an integration, by name, for an organization.

        Raises NotFound without a visible integration, organization or mapping, and Undecryptable, naming every
        key, when a secret cannot be opened.
        """
        return open_snapshot(await self.load(principal, integration, organization_id))

    async def load(self, principal: Principal, integration: str, organization_id: uuid.UUID) -> Snapshot:
        """What there is to open for this caller, from memory or from PostgreSQL. Raises NotFound as `resolve` does."""
        admit(principal, "Query.resolve")
        if not principal.sees_organization(organization_id):
            # Before anything is looked up: how long it takes would tell what is in memory of another's.
            raise NotFound("organization")
        snapshot = self.snapshots.get(integration, organization_id)
        if snapshot is None:
            snapshot = await self._read(integration, organization_id)
        return check_snapshot(principal, snapshot, organization_id)

    def forget(self, batch: Batch) -> None:
        """Resolve nothing from what a batch of changes has made stale."""
        for change in (_ANYTHING,) if batch.is_reset else batch.changes:
            self.snapshots.forget(change.integration_id, change.organization_id)

    async def _read(self, integration: str, organization_id: uuid.UUID) -> Snapshot | None:
        with self.snapshots.fill(integration, organization_id) as fill:
            snapshot = await read_snapshot(self.pool, self.vault, integration, organization_id)
            fill.keep(snapshot)
        return snapshot


def check_snapshot(principal: Principal, snapshot: Snapshot | None, organization_id: uuid.UUID) -> Snapshot:
    """The gate: the snapshot, if this caller may see what it is of. NotFound for all that it may not."""
    if snapshot is None or not principal.sees_integration(snapshot.integration.id):
        raise NotFound("integration")
    if snapshot.organization is None or not principal.sees_organization(organization_id):
        raise NotFound("organization")
    if not snapshot.is_mapped:
        raise NotFound("mapping")
    return snapshot


def open_snapshot(snapshot: Snapshot) -> ResolvedConfig:
    """What a snapshot that has passed the gate gives: every secret opened."""
    return show_snapshot(snapshot, _open_entries(snapshot))


def show_snapshot(snapshot: Snapshot, entries: Sequence[ResolvedEntry]) -> ResolvedConfig:
    """A snapshot that has passed the gate, with these entries."""
    if snapshot.organization is None:
        raise NotFound("organization")
    return ResolvedConfig(
        snapshot.integration,
        snapshot.organization,
        snapshot.entity_id,
        snapshot.entity_name,
        entries,
        snapshot.missing,
        snapshot.unfit,
    )


def _open_entries(snapshot: Snapshot) -> list[ResolvedEntry]:
    entries: list[ResolvedEntry] = []
    shut = list(snapshot.undecided)
    for entry in snapshot.entries:
        if isinstance(entry, Clear):
            entries.append(ResolvedEntry(entry.key, entry.type, entry.value, entry.source))
            continue
        try:
            if entry.data_key is None:
                raise SealError
            value = entry.data_key.open(entry.place, entry.sealed)
        except SealError:
            shut.append(entry.key)
        else:
            entries.append(ResolvedEntry(entry.key, ConfigType.SECRET, value, entry.source))
    if shut:
        raise Undecryptable(shut)
    return entries
