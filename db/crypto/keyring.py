"""The root keyring: it wraps data keys and nothing else. The first key is primary, the rest are retired."""

import base64
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from db.crypto.sealing import (
    KEY_LENGTH,
    NONCE_LENGTH,
    TAG_LENGTH,
    VERSION,
    length_prefixed,
    presence,
    random_nonce,
)
from db.errors import SealError, SettingsError

PURPOSE: Final = b"strongroom data key"

_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_WRAPPED_LENGTH: Final = 1 + NONCE_LENGTH + KEY_LENGTH + TAG_LENGTH
_LONGEST_FILE: Final = 1 << 20


class RootKeyProvider(Protocol):
    """Whatever wraps and unwraps data keys: a keyring here, a key service elsewhere."""

    @property
    def primary_id(self) -> str:
        """The id of the key that wraps."""
        ...

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys that unwrap."""
        ...

    def wrap(self, data_key: bytes, *, data_key_id: UUID, organization_id: UUID | None) -> tuple[str, bytes]:
        """The id of the root key used, and the data key wrapped under it."""
        ...

    def unwrap(self, root_key_id: str, wrapped: bytes, *, data_key_id: UUID, organization_id: UUID | None) -> bytes:
        """The data key, if it was wrapped for this id and this organization; SealError otherwise."""
        ...


class RootKeyring:
    """Root keys from the environment or a file. Keys are never shown, pickled or handed out."""

    __slots__ = ("_ciphers", "_nonce", "ids", "primary_id")

    def __init__(self, keys: Mapping[str, bytes], *, nonce: Callable[[], bytes] = random_nonce) -> None:
        """`keys` by id, primary first. `nonce` is for test vectors alone."""
        self._ciphers = {id: AESGCM(key) for id, key in keys.items()}
        self._nonce = nonce
        self.primary_id: str = next(iter(keys))
        self.ids: frozenset[str] = frozenset(keys)

    @classmethod
    def parse(cls, text: str) -> "RootKeyring":
        """From `id:base64,id:base64…`. SettingsError names the entry at fault by its position only."""
        keys: dict[str, bytes] = {}
        for position, entry in enumerate(text.strip().split(","), start=1):
            id, key = _parse_entry(position, entry.strip())
            if id in keys:
                raise SettingsError(f"root keyring: entry {position} repeats the id of an earlier entry")
            if key in keys.values():
                raise SettingsError(f"root keyring: entry {position} repeats the key of an earlier entry")
            keys[id] = key
        return cls(keys)

    @classmethod
    def generate(cls) -> "RootKeyring":
        """One new random key, kept in memory only."""
        return cls.parse(_new_entry())

    @classmethod
    def load(cls, path: Path) -> "RootKeyring":
        """From a file that only its owner can read."""
        text = _read_private(path)
        try:
            return cls.parse(text)
        except SettingsError as error:
            fault = str(error).removeprefix("root keyring: ")
        raise SettingsError(f"root keyring {path}: {fault}")

    @classmethod
    def create(cls, path: Path) -> "RootKeyring":
        """A new keyring, on disk before this returns. An existing file is never replaced."""
        entry = _new_entry()
        try:
            _write_private(path, entry + "\n")
        except FileExistsError:
            fault = "exists already, and is never replaced"
        except OSError as error:
            fault = f"cannot be made: {error.strerror}"
        else:
            return cls.parse(entry)
        raise SettingsError(f"root keyring {path}: {fault}")

    def wrap(self, data_key: bytes, *, data_key_id: UUID, organization_id: UUID | None) -> tuple[str, bytes]:
        """The primary key's id, and the data key wrapped under it for this id and organization alone."""
        if len(data_key) != KEY_LENGTH:
            raise ValueError("a data key has 32 bytes")
        nonce = self._nonce()
        bound = associated_data(self.primary_id, data_key_id, organization_id)
        body = self._ciphers[self.primary_id].encrypt(nonce, data_key, bound)
        return self.primary_id, bytes([VERSION]) + nonce + body

    def unwrap(self, root_key_id: str, wrapped: bytes, *, data_key_id: UUID, organization_id: UUID | None) -> bytes:
        """The data key; SealError, with one text, if anything about it is not as it was wrapped."""
        cipher = self._ciphers.get(root_key_id)
        if cipher is not None and len(wrapped) == _WRAPPED_LENGTH and wrapped[0] == VERSION:
            nonce, body = wrapped[1 : 1 + NONCE_LENGTH], wrapped[1 + NONCE_LENGTH :]
            try:
                return cipher.decrypt(nonce, body, associated_data(root_key_id, data_key_id, organization_id))
            except InvalidTag:
                pass  # Raised below, outside, so that the one error carries no cause.
        raise SealError

    def __repr__(self) -> str:
        return f"RootKeyring({', '.join(self._ciphers)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a root keyring is never pickled or copied")


def associated_data(root_key_id: str, data_key_id: UUID, organization_id: UUID | None) -> bytes:
    """What the tag of a wrapped data key vouches for beside it."""
    head = PURPOSE + bytes([VERSION]) + length_prefixed(root_key_id)
    return head + data_key_id.bytes + presence(organization_id)


def _new_entry() -> str:
    key = base64.b64encode(os.urandom(KEY_LENGTH)).decode()
    return f"root-{secrets.token_hex(6)}:{key}"


def _parse_entry(position: int, entry: str) -> tuple[str, bytes]:
    # The id is not repeated either: in a mistyped keyring it may well be the key.
    id, colon, encoded = entry.partition(":")
    if not colon:
        raise SettingsError(f"root keyring: entry {position} is not of the form id:base64")
    if not _ID.fullmatch(id):
        raise SettingsError(
            f"root keyring: the id of entry {position} is not 1 to 64 of letters, digits, '.', '_' and '-'"
        )
    key = _strict_base64(encoded)
    if key is None or len(key) != KEY_LENGTH:
        raise SettingsError(f"root keyring: the key of entry {position} is not padded base64 of 32 bytes")
    return id, key


def _strict_base64(text: str) -> bytes | None:
    """Standard or URL-safe; only text that encodes back to itself."""
    try:
        raw = base64.urlsafe_b64decode(text)
    except ValueError:
        return None
    forms = (base64.b64encode(raw), base64.urlsafe_b64encode(raw))
    return raw if text.encode() in forms else None


def _read_private(path: Path) -> str:
    try:
        # Not blocking: a pipe under that name must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _refuse_shared(path, os.fstat(descriptor).st_mode)
            return file.read(_LONGEST_FILE).decode("ascii")
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        fault = "is not text"
    raise SettingsError(f"root keyring {path}: {fault}")


def _refuse_shared(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise SettingsError(f"root keyring {path}: is not a file")
    if mode & 0o077:
        raise SettingsError(f"root keyring {path}: others than its owner may use it; run chmod 600 on it")


def _write_private(path: Path, text: str) -> None:
    """Write all of a new file under another name, then link it: nobody ever sees half a keyring."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)
    finally:
        os.unlink(draft)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
