"""What each root key still wraps: what start-up refuses to do without, and when one may be removed.

A root key wraps data keys and audit keys, and nothing else. No row is sealed by a data key that is not there (a foreign
key says so, of configs and of their history), so a root key that wraps none seals nothing either.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Uuid, cast, func, literal, null, select, union_all

from db.access import Principal
from db.crypto.keyring import RootKeyProvider
from db.errors import SealError, SettingsError
from db.models import AuditKey, DataKey
from db.policy import admit
from db.sessions import ReadSession

DATA_KEY: Final = "data key"
AUDIT_KEY: Final = "audit key"

_NAMED: Final = 3
"""Keys that do not open are named up to here, and counted beyond."""


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root key of this process's keyring, or one that the database needs all the same."""

    id: str
    primary: bool
    present: bool
    data_keys: int
    retired_data_keys: int
    """Of `data_keys`, those that seal nothing new."""
    audit_keys: int

    @property
    def safe_to_remove(self) -> bool:
        """Whether nothing in the database needs it, and nothing of this process will."""
        return self.present and not self.primary and not self.data_keys and not self.audit_keys


@dataclass(frozen=True, slots=True)
class ShutKey:
    """A data key or an audit key that no root key of the keyring opens."""

    id: uuid.UUID
    kind: str
    root_key_id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


async def list_root_keys(session: ReadSession, principal: Principal, root_keys: RootKeyProvider) -> list[RootKey]:
    """The root keys, the primary one first, then by id."""
    admit(principal, "Query.rootKeys")
    return await count_wrapped(session, root_keys)


async def count_wrapped(session: ReadSession, root_keys: RootKeyProvider) -> list[RootKey]:
    """The root keys, whoever asks."""
    counts = {row.root_key_id: row for row in await session.rows(_COUNTS)}
    ids = sorted({*root_keys.ids, *counts}, key=lambda id: (id != root_keys.primary_id, id))
    return [_root_key(id, root_keys, counts.get(id)) for id in ids]


async def find_shut(session: ReadSession, root_keys: RootKeyProvider) -> list[ShutKey]:
    """Every key in the database that this keyring does not open, in the order of their ids."""
    return _shut(await session.rows(_WRAPPED), root_keys)


async def check_keyring(root_keys: RootKeyProvider, session: ReadSession) -> None:
    """Refuse a keyring that lacks a root key which the database needs, or that has another key under its id.

    One key that does not open is enough: what is wrong with it is found out now, and not by a customer.
    """
    rows = await session.rows(_WRAPPED)
    shut = _shut(rows, root_keys)
    lacking = [key for key in shut if key.root_key_id not in root_keys.ids]
    if lacking:
        told = "; ".join(f"{id} ({_count(keys)})" for id, keys in _by_root_key(lacking))
        raise SettingsError(
            f"the root keyring lacks keys that the database is sealed with: {told}. "
            "Put them back until a REWRAP run has wrapped what is under them again"
        )
    if shut:
        totals = Counter(str(row.root_key_id) for row in rows)
        told = "; ".join(_tell_shut(id, keys, totals[id]) for id, keys in _by_root_key(shut))
        raise SettingsError(f"the database holds keys that do not open: {told}")


def _tell_shut(root_key_id: str, keys: Sequence[ShutKey], total: int) -> str:
    wrong = ". Is there another key under this id?" if len(keys) == total else ""
    return f"under root key {root_key_id}, {len(keys)} of {total}: {name_keys(keys)}{wrong}"


def name_keys(keys: Sequence[ShutKey]) -> str:
    """The first of some keys by their ids, and how many more."""
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(map(str, keys[:_NAMED])) + more


def _by_root_key(keys: Iterable[ShutKey]) -> list[tuple[str, list[ShutKey]]]:
    groups = defaultdict[str, list[ShutKey]](list)
    for key in keys:
        groups[key.root_key_id].append(key)
    return sorted(groups.items())


def _count(keys: Iterable[ShutKey]) -> str:
    counts = sorted(Counter(key.kind for key in keys).items(), reverse=True)
    return ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts)


def _shut(rows: Iterable[Row[Any]], root_keys: RootKeyProvider) -> list[ShutKey]:
    return [ShutKey(row.id, row.kind, row.root_key_id) for row in rows if not _opens(row, root_keys)]


def _opens(row: Row[Any], root_keys: RootKeyProvider) -> bool:
    try:
        root_keys.unwrap(row.root_key_id, row.wrapped, data_key_id=row.id, organization_id=row.organization_id)
    except SealError:
        return False
    return True


def _root_key(id: str, root_keys: RootKeyProvider, counts: Row[Any] | None) -> RootKey:
    wraps = (0, 0, 0) if counts is None else (counts.data_keys, counts.retired, counts.audit_keys)
    return RootKey(id, id == root_keys.primary_id, id in root_keys.ids, *wraps)


_WRAPPED = union_all(
    select(DataKey.id, DataKey.organization_id, DataKey.root_key_id, DataKey.wrapped, literal(DATA_KEY).label("kind")),
    select(AuditKey.id, cast(null(), Uuid), AuditKey.root_key_id, AuditKey.wrapped, literal(AUDIT_KEY)),
).order_by("id")

_EACH = union_all(
    select(DataKey.root_key_id, literal(DATA_KEY).label("kind"), DataKey.active),
    select(AuditKey.root_key_id, literal(AUDIT_KEY), AuditKey.active),
).subquery()
_IS_DATA_KEY = _EACH.c.kind == DATA_KEY

_COUNTS = select(
    _EACH.c.root_key_id,
    func.count().filter(_IS_DATA_KEY).label("data_keys"),
    func.count().filter(_IS_DATA_KEY, ~_EACH.c.active).label("retired"),
    func.count().filter(~_IS_DATA_KEY).label("audit_keys"),
).group_by(_EACH.c.root_key_id)
