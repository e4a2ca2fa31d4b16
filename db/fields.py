"""Config schemas: what a field may be, and what values its integration accepts."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, Select, select

from db.arrays import among
from db.limits import FIELD_DESCRIPTION_LIMIT, KEYS_LIMIT, NAME_LIMIT, Path, Problems
from db.models import ConfigField
from db.sessions import ReadSession
from db.stored import unwrap, wrap
from db.values import JSON, MASK, ConfigType, Unfit, coerce, fits_options, is_empty


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a config schema. `id` is None until it is stored; `default` None is no default."""

    key: str
    type: ConfigType
    required: bool = False
    default: JSON = None
    options: Sequence[str] | None = None
    description: str | None = None
    position: int = 0
    id: uuid.UUID | None = None

    def row(self, integration_id: uuid.UUID) -> dict[str, Any]:
        """The field as a row."""
        return {
            "id": self.id or uuid.uuid4(),
            "integration_id": integration_id,
            "key": self.key,
            "type": self.type.value,
            "required": self.required,
            "default_value": None if self.default is None else wrap(self.default),
            "options": None if self.options is None else list(self.options),
            "description": self.description,
            "position": self.position,
        }


def check_fields(fields: Sequence[Field], problems: Problems, *path: str | int) -> list[Field]:
    """The fields with coerced defaults, in their order; every fault goes to `problems`."""
    if len(fields) > KEYS_LIMIT:
        problems.add(f"must have {KEYS_LIMIT} fields at most", *path)
        return []
    seen: set[str] = set()
    checked: list[Field] = []
    for position, field in enumerate(fields):
        here = (*path, position)
        if field.key in seen:
            problems.add("names a key that another field has", *here, "key")
        seen.add(field.key)
        checked.append(replace(_check_field(field, problems, here), position=position))
    return checked


def _check_field(field: Field, problems: Problems, path: Path) -> Field:
    problems.name(field.key, *path, "key")
    problems.text(field.description, FIELD_DESCRIPTION_LIMIT, *path, "description")
    _check_options(field, problems, path)
    if is_empty(field.default):
        return replace(field, default=None)
    if field.type is ConfigType.SECRET:
        problems.add("a secret has no default", *path, "default")
        return replace(field, default=None)
    default = check_value(field, field.default, problems, *path, "default")
    return replace(field, default=default)


def _check_options(field: Field, problems: Problems, path: Path) -> None:
    if field.options is None:
        return
    if field.type is ConfigType.SECRET:
        problems.add("a secret has no options", *path, "options")
    if not 0 < len(field.options) <= KEYS_LIMIT:
        problems.add(f"must have between 1 and {KEYS_LIMIT} options", *path, "options")
        return
    if len(set(field.options)) != len(field.options):
        problems.add("must not repeat an option", *path, "options")
    for index, option in enumerate(field.options):
        problems.text(option, NAME_LIMIT, *path, "options", index)


def check_value(field: Field, value: JSON, problems: Problems, *path: str | int) -> JSON:
    """The value as the field stores it, or None and a fault in `problems`; the message never repeats it."""
    before = len(problems.found)
    problems.value(value, *path)
    if len(problems.found) > before:
        return None
    if field.type is ConfigType.SECRET and value == MASK:
        problems.add(f"{MASK} stands for a secret and is none; leave the key out to keep what is there", *path)
        return None
    try:
        coerced = coerce(value, field.type)
    except Unfit as error:
        problems.add(str(error), *path)
        return None
    if not fits_options(coerced, field.options):
        problems.add(f"must be one of: {', '.join(field.options or ())}", *path)
    return coerced


def check_values(
    fields: Mapping[str, Field], values: Mapping[str, JSON], problems: Problems, *path: str | int
) -> tuple[dict[str, JSON], list[str]]:
    """What to write and what to remove. Unknown keys are refused; null and "" remove."""
    written: dict[str, JSON] = {}
    removed: list[str] = []
    for key, value in values.items():
        field = fields.get(key)
        if field is None:
            problems.add("is no key of this integration's schema", *path, key)
        elif is_empty(value):
            removed.append(key)
        else:
            written[key] = check_value(field, value, problems, *path, key)
    return written, removed


async def fields_of(session: ReadSession, integration_id: uuid.UUID) -> dict[str, Field]:
    """An integration's fields by key, in their order."""
    rows = await session.rows(select_fields().where(ConfigField.integration_id == integration_id))
    return {row.key: stored_field(row) for row in rows}


async def fields_of_many(session: ReadSession, integration_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Field]]:
    """The fields of many integrations, each in its order."""
    found: dict[uuid.UUID, list[Field]] = {}
    statement = select_fields().where(among(ConfigField.integration_id, integration_ids))
    for row in await session.rows(statement):
        found.setdefault(row.integration_id, []).append(stored_field(row))
    return found


def select_fields() -> Select[*tuple[Any, ...]]:
    """The columns of stored fields, in the schema's order."""
    return select(*ConfigField.__table__.columns).order_by(
        ConfigField.integration_id, ConfigField.position, ConfigField.key
    )


def stored_field(row: Row[Any]) -> Field:
    """A row of `select_fields`."""
    return Field(
        key=row.key,
        type=row.field_type,
        required=row.required,
        default=unwrap(row.default_value),
        options=row.options,
        description=row.description,
        position=row.position,
        id=row.id,
    )
