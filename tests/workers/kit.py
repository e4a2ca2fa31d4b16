"""Rows to work on, and what they must have become."""

import asyncio
import uuid
from typing import Any

from db.sessions import Database
from db.stored import select_stored, stored
from db.vault import Opened, Vault, open_rows
from workers.seal import Seal
from workers.tasks import Batch, Counts


class Fragile(Seal):
    """SEAL that raises for chosen rows, or always, or waits before each batch."""

    def __init__(self, bad: set[uuid.UUID] | None = None, error: Exception | None = None, pause: float = 0) -> None:
        self.bad = bad
        self.error = error or ValueError("s3cret-value")
        self.pause = pause
        self.sizes: list[int] = []

    async def work(self, batch: Batch) -> Counts:
        self.sizes.append(len(batch.ids))
        await asyncio.sleep(self.pause)
        if self.bad is None or self.bad.intersection(batch.ids):
            raise self.error
        return await super().work(batch)


async def plant_secrets(sql: Any, count: int, *, organizations: int = 5, fields: int = 20) -> None:
    """Legacy plaintext secrets of several organizations; each value is the text of its row's id."""
    integrations = -(-count // (organizations * fields))
    await sql.execute(
        f"""
        INSERT INTO organizations (id, name, created_by)
            SELECT gen_random_uuid(), 'o' || g, 'test' FROM generate_series(1, {organizations}) g;
        INSERT INTO integrations (id, name)
            SELECT gen_random_uuid(), 'i' || g FROM generate_series(1, {integrations}) g;
        INSERT INTO integration_config_schema (id, integration_id, key, type)
            SELECT gen_random_uuid(), i.id, 'k' || g, 'secret' FROM integrations i, generate_series(1, {fields}) g;
        INSERT INTO configs (id, organization_id, integration_id, key, value, config_type, updated_by)
            SELECT gen_random_uuid(), o.id, f.integration_id, f.key, '{{}}', 'string', 'test'
            FROM organizations o, integration_config_schema f LIMIT {count};
        UPDATE configs SET value = jsonb_build_object('value', id::text);
        ANALYZE
        """
    )


async def assert_sealed_once(database: Database, vault: Vault, count: int) -> None:
    """Every planted row is sealed, and opens to what was planted."""
    async with database.read() as session:
        rows = [stored(row) for row in await session.rows(select_stored())]
        opened = await open_rows(session, vault, rows)
    assert len(rows) == count
    for row in rows:
        found = opened[row.id]
        assert isinstance(found, Opened)
        assert found.value == str(row.id)
        assert not row.legacy
        assert row.sealed is not None
        assert row.value is None
