"""A second opener, for VERIFY: written from docs/sealing.md, so that a fault of `sealing` is found and not repeated.

It shares no code with what seals, and no key that anything else has opened: each witness unwraps what the database
holds now. It says whether a value opens, and never hands one out.
"""

import json
import uuid
from collections.abc import Collection
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select

from db.arrays import among
from db.crypto.keyring import RootKeyProvider
from db.errors import SealError
from db.models import DataKey as StoredKey
from db.sessions import ReadSession

CONFIG: Final = b"strongroom config"
HISTORY: Final = b"strongroom history"

_HEAD: Final = 17
_NONCE_END: Final = 29


class Witness:
    """Opens sealed values by the letter of their description."""

    def __init__(self, root_keys: RootKeyProvider) -> None:
        self._root_keys = root_keys
        self._ciphers: dict[uuid.UUID, AESGCM | None] = {}

    async def fetch(self, session: ReadSession, key_ids: Collection[uuid.UUID]) -> None:
        """Unwrap these data keys, if that was not done yet; values under one that does not open do not open."""
        missing = [id for id in key_ids if id not in self._ciphers]
        if not missing:
            return
        found = dict[uuid.UUID, AESGCM | None].fromkeys(missing)
        for row in await session.rows(_KEYS.where(among(StoredKey.id, missing))):
            try:
                secret = self._root_keys.unwrap(
                    row.root_key_id, row.wrapped, data_key_id=row.id, organization_id=row.organization_id
                )
            except SealError:
                continue
            found[row.id] = AESGCM(secret)
        # Not before all are there: others look meanwhile, and a key that is not there yet would be one that is gone.
        self._ciphers |= {id: cipher for id, cipher in found.items() if self._ciphers.get(id) is None}

    def opens(
        self,
        purpose: bytes,
        place: tuple[uuid.UUID | None, uuid.UUID | None, str],
        key_id: uuid.UUID | None,
        sealed: bytes,
    ) -> bool:
        """Whether the value opens in this place (organization, integration, key) under this key, to one JSON value."""
        cipher = self._ciphers.get(key_id) if key_id else None
        if cipher is None or key_id is None or sealed[:_HEAD] != b"\x01" + key_id.bytes:
            return False
        bound = purpose + sealed[:_HEAD] + _describe(*place)
        try:
            json.loads(
                cipher.decrypt(sealed[_HEAD:_NONCE_END], sealed[_NONCE_END:], bound).decode("utf-8"),
                parse_int=len,
                parse_constant=_refuse,
            )
        except (InvalidTag, ValueError, RecursionError):
            return False
        return True


def _describe(organization_id: uuid.UUID | None, integration_id: uuid.UUID | None, key: str) -> bytes:
    ids = (b"\x00" if id is None else b"\x01" + id.bytes for id in (organization_id, integration_id))
    name = key.encode("utf-8")
    return b"".join((*ids, len(name).to_bytes(4, "big"), name))


def _refuse(_name: str) -> NoReturn:
    raise ValueError


_KEYS = select(StoredKey.id, StoredKey.organization_id, StoredKey.root_key_id, StoredKey.wrapped)
