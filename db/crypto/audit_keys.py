"""Audit keys in the database: wrapped by the root key as data keys are, and never destroyed."""

import hmac
import os
import uuid
from contextlib import suppress
from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from db.crypto.keyring import RootKeyProvider
from db.crypto.sealing import KEY_LENGTH
from db.errors import SealError
from db.models import AuditKey as StoredKey
from db.sessions import ReadSession, WriteSession

_INFO: Final = b"strongroom audit mac"


class AuditKey:
    """The key of MACs. It is derived from the wrapped secret, so that this one, put among data keys, seals nothing
    that it also vouches for. Never shown or pickled."""

    __slots__ = ("_secret", "id")

    def __init__(self, id: uuid.UUID, secret: bytes) -> None:
        self.id = id
        self._secret = HKDF(SHA256(), KEY_LENGTH, salt=None, info=_INFO + id.bytes).derive(secret)

    def mac(self, message: bytes) -> bytes:
        """The HMAC-SHA256 of a message."""
        return hmac.digest(self._secret, message, "sha256")

    def vouches(self, message: bytes, mac: bytes) -> bool:
        """Whether a MAC is this message's."""
        return hmac.compare_digest(self.mac(message), mac)

    def __repr__(self) -> str:
        return f"AuditKey({self.id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an audit key is never pickled or copied")


class AuditKeys:
    """Opens audit keys and makes the one that is active. Opened keys stay in this process's memory only."""

    def __init__(self, root_keys: RootKeyProvider) -> None:
        self._root_keys = root_keys
        # Also one whose transaction may not commit: then nothing ever asks for its id again.
        self._opened: dict[uuid.UUID, AuditKey] = {}

    async def find(self, session: ReadSession, key_id: uuid.UUID) -> AuditKey:
        """The key with this id. Raises SealError where it is gone or does not open."""
        if key_id not in self._opened:
            row = await session.first(_KEYS.where(StoredKey.id == key_id))
            if row is None:
                raise SealError
            self._opened[key_id] = self._open(row)
        return self._opened[key_id]

    async def active(self, session: WriteSession) -> AuditKey:
        """The active key, made where there is none. Raises SealError where it does not open."""
        await session.execute(insert(StoredKey).values(self._new()).on_conflict_do_nothing())
        key_id = await session.scalar(select(StoredKey.id).where(StoredKey.active))
        return await self.find(session, key_id)

    async def rotate(self, session: WriteSession) -> uuid.UUID:
        """Retire the active key and make a new one; what the old one vouches for is verified with it as before."""
        await session.execute(
            update(StoredKey).where(StoredKey.active).values(active=False, retired_at=func.clock_timestamp())
        )
        return (await self.active(session)).id

    async def wrap_all_again(self, session: WriteSession) -> None:
        """All keys under the primary root key; one that does not open stays as it is, and verifying will tell."""
        rows = await session.rows(_KEYS.order_by(StoredKey.id).with_for_update())
        for row in rows:
            with suppress(SealError):
                secret = self._root_keys.unwrap(row.root_key_id, row.wrapped, data_key_id=row.id, organization_id=None)
                again = update(StoredKey).where(StoredKey.id == row.id).values(self._wrap(row.id, secret))
                await session.execute(again)

    def _open(self, row: Row[Any]) -> AuditKey:
        key_id, root_key_id, wrapped = tuple(row)
        secret = self._root_keys.unwrap(root_key_id, wrapped, data_key_id=key_id, organization_id=None)
        return AuditKey(key_id, secret)

    def _new(self) -> dict[str, Any]:
        key_id = uuid.uuid4()
        return {"id": key_id, **self._wrap(key_id, os.urandom(KEY_LENGTH))}

    def _wrap(self, key_id: uuid.UUID, secret: bytes) -> dict[str, Any]:
        root_key_id, wrapped = self._root_keys.wrap(secret, data_key_id=key_id, organization_id=None)
        return {"root_key_id": root_key_id, "wrapped": wrapped}


_KEYS: Final = select(StoredKey.id, StoredKey.root_key_id, StoredKey.wrapped)
