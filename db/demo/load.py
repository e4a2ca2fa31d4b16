"""Loads the demo: plain SQL into the legacy columns, as the replaced software would have left it."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import asyncpg

from db.demo.kinds import DEMO_ENVIRON, leave
from db.demo.rows import DemoRow, rows
from db.demo.world import DELETED, FALLBACKS, ORGANIZATIONS, SEED, derive_id, integrations, slug
from db.errors import SettingsError
from db.settings import Settings, asyncpg_dsn
from db.stored import wrap
from db.values import dump

__all__ = ["DEMO_ENVIRON", "load_demo"]

_BEGIN: Final = datetime(2025, 3, 1, 9, tzinfo=UTC)
_WRITERS: Final = ("import@platform.example", "kim@platform.example", "sam@platform.example")


async def load_demo(database_url: str, settings: Settings) -> bool:
    """Fill an empty database; leave one that holds the demo already: whether it was filled now. SettingsError for any
    other."""
    connection: Any = await cast("Any", asyncpg).connect(asyncpg_dsn(database_url))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE integrations, organizations, configs IN EXCLUSIVE MODE")
            if await connection.fetchval(_LOADED, integrations()[0].id):
                return False
            if await connection.fetchval(_FILLED):
                raise SettingsError(
                    "the database holds other data than the demo's: "
                    "`make demo` needs an empty one, or a STRONGROOM_HOME of its own"
                )
            await _fill(connection)
            return True
    finally:
        await connection.close()


async def _fill(connection: Any) -> None:
    await connection.executemany(_ORGANIZATION, list(ORGANIZATIONS.items()))
    await connection.executemany(
        _INTEGRATION, [(entry.id, entry.name, entry.name == DELETED) for entry in integrations()]
    )
    await connection.executemany(_FIELD, list(_fields()))
    await connection.executemany(_MAPPING, list(_mappings()))
    lots = random.Random(SEED)  # noqa: S311 - sample data
    await connection.executemany(_CONFIG, [_config(row, lots) for row in rows()])


def _fields() -> Iterator[tuple[Any, ...]]:
    for integration in integrations():
        for position, field in enumerate(integration.fields):
            default = None if field.default is None else dump(wrap(field.default))
            yield (
                integration.field_id(field.key),
                integration.id,
                field.key,
                field.type.value,
                field.required,
                field.title,
                field.options,
                position,
                default,
            )


def _mappings() -> Iterator[tuple[Any, ...]]:
    for integration in integrations():
        shared = [None] if integration.name in FALLBACKS else []
        for owner in [*integration.organizations, *shared]:
            yield (
                derive_id("mapping", integration.name, str(owner)),
                integration.id,
                owner,
                f"{slug(owner)}-{integration.id.int % 9000 + 1000}",
                ORGANIZATIONS.get(owner) if owner else "Shared account",
            )


def _config(row: DemoRow, lots: random.Random) -> tuple[Any, ...]:
    value, config_type = leave(row.kind, row.value, row.type)
    written = _BEGIN + timedelta(minutes=lots.randrange(400 * 24 * 60))
    return (
        row.id,
        row.organization_id,
        row.key,
        dump(wrap(value)),
        config_type.value,
        written,
        lots.choice(_WRITERS),
        None if row.integration is None else row.integration.id,
        _field_id(row, lots),
    )


def _field_id(row: DemoRow, lots: random.Random) -> uuid.UUID | None:
    """Older software tied a row to its field now and then."""
    tied = lots.random() < 0.5
    known = row.integration is not None and row.integration.field(row.key) is not None
    return row.integration.field_id(row.key) if tied and known and row.integration else None


_LOADED: Final = "SELECT EXISTS (SELECT FROM integrations WHERE id = $1)"
_FILLED: Final = """
SELECT EXISTS (SELECT FROM organizations) OR EXISTS (SELECT FROM integrations) OR EXISTS (SELECT FROM configs)
"""
_ORGANIZATION: Final = "INSERT INTO organizations (id, name, created_by) VALUES ($1, $2, 'import@platform.example')"
_INTEGRATION: Final = "INSERT INTO integrations (id, name, is_deleted) VALUES ($1, $2, $3)"
_FIELD: Final = """
INSERT INTO integration_config_schema
    (id, integration_id, key, type, required, description, options, position, default_value)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
"""`default_value` alone is no legacy column: the real connectors' defaults make better examples."""

_MAPPING: Final = """
INSERT INTO integration_mappings (id, integration_id, organization_id, entity_id, entity_name)
VALUES ($1, $2, $3, $4, $5)
"""
_CONFIG: Final = """
INSERT INTO configs (
    id, organization_id, key, value, config_type, created_at, updated_at, updated_by, integration_id, config_schema_id
)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)
"""
