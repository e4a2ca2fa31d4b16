"""The sealed format: one JSON value, encrypted under a data key and bound to the place it belongs to.

docs/sealing.md describes it byte by byte; tests/db/crypto/vectors.json holds its test vectors.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final, NoReturn, TypeAlias
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from db.errors import SealError

JSONValue: TypeAlias = "str | int | float | bool | list[JSONValue] | dict[str, JSONValue] | None"

VERSION: Final = 1
KEY_LENGTH: Final = 32
NONCE_LENGTH: Final = 12
TAG_LENGTH: Final = 16
# Deeper values could be sealed on a shallow call stack and not be opened on a deeper one.
MAX_DEPTH: Final = 200
# Python itself turns integers of up to this many digits into text and back under any setting.
_PLAIN_DIGITS: Final = 640

_NONCE_AT: Final = 1 + 16
_BODY_AT: Final = _NONCE_AT + NONCE_LENGTH
_SHORTEST: Final = _BODY_AT + TAG_LENGTH


class Purpose(Enum):
    """What a sealed value is kept for; a config's current value never opens as its history, nor back."""

    CONFIG = b"strongroom config"
    HISTORY = b"strongroom history"


_CONFIG: Final = Purpose.CONFIG


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs. It opens in exactly this place and in no other."""

    purpose: Purpose
    organization_id: UUID | None
    integration_id: UUID | None
    key: str


class DataKey:
    """One organization's key, or the global one. It seals values and opens them, and is never shown."""

    __slots__ = ("_cipher", "_config_head", "_header", "_history_head", "_nonce", "id")

    def __init__(self, id: UUID, secret: bytes, *, nonce: Callable[[], bytes] | None = None) -> None:
        """`secret` is 32 bytes. `nonce` is for test vectors alone: 12 bytes, never the same twice."""
        if len(secret) != KEY_LENGTH:
            raise ValueError("a data key has 32 bytes")
        self.id = id
        self._cipher = AESGCM(secret)
        self._nonce = nonce or random_nonce
        self._header = bytes([VERSION]) + id.bytes
        # Everything before the place in the associated data is the same for each call: made once.
        self._config_head = Purpose.CONFIG.value + self._header
        self._history_head = Purpose.HISTORY.value + self._header

    @classmethod
    def generate(cls, id: UUID) -> tuple["DataKey", bytes]:
        """A new random key and its secret, which is for wrapping under a root key and nothing else."""
        secret = os.urandom(KEY_LENGTH)
        return cls(id, secret), secret

    def seal(self, place: Place, value: JSONValue) -> bytes:
        """The sealed value. ValueError, which never repeats the value, if it is no value JSON can hold."""
        return self.seal_encoded(place, encode(value))

    def seal_encoded(self, place: Place, payload: bytes, nonce: bytes | None = None) -> bytes:
        """The sealed value of what `encode` made. Whoever seals many gives each its own of `random_nonces`."""
        nonce = nonce or self._nonce()
        return self._header + nonce + self._cipher.encrypt(nonce, payload, self.associated_data(place))

    def open(self, place: Place, sealed: bytes) -> JSONValue:
        """The value sealed for `place` under this key. SealError, with one text, for anything else."""
        if sealed.startswith(self._header) and len(sealed) >= _SHORTEST:
            nonce, body = sealed[_NONCE_AT:_BODY_AT], sealed[_BODY_AT:]
            try:
                text = self._cipher.decrypt(nonce, body, self.associated_data(place)).decode()
                value, end = _decode(text)
                if end == len(text):
                    return value
            except (InvalidTag, ValueError, RecursionError):
                pass  # Raised below, outside: what is caught here may hold the plaintext.
        raise SealError

    def opener(self, place: Place, sealed: bytes) -> Callable[[], bytes]:
        """What opens one sealed value, as often as it is called: each time anew, since no plaintext is kept.

        It returns the value's JSON text. SealError, with one text, for whatever `open` does not open, and for a number
        that is too large for a float, which `open` knows.
        """
        if not sealed.startswith(self._header) or len(sealed) < _SHORTEST:
            raise SealError
        try:
            decrypt, bound = self._cipher.decrypt, self.associated_data(place)
        except ValueError:
            raise SealError from None
        nonce, body = sealed[_NONCE_AT:_BODY_AT], sealed[_BODY_AT:]

        def open_text() -> bytes:
            try:
                text = decrypt(nonce, body, bound)
                orjson.loads(text)
                if len(text.strip()) == len(text):
                    return text
            except (InvalidTag, ValueError):
                pass  # Raised below, outside: what is caught here may hold the plaintext.
            raise SealError

        return open_text

    def associated_data(self, place: Place) -> bytes:
        """What the tag vouches for beside the ciphertext: purpose, version, data key id and place."""
        return (
            (self._config_head if place.purpose is _CONFIG else self._history_head)
            + presence(place.organization_id)
            + presence(place.integration_id)
            + length_prefixed(place.key)
        )

    def __repr__(self) -> str:
        return f"DataKey({self.id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key is never pickled or copied")


def data_key_id_of(sealed: bytes) -> UUID:
    """The id of the data key that `sealed` names; whether it opens is for that key to say."""
    if len(sealed) < _SHORTEST or sealed[0] != VERSION:
        raise SealError
    return UUID(bytes=sealed[1:_NONCE_AT])


def random_nonces(count: int) -> list[bytes]:
    """So many nonces, each for one value. Asking the system for each of them costs as much as sealing it."""
    drawn = os.urandom(count * NONCE_LENGTH)
    return [drawn[at : at + NONCE_LENGTH] for at in range(0, len(drawn), NONCE_LENGTH)]


def random_nonce() -> bytes:
    """Twelve random bytes."""
    return os.urandom(NONCE_LENGTH)


def presence(id: UUID | None) -> bytes:
    """A presence byte and, if there is one, the sixteen bytes of the id."""
    return b"\x00" if id is None else b"\x01" + id.bytes


def length_prefixed(text: str) -> bytes:
    """Four bytes of length, big-endian, and the UTF-8 of `text`. ValueError for a lone surrogate."""
    raw = text.encode()
    return len(raw).to_bytes(4, "big") + raw


def encode(value: JSONValue) -> bytes:
    """Compact JSON in UTF-8. ValueError, without the value, for NaN, lone surrogates or too deep nesting."""
    payload = _attempt(_compact, value) or _attempt(_compact_at_length, value)
    if payload is None or _too_deep(payload, value):
        raise ValueError("not a value that JSON can hold")
    return payload


_compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _attempt(write: Callable[[JSONValue], str], value: JSONValue) -> bytes | None:
    try:
        return write(value).encode()
    except (ValueError, RecursionError):
        return None  # The caller raises: these errors may quote the value.


def _compact_at_length(value: JSONValue) -> str:
    """Like `_compact`, for integers of more digits than Python will turn into text by itself."""
    if isinstance(value, dict):
        members = (f"{_compact(key)}:{_compact_at_length(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact_at_length, value)) + "]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(Decimal(value))
    return _compact(value)


def _too_deep(payload: bytes, value: JSONValue) -> bool:
    if payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH:
        return False
    level, depth = [value], 0
    while level:
        level = [child for node in level for child in _children(node)]
        depth += 1
    return depth > MAX_DEPTH + 1


def _children(value: JSONValue) -> list[JSONValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _PLAIN_DIGITS else int(Decimal(digits))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_decode: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse_constant).raw_decode
