"""Tokens that older software wrote: read by trial decryption, never written, never told by their prefix."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from db.crypto.sealing import JSONValue
from db.errors import SettingsError

DEFAULT_SALT: Final = "bifrost_secrets_v1"
DEFAULT_INFO: Final = "bifrost-secrets-encryption"
MAX_LAYERS: Final = 16

NO_KEY: Final = "has the structure of a Fernet token, but no legacy key opens it"
INNER_TOKEN: Final = "opens to a token that no legacy key opens"
NOT_TEXT: Final = "opens with a legacy key, but not to text"
TOO_MANY_LAYERS: Final = f"is sealed more than {MAX_LAYERS} times over"

_FIRST_BYTE: Final = 0x80
_SHORTEST_TOKEN: Final = 73
# No shorter text decodes to a token, padded or not.
_SHORTEST_TEXT: Final = 98


@dataclass(frozen=True, slots=True)
class Plaintext:
    """No token: the value is what it looks like."""

    value: JSONValue = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A token, sealed once or more often; the innermost text."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Undecidable:
    """Nobody can say what the secret is; `reason` is for operators and holds nothing of the value."""

    reason: str


Reading: TypeAlias = Plaintext | Opened | Undecidable


class LegacyKeys:
    """The keys of the replaced software, each tried in turn; there may be none."""

    __slots__ = ("_fernets",)

    def __init__(self, fernets: Iterable[Fernet]) -> None:
        self._fernets = tuple(fernets)

    @classmethod
    def from_settings(
        cls, fernet_keys: Sequence[str], secret_key: str | None, salt: str | None, info: str | None
    ) -> "LegacyKeys":
        """Fernet keys as given, then the one derived from the application secret, if there is one."""
        fernets = [_parse_key(position, key) for position, key in enumerate(fernet_keys, start=1)]
        if secret_key:
            fernets.append(_derive(secret_key, salt or DEFAULT_SALT, info or DEFAULT_INFO))
        return cls(fernets)

    def read(self, value: JSONValue) -> Reading:
        """What an old row's value is. For legacy rows only: anyone can paste a token into a new one."""
        if not isinstance(value, str):
            return Plaintext(value)
        text, layers = value, 0
        while (opened := self._open(text)) is not None:
            layers += 1
            if layers > MAX_LAYERS:
                return Undecidable(TOO_MANY_LAYERS)
            try:
                text = opened.decode()
            except UnicodeDecodeError:
                return Undecidable(NOT_TEXT)
        if has_token_structure(text):
            return Undecidable(INNER_TOKEN if layers else NO_KEY)
        return Opened(text) if layers else Plaintext(value)

    def _open(self, text: str) -> bytes | None:
        """One layer less, or None if no key opens `text`. A match is a verified HMAC, never a guess."""
        token = _find_token(text)
        if token is None:
            return None
        for fernet in self._fernets:
            try:
                return fernet.decrypt(token)
            except InvalidToken:
                continue
        return None

    def __repr__(self) -> str:
        return f"LegacyKeys({len(self._fernets)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("legacy keys are never pickled or copied")


def has_token_structure(text: str) -> bool:
    """Whether `text` is, canonically and with its padding, a Fernet token or the base64 of one."""
    if len(text) < _SHORTEST_TEXT or not text.isascii():
        return False
    raw = text.encode()
    decoded = _decode(raw)
    if decoded is None:
        return False
    if base64.urlsafe_b64encode(decoded) == raw:
        return _is_token(decoded) or _is_token_text(decoded)
    return base64.b64encode(decoded) == raw and _is_token_text(decoded)


def _is_token_text(raw: bytes) -> bool:
    # What encodes back to the same text is canonical in alphabet, padding and trailing bits.
    decoded = _decode(raw)
    return decoded is not None and base64.urlsafe_b64encode(decoded) == raw and _is_token(decoded)


def _is_token(raw: bytes) -> bool:
    return len(raw) >= _SHORTEST_TOKEN and raw[0] == _FIRST_BYTE and (len(raw) - 57) % 16 == 0


def _find_token(text: str) -> bytes | None:
    """The Fernet token in `text`, decoded as leniently as the replaced software did: once, or twice."""
    if len(text) < _SHORTEST_TEXT:
        return None
    raw = text.encode("utf-8", "ignore")
    for _ in range(2):
        decoded = _decode(raw)
        if not decoded:
            return None
        if decoded[0] == _FIRST_BYTE:
            return base64.urlsafe_b64encode(decoded)
        raw = decoded
    return None


def _decode(text: bytes) -> bytes | None:
    """Base64 of either alphabet, as leniently as Python reads it: other bytes are skipped."""
    # Surplus padding is ignored, missing padding is not: with this, a token that lost its own is read too.
    try:
        return base64.urlsafe_b64decode(text + b"==")
    except binascii.Error:
        return None


def _parse_key(position: int, text: str) -> Fernet:
    encoded = text.strip()
    try:
        base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
        return Fernet(encoded)
    except ValueError:
        pass  # Raised below, outside: nothing of the key may hang on to the error.
    raise SettingsError(
        f"STRONGROOM_LEGACY_FERNET_KEYS: key {position} is not 32 bytes in URL-safe base64 with padding"
    )


def _derive(secret_key: str, salt: str, info: str) -> Fernet:
    raw_key = _encode_setting("STRONGROOM_LEGACY_SECRET_KEY", secret_key)
    raw_salt = _encode_setting("STRONGROOM_LEGACY_SECRET_KEY_SALT", salt)
    raw_info = _encode_setting("STRONGROOM_LEGACY_SECRET_KEY_INFO", info)
    derived = HKDF(algorithm=SHA256(), length=32, salt=raw_salt, info=raw_info).derive(raw_key)
    return Fernet(base64.urlsafe_b64encode(derived))


def _encode_setting(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    raise SettingsError(f"{name}: is not UTF-8 text")
