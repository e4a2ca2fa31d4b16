"""A stored config as it is read: its effective type, and the one judgement of what its row holds.

The effective type is the integration's schema type, whatever the row says; a row typed `secret` without a
schema field is a secret too, and what is sealed stays one until it is opened by somebody who may.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, Select, Text, cast, select
from sqlalchemy.orm import aliased

from db.crypto.legacy import LegacyKeys, Undecidable
from db.models import Config, ConfigField
from db.values import JSON, MASK, ConfigType, Unfit, coerce, is_empty, is_exact, parse

INEXACT: Final = "holds a number of more digits than can be sealed without losing any"


@dataclass(slots=True, repr=False)
class StoredConfig:
    """One row of `configs` beside the type its integration's schema gives it (None: no such field).

    No repr: a legacy row's value may be a secret in plaintext. Nobody changes one; it is not frozen, since that would
    make each of these, one for every row that is read, four times as slow to make.
    """

    id: uuid.UUID
    integration_id: uuid.UUID | None
    organization_id: uuid.UUID | None
    key: str
    config_type: ConfigType
    value: JSON
    sealed: bytes | None
    data_key_id: uuid.UUID | None
    legacy: bool
    version: int
    description: str | None
    created_at: datetime
    updated_at: datetime
    updated_by: str
    field_id: uuid.UUID | None
    schema_field_id: uuid.UUID | None
    field_type: ConfigType | None

    @property
    def type(self) -> ConfigType:
        """The effective type."""
        if self.sealed is not None:
            return ConfigType.SECRET
        return self.config_type if self.field_type is None else self.field_type

    @property
    def is_secret(self) -> bool:
        """Whether every list masks it."""
        return self.type is ConfigType.SECRET

    @property
    def is_unknown(self) -> bool:
        """Whether its integration's schema does not know its key."""
        return self.integration_id is not None and self.schema_field_id is None

    @property
    def raw(self) -> JSON:
        """What the row's `value` column holds, out of its `{"value": …}`."""
        return unwrap(self.value)

    @property
    def shown(self) -> JSON:
        """What a list shows: the mask for a secret; the value as its type has it, or as it is where it does not fit."""
        if self.is_secret:
            return MASK
        try:
            return self.raw if self.is_unknown or is_empty(self.raw) else coerce(self.raw, self.type)
        except Unfit:
            return self.raw


@dataclass(frozen=True, slots=True)
class Absent:
    """A legacy null or empty value."""


@dataclass(frozen=True, slots=True, repr=False)
class Value:
    """A value in the clear that fits its type."""

    value: JSON


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that its data key opens."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A secret of older software that no legacy key opens."""

    reason: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that is no secret and does not fit its type."""

    reason: str


Judgement = Absent | Value | Sealed | Undecided | Misfit


def judge(row: StoredConfig, legacy_keys: LegacyKeys) -> Judgement:
    """What a row holds. Only legacy rows are ever tried with legacy keys; an unknown key's value is left as it is."""
    if row.sealed is not None:
        return Sealed()
    return judge_value(row.raw, row.type, legacy_keys if row.legacy else None, unknown=row.is_unknown)


def judge_value(raw: JSON, config_type: ConfigType, legacy_keys: LegacyKeys | None, *, unknown: bool) -> Judgement:
    """What an unsealed value is under a type; with legacy keys it is older software's, and may be a token."""
    if is_empty(raw):
        return Absent()
    if config_type is ConfigType.SECRET:
        return Value(raw) if legacy_keys is None else _judge_secret(raw, legacy_keys)
    if unknown:
        return Value(raw)
    try:
        return Value(coerce(raw, config_type))
    except Unfit as error:
        return Misfit(f"does not fit its type {config_type}: {error}")


def winner(layers: Iterable[StoredConfig], legacy_keys: LegacyKeys) -> tuple[StoredConfig, Judgement] | None:
    """The layer that counts, override before default: the first that is not absent. Its fitness is not asked."""
    for row in layers:
        judged = judge(row, legacy_keys)
        if not isinstance(judged, Absent):
            return row, judged
    return None


def unwrap(value: JSON) -> JSON:
    """The value in `{"value": …}`; any other shape of older software is the value itself, `{}` is none."""
    if isinstance(value, dict) and (not value or "value" in value):
        return value.get("value")
    return value


def wrap(value: JSON) -> dict[str, JSON]:
    """The value as the column holds it."""
    return {"value": value}


def rewrap(before: JSON, value: JSON) -> dict[str, JSON]:
    """The value in the place of the one before, beside whatever else older software kept there."""
    return {**before, "value": value} if isinstance(before, dict) and "value" in before else wrap(value)


SchemaField = aliased(ConfigField)


def select_stored() -> Select[*tuple[Any, ...]]:
    """The columns of StoredConfig; callers add the gate and their filter."""
    return select(
        Config.id,
        Config.integration_id,
        Config.organization_id,
        Config.key,
        Config.config_type,
        Config.value,
        Config.sealed,
        Config.data_key_id,
        Config.legacy,
        Config.version,
        Config.description,
        Config.created_at,
        Config.updated_at,
        Config.updated_by,
        Config.field_id,
        SchemaField.id.label("schema_field_id"),
        SchemaField.field_type,
    ).outerjoin(
        SchemaField,
        (SchemaField.integration_id == Config.integration_id) & (SchemaField.key == Config.key),
    )


def stored(row: Row[Any]) -> StoredConfig:
    """A row of `select_stored`."""
    return StoredConfig(*row)


def stored_record(record: Any) -> StoredConfig:
    """A row of `select_stored` as asyncpg gives it."""
    given: list[Any] = list(record)
    given[4] = TYPES[given[4]]
    given[5] = None if given[5] is None else parse(given[5])
    given[16] = None if given[16] is None else TYPES[given[16]]
    return StoredConfig(*given)


def stored_fetched(record: Sequence[Any]) -> StoredConfig:
    """A row of `select_stored` as a write session fetches it: there JSON is decoded already."""
    given = list(record)
    given[4] = TYPES[given[4]]
    given[16] = None if given[16] is None else TYPES[given[16]]
    return StoredConfig(*given)


OUTLINE: Final = (
    Config.id,
    Config.integration_id,
    Config.organization_id,
    Config.key,
    Config.config_type,
    cast(Config.value, Text),
    Config.sealed,
    Config.legacy,
)
"""The columns that it takes to judge a row and to seal it; JSON as text."""


def stored_outline(record: Sequence[Any], field_id: uuid.UUID | None, field_type: ConfigType | None) -> StoredConfig:
    """A row of the columns of OUTLINE, as a write session fetches them, under a field of its schema. Whatever else a
    row has, this one has not: it is for judging, sealing and telling which row it is."""
    return StoredConfig(
        record[0],
        record[1],
        record[2],
        record[3],
        TYPES[record[4]],
        None if record[5] is None else parse(record[5]),
        record[6],
        None,
        record[7],
        0,
        None,
        _NEVER,
        _NEVER,
        "",
        None,
        field_id,
        field_type,
    )


_NEVER: Final = datetime.min.replace(tzinfo=UTC)

TYPES: Final = {kind.value: kind for kind in ConfigType}
"""By the names that the database has for them."""


def _judge_secret(raw: JSON, legacy_keys: LegacyKeys) -> Judgement:
    if not is_exact(raw):
        return Undecided(INEXACT)
    read = legacy_keys.read(raw)
    if isinstance(read, Undecidable):
        return Undecided(read.reason)
    return Absent() if is_empty(read.value) else Value(read.value)
