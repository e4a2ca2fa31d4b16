"""Data keys in the database: one active per scope, wrapped by the root key, cached once committed."""

import uuid
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, Row, Uuid, any_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from db.arrays import among
from db.crypto.keyring import RootKeyProvider
from db.crypto.sealing import DataKey
from db.errors import SealError
from db.models import DataKey as StoredKey
from db.sessions import ReadSession, WriteSession

Scope = uuid.UUID | None
"""An organization's id; None is the scope of what is global."""

Made = Callable[[Scope, uuid.UUID], None]
"""Is told the scope and the id of each key that a transaction makes."""

_CACHED: Final = 100_000
"""Opened keys kept in memory; the oldest go first."""


class DataKeys:
    """Opens data keys and makes missing ones. Opened keys stay in this process's memory only."""

    def __init__(self, root_keys: RootKeyProvider) -> None:
        self._root_keys = root_keys
        self._opened: dict[uuid.UUID, DataKey] = {}

    @property
    def root_keys(self) -> RootKeyProvider:
        """What wraps them."""
        return self._root_keys

    def open(self, key_id: uuid.UUID, scope: Scope, root_key_id: str, wrapped: bytes) -> DataKey:
        """The data key of a committed row. Raises SealError when it does not open."""
        return self._opened.get(key_id) or self._remember(self._unwrap(key_id, scope, root_key_id, wrapped))

    async def find(self, session: ReadSession, key_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, DataKey]:
        """The data keys with these ids; those that are gone or do not open are left out."""
        found = {key_id: self._opened[key_id] for key_id in key_ids if key_id in self._opened}
        missing = [key_id for key_id in key_ids if key_id not in found]
        if missing:
            rows = await session.rows(_KEYS.where(among(StoredKey.id, missing)))
            found.update((key.id, key) for key in self._open_all(rows))
        return found

    async def active(
        self, session: WriteSession, scopes: Collection[Scope], made: Made | None = None
    ) -> dict[Scope, DataKey]:
        """The active key of each scope, made where there is none. Raises SealError when one does not open.

        A key may be this transaction's own, so none is remembered before it has committed.
        """
        rows = await self._active_rows(session, scopes)
        missing = set(scopes) - {row.organization_id for row in rows}
        if missing:
            new = [self._new(scope) for scope in sorted(missing, key=str)]
            await session.execute(insert(StoredKey).on_conflict_do_nothing(), new)
            rows = await self._active_rows(session, scopes)
            _tell(made, new, {row.id for row in rows})
        keys = {row.organization_id: self._opened.get(row.id) or self._unwrap(*row) for row in rows}
        session.after_commit(lambda: self._remember_all(keys.values()))
        return keys

    async def rotate(self, session: WriteSession, scopes: Collection[Scope], made: Made | None = None) -> None:
        """Retire the active key of each scope and make a new one; what is sealed by the old one still opens."""
        where = _scope_is(scopes)
        await session.execute(_RETIRE.where(where))
        new = [self._new(scope) for scope in sorted(scopes, key=str)]
        await session.execute(insert(StoredKey), new)
        _tell(made, new, {key["id"] for key in new})

    def wrap_again(self, row: Row[Any]) -> dict[str, Any]:
        """A stored key's row under the primary root key. Raises SealError when it does not open."""
        key_id, scope, root_key_id, wrapped = tuple(row)
        secret = self._root_keys.unwrap(root_key_id, wrapped, data_key_id=key_id, organization_id=scope)
        root_key_id, wrapped = self._root_keys.wrap(secret, data_key_id=key_id, organization_id=scope)
        return {"key_id": key_id, "root_key_id": root_key_id, "wrapped": wrapped}

    async def _active_rows(self, session: ReadSession, scopes: Collection[Scope]) -> list[Row[Any]]:
        ids = [scope for scope in scopes if scope is not None]
        return list(await session.rows(_ACTIVE[None in scopes], {"ids": ids}))

    def _new(self, scope: Scope) -> dict[str, Any]:
        key_id = uuid.uuid4()
        _, secret = DataKey.generate(key_id)
        root_key_id, wrapped = self._root_keys.wrap(secret, data_key_id=key_id, organization_id=scope)
        return {"id": key_id, "organization_id": scope, "root_key_id": root_key_id, "wrapped": wrapped}

    def _unwrap(self, key_id: uuid.UUID, scope: Scope, root_key_id: str, wrapped: bytes) -> DataKey:
        secret = self._root_keys.unwrap(root_key_id, wrapped, data_key_id=key_id, organization_id=scope)
        return DataKey(key_id, secret)

    def _open_all(self, rows: Iterable[Row[Any]]) -> Iterable[DataKey]:
        for row in rows:
            try:
                yield self.open(*row)
            except SealError:
                continue

    def _remember_all(self, keys: Iterable[DataKey]) -> None:
        for key in keys:
            self._remember(key)

    def _remember(self, key: DataKey) -> DataKey:
        if len(self._opened) >= _CACHED:
            del self._opened[next(iter(self._opened))]
        self._opened[key.id] = key
        return key


_KEYS = select(StoredKey.id, StoredKey.organization_id, StoredKey.root_key_id, StoredKey.wrapped)
_OF_SOME = StoredKey.organization_id == any_(bindparam("ids", type_=ARRAY(Uuid())))
_ACTIVE: Final = {
    False: _KEYS.where(StoredKey.active, _OF_SOME),
    True: _KEYS.where(StoredKey.active, or_(_OF_SOME, StoredKey.organization_id.is_(None))),
}
"""Those of some organizations, without the global one and with it: made once, since every write asks for its keys."""

_RETIRE = update(StoredKey).where(StoredKey.active).values(active=False, retired_at=func.now())


def _tell(made: Made | None, new: Iterable[dict[str, Any]], stored: Collection[uuid.UUID]) -> None:
    """Tell of the keys that were stored; where another transaction was first, its key was."""
    for key in new:
        if made is not None and key["id"] in stored:
            made(key["organization_id"], key["id"])


def _scope_is(scopes: Collection[Scope]) -> ColumnElement[bool]:
    ids = [scope for scope in scopes if scope is not None]
    some = among(StoredKey.organization_id, ids)
    return or_(some, StoredKey.organization_id.is_(None)) if None in scopes else some
