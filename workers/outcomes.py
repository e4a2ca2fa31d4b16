"""What SEAL makes of a row, worked out before anything is written.

Outcomes are not frozen, though only sealing changes one: there is one for every row, and it takes four times as long to
make.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from db import stored
from db.crypto.data_keys import Scope
from db.crypto.legacy import LegacyKeys
from db.crypto.sealing import DataKey, encode
from db.stored import Absent, Misfit, StoredConfig, Undecided, Value, judge, rewrap
from db.values import JSON, ConfigType, dump, is_exact
from db.vault import config_place

UNSEALABLE = "holds a value that cannot be sealed"
MORE_THAN_A_VALUE = "holds more than a value: sealing it would lose the rest"
TOO_EXACT = "holds a number of more digits than can be written anew without losing any"


@dataclass(slots=True, repr=False)
class Sealed:
    """A secret, sealed from now on. No repr: it holds the value, encoded to be sealed."""

    row: StoredConfig
    payload: bytes
    sealed: bytes | None = None
    data_key_id: uuid.UUID | None = None
    changes: bool = True


@dataclass(slots=True, repr=False)
class Kept:
    """No secret, or one that is sealed already. `text` is the column's new JSON; None leaves it. No repr."""

    row: StoredConfig
    text: str | None
    changes: bool


@dataclass(slots=True, repr=False)
class Emptied:
    """A legacy null or empty value: it counted as absent, and goes to the history."""

    row: StoredConfig
    changes: bool = True


@dataclass(slots=True, repr=False)
class Quarantined:
    """Nobody can say what the row holds, or it does not fit."""

    row: StoredConfig
    reason: str


@dataclass(slots=True, repr=False)
class Left:
    """Sealed, under a schema that no longer calls it a secret: only who may reveal it can change that."""

    row: StoredConfig


Outcome = Sealed | Kept | Emptied | Quarantined | Left


def decide(row: StoredConfig, legacy_keys: LegacyKeys) -> Outcome:
    """What is to become of a row."""
    match judge(row, legacy_keys):
        case Absent():
            return Emptied(row)
        case Undecided(reason) | Misfit(reason):
            return Quarantined(row, reason)
        case Value(value):
            return _decide_secret(row, value) if row.is_secret else _decide_plain(row, value)
        case stored.Sealed():
            if row.field_type not in (None, ConfigType.SECRET):
                return Left(row)
            return Kept(row, None, changes=row.config_type is not ConfigType.SECRET)


def reseal(outcome: Sealed | Kept, sealers: Mapping[Scope, DataKey], nonce: bytes) -> Sealed | Kept:
    """A secret's outcome with its ciphertext, and no longer with its value; one that is kept as it is."""
    if isinstance(outcome, Sealed):
        sealer = sealers[outcome.row.organization_id]
        outcome.sealed = sealer.seal_encoded(config_place(outcome.row), outcome.payload, nonce)
        outcome.data_key_id, outcome.payload = sealer.id, b""
    return outcome


def _decide_secret(row: StoredConfig, value: JSON) -> Outcome:
    if isinstance(row.value, dict) and len(row.value) > 1 and "value" in row.value:
        return Quarantined(row, MORE_THAN_A_VALUE)
    try:
        return Sealed(row, encode(value))
    except ValueError:
        return Quarantined(row, UNSEALABLE)


def _decide_plain(row: StoredConfig, value: JSON) -> Outcome:
    # An unknown key's column stays as it is, whatever its shape. By their text: in Python, true equals 1.
    text, before = dump(rewrap(row.value, value)), dump(row.value)
    new = None if row.is_unknown or text == before else text
    if new is not None and not is_exact(row.value):
        return Quarantined(row, TOO_EXACT)
    return Kept(row, new, changes=new is not None or row.type is not row.config_type)
