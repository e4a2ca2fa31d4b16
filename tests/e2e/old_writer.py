"""Older software at work during a cut-over: it knows the legacy tables and nothing of ours."""

import asyncio
import base64
import json
import random
import uuid
from typing import Any

import asyncpg
from cryptography.fernet import Fernet

FIELDS = {"token": "secret", "password": "secret", "pin": "secret", "port": "int", "url": "string"}
"""The fields of its integration."""

MARK = "old-secret-"
"""What every secret that it writes begins with, in plaintext."""


class OldWriter:
    """Writes one integration's configs of some organizations again and again: inserts, updates, now and then a delete.

    `last` is what it wrote last, by organization and key, as it should come back.
    """

    def __init__(self, sql: asyncpg.Connection, fernet: Fernet, integration: str, organizations: list[str]) -> None:
        self._sql = sql
        self._fernet = fernet
        self.integration = integration
        self._organizations = organizations
        self._chance = random.Random(7)
        self._number = 0
        self.last: dict[tuple[str, str], Any] = {}
        self.writes = 0

    async def set_up(self) -> None:
        """Make its integration, mapped to its organizations."""
        await self._sql.execute("INSERT INTO integrations (id, name) VALUES ($1, 'old-writers-own')", self.integration)
        for position, (key, type) in enumerate(FIELDS.items()):
            await self._sql.execute(
                "INSERT INTO integration_config_schema (id, integration_id, key, type, position)"
                " VALUES (gen_random_uuid(), $1, $2, $3, $4)",
                self.integration,
                key,
                type,
                position,
            )
        for organization in self._organizations:
            await self._sql.execute(
                "INSERT INTO integration_mappings (integration_id, organization_id, entity_id) VALUES ($1, $2, '1')",
                self.integration,
                organization,
            )

    async def write_until(self, gone: asyncio.Event) -> None:
        """Write after write; told to go it ends the one that it is at, so that `last` is what the database holds."""
        while not gone.is_set():
            await self.write(self._chance.choice(self._organizations), self._chance.choice(list(FIELDS)))
            await asyncio.sleep(0.02)

    async def write(self, organization: str, key: str) -> str:
        """Write one value as the replaced platform does: look the row up, then update or insert it; the row's id."""
        stored, config_type, value = self._make_value(key)
        values = (json.dumps({"value": stored}), config_type)
        found = await self._sql.fetchval(_FIND, self.integration, organization, key)
        if found is not None and self._chance.random() < 0.1:
            await self._sql.execute("DELETE FROM configs WHERE id = $1", found)
            found = None
        if found is None:
            found = uuid.uuid4()
            await self._sql.execute(_INSERT, found, self.integration, organization, key, *values)
        else:
            await self._sql.execute(_UPDATE, found, *values)
        self.last[organization, key] = value
        self.writes += 1
        return str(found)

    def _make_value(self, key: str) -> tuple[Any, str, Any]:
        """What is stored, the type that it is given, which is wrong as often as not, and what it means."""
        self._number += 1
        if key == "port":
            return str(self._number), "string", self._number
        if key == "url":
            return f"https://{self._number}.example.com", "string", f"https://{self._number}.example.com"
        if key == "pin":
            return self._number, "int", self._number
        text = f"{MARK}{self._number}"
        token = self._fernet.encrypt(text.encode())
        stored, config_type = self._chance.choice(
            [
                (text, "string"),
                (text, "secret"),
                (token.decode(), "secret"),
                (base64.b64encode(token).decode(), "secret"),
                (base64.b64encode(token).decode(), "string"),
            ]
        )
        return stored, config_type, text


_FIND = "SELECT id FROM configs WHERE integration_id = $1 AND organization_id = $2 AND key = $3"
_INSERT = (
    "INSERT INTO configs (id, integration_id, organization_id, key, value, config_type, updated_by)"
    " VALUES ($1, $2, $3, $4, $5, $6, 'old@example.com')"
)
_UPDATE = (
    "UPDATE configs SET value = $2, config_type = $3, updated_at = clock_timestamp(), updated_by = 'old@example.com'"
    " WHERE id = $1"
)
