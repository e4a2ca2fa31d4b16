"""The log of changes.

read     reads the log after a position
place    an organization, an integration, its mapping, and a value
"""

from typing import Any

import pytest

from db.change_log import Batch, read_batch
from db.positions import Position
from db.sessions import Database
from tests.db.change_log.place import CONFIG, FIELD, INTEGRATION, ORGANIZATION, OTHER, Read


@pytest.fixture
def read(database: Database) -> Read:
    """Reads the log after a position."""

    async def read(after: Position | None) -> Batch:
        async with database.read() as session:
            return await read_batch(session, after)

    return read


@pytest.fixture
async def place(sql: Any) -> None:
    """An organization, an integration with one field, its mapping, and a value of it as older software writes one."""
    await sql.execute(
        f"""
        INSERT INTO organizations (id, name, created_by) VALUES ('{ORGANIZATION}', 'one', 'test'),
            ('{OTHER}', 'other', 'test');
        INSERT INTO integrations (id, name) VALUES ('{INTEGRATION}', 'halo');
        INSERT INTO integration_config_schema (id, integration_id, key, type)
            VALUES ('{FIELD}', '{INTEGRATION}', 'port', 'int');
        INSERT INTO integration_mappings (integration_id, organization_id, entity_id)
            VALUES ('{INTEGRATION}', '{ORGANIZATION}', '1');
        INSERT INTO configs (id, organization_id, integration_id, key, value, updated_by)
            VALUES ('{CONFIG}', '{ORGANIZATION}', '{INTEGRATION}', 'port', '{{"value": 1}}', 'test')
        """
    )
