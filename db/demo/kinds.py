"""The kinds of rows that the replaced software left behind, and how it wrote each of them."""

import base64
from enum import StrEnum
from typing import Final

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from db.crypto.legacy import DEFAULT_INFO, DEFAULT_SALT
from db.values import JSON, ConfigType, dump

APPLICATION_SECRET: Final = "demo-application-secret-of-the-replaced-platform"  # noqa: S105 - sample data
LOST_SECRET: Final = "demo-application-secret-that-nobody-kept"  # noqa: S105 - sample data

DEMO_ENVIRON: Final = {
    "STRONGROOM_LEGACY_SECRET_KEY": APPLICATION_SECRET,
    "STRONGROOM_LEGACY_SECRET_KEY_SALT": DEFAULT_SALT,
    "STRONGROOM_LEGACY_SECRET_KEY_INFO": DEFAULT_INFO,
}
"""The settings with which the demo's tokens can be opened."""


class Kind(StrEnum):
    """How a row was left."""

    TYPED = "a value with the right type"
    TYPE_LOST = "a value that fits, in a row typed string"
    PLAIN_AS_STRING = "a secret in plaintext, typed string"
    PLAIN_AS_SECRET = "a secret in plaintext, typed secret"  # noqa: S105 - a description
    NUMBER = "a secret that is a number, in plaintext"
    OBJECT = "a secret that is an object, in plaintext"
    LOOKS_SEALED = "a secret in plaintext that begins with gAAA"
    FERNET = "a Fernet token"
    FERNET_BASE64 = "the base64 of a Fernet token"
    FERNET_AS_STRING = "the base64 of a Fernet token, typed string"
    SEALED_TWICE = "a token whose plaintext is a token"
    LOST_KEY = "a token of a key that is lost"
    AS_TEXT = "a number, truth value or structure, kept as text"
    UNFIT = "text that does not fit its type"
    UNKNOWN_KEY = "a key that the schema does not know"
    EMPTY = "an empty text"

    @property
    def is_undecidable(self) -> bool:
        """Whether a backfill quarantines it."""
        return self in (Kind.LOST_KEY, Kind.UNFIT)


_AS_STRING: Final = {
    Kind.TYPE_LOST,
    Kind.PLAIN_AS_STRING,
    Kind.FERNET_AS_STRING,
    Kind.AS_TEXT,
    Kind.UNFIT,
    Kind.UNKNOWN_KEY,
    Kind.EMPTY,
}


def leave(kind: Kind, value: JSON, config_type: ConfigType) -> tuple[JSON, ConfigType]:
    """The value and the type that the row of this kind has, where `config_type` would be right."""
    return _stored(kind, value), ConfigType.STRING if kind in _AS_STRING else config_type


def _stored(kind: Kind, value: JSON) -> JSON:
    match kind:
        case Kind.FERNET:
            return _seal(_KEY, value)
        case Kind.FERNET_BASE64 | Kind.FERNET_AS_STRING:
            return _wrap(_seal(_KEY, value))
        case Kind.SEALED_TWICE:
            return _wrap(_seal(_KEY, _wrap(_seal(_KEY, value))))
        case Kind.LOST_KEY:
            return _wrap(_seal(_LOST_KEY, value))
        case Kind.AS_TEXT:
            return dump(value)
        case _:
            return value


def _seal(key: Fernet, value: JSON) -> str:
    return key.encrypt((value if isinstance(value, str) else dump(value)).encode()).decode()


def _wrap(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


def _derive(secret: str) -> Fernet:
    salt, info = DEFAULT_SALT.encode(), DEFAULT_INFO.encode()
    derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


_KEY: Final = _derive(APPLICATION_SECRET)
_LOST_KEY: Final = _derive(LOST_SECRET)
