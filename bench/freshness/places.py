"""A place: one integration for one organization, changed in every way that there is, with what it then resolves to."""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg

from bench.freshness.caller import Caller
from bench.freshness.history import NOBODY, History

NOT_FOUND: Final = "NOT_FOUND"

_FIELDS: Final = {"url": "STRING", "api_key": "SECRET", "region": "STRING", "shared_key": "SECRET", "old": "STRING"}
_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Place:
    """Writes to one place, one write after the other, each by another process or by older software."""

    def __init__(self, number: int, callers: Sequence[Caller], sql: Any) -> None:
        self.name = f"product {number}"
        self.organization = str(uuid.uuid4())
        self.history = History(NOT_FOUND)
        self.writes: dict[str, int] = {}
        self._callers = callers
        self._sql = sql
        self._chance = random.Random(number)
        self._number = number * 1_000_000
        self._integration = ""
        self._mapping = ""
        self._entity: str | None = None
        self._tier = ""
        self._defaults: dict[str, str] = {}
        self._overrides: dict[str, str] = {}

    async def set_up(self) -> None:
        """Make all of it."""
        await self._make_organization()
        await self._make_integration()
        await self._map()

    async def write_until(self, end: float) -> None:
        """Write in one way after the other, without a pause."""
        ways = self._list_ways()
        while time.monotonic() < end:
            self._chance.shuffle(ways)
            for way in ways:
                if time.monotonic() < end:
                    await way()
                    name = way.__name__.strip("_")
                    self.writes[name] = self.writes.get(name, 0) + 1
                    await asyncio.sleep(self._chance.choice((0, 0, 0, 0.1)))

    def _list_ways(self) -> list[Callable[[], Awaitable[None]]]:
        gone = [self._delete_mapping, self._delete_integration, self._delete_organization]
        others = [self._rename, self._drop_field, self._change_schema, self._restore, self._upsert, self._change_entity]
        often = [self.override, self._default, self._write_as_older_software, self._leak_as_older_software]
        return [*gone, *others, *often, *often]

    async def override(self) -> None:
        """Write two of the organization's own values."""
        given = {"url": self._next(), "api_key": self._next()}
        self._overrides |= given
        await self._write(_UPDATE_MAPPING, id=self._mapping, config=given)

    async def _change_entity(self) -> None:
        self._entity = self._next()
        await self._write(_UPDATE_MAPPING, id=self._mapping, entityId=self._entity)

    async def _default(self) -> None:
        given = {"region": self._next(), "shared_key": self._next()}
        self._defaults |= given
        await self._write(_SET_DEFAULTS, integrationId=self._integration, config=given)

    async def _upsert(self) -> None:
        self._entity, given = self._next(), {"url": self._next()}
        self._overrides |= given
        mapping = {"organizationId": self.organization, "entityId": self._entity, "config": given}
        await self._write(_UPSERT, integrationId=self._integration, mappings=[mapping])

    async def _change_schema(self) -> None:
        self._tier = self._next()
        await self._write(_UPDATE_INTEGRATION, id=self._integration, configSchema=self._schema())

    async def _drop_field(self) -> None:
        """A field goes and takes its value along; it comes back with it."""
        kept = self._overrides.pop("url", None)
        await self._write(_UPDATE_INTEGRATION, id=self._integration, configSchema=self._schema("url"))
        if kept is not None:
            self._overrides["url"] = kept
        await self._write(_UPDATE_INTEGRATION, id=self._integration, configSchema=self._schema())

    async def _restore(self) -> None:
        before = self._next()
        self._overrides["url"] = before
        told = await self._write(_UPDATE_MAPPING, id=self._mapping, config={"url": before})
        (row,) = [row for row in told["updateMapping"]["mapping"]["overrides"] if row["key"] == "url"]
        self._overrides["url"] = self._next()
        await self._write(_UPDATE_MAPPING, id=self._mapping, config={"url": self._overrides["url"]})
        self._overrides["url"] = before
        await self._write(_RESTORE, id=row["id"], version=row["version"])

    async def _rename(self) -> None:
        await self._write(_UPDATE_INTEGRATION, NOT_FOUND, id=self._integration, name=f"{self.name} renamed")
        await self._write(_UPDATE_INTEGRATION, id=self._integration, name=self.name)

    async def _delete_mapping(self) -> None:
        self._entity = None
        await self._write(_DELETE_MAPPING, id=self._mapping)
        await self._map()

    async def _delete_integration(self) -> None:
        self._entity = None
        await self._write(_DELETE_INTEGRATION, id=self._integration)
        await self._make_integration()
        await self._map()

    async def _delete_organization(self) -> None:
        self._entity = None
        await self._write(_DELETE_ORGANIZATION, id=self.organization)
        await self._make_organization()
        await self._map()

    async def _make_organization(self) -> None:
        await self._write(_CREATE_ORGANIZATION, id=self.organization, name=f"of {self.name}")

    async def _make_integration(self) -> None:
        self._defaults, self._tier = {}, self._next()
        told = await self._write(_CREATE_INTEGRATION, name=self.name, configSchema=self._schema())
        self._integration = told["createIntegration"]["integration"]["id"]

    async def _map(self) -> None:
        self._entity = self._next()
        self._overrides = {"url": self._next(), "api_key": self._next()}
        given = {"organizationId": self.organization, "entityId": self._entity, "config": self._overrides}
        told = await self._write(_CREATE_MAPPING, integrationId=self._integration, **given)
        self._mapping = told["createMapping"]["mapping"]["id"]

    async def _write_as_older_software(self) -> None:
        self._overrides["old"] = self._next()
        await self._put_as_older_software("old")

    async def _leak_as_older_software(self) -> None:
        """A secret in plaintext: until it is sealed nothing of this place may be kept in memory."""
        self._overrides["api_key"] = self._next()
        await self._put_as_older_software("api_key")

    async def _put_as_older_software(self, key: str) -> None:
        state = self.history.begin(self._show(), NOBODY)
        place = uuid.UUID(self._integration), uuid.UUID(self.organization), key
        value = json.dumps({"value": self._overrides[key]})
        while state.answered == float("inf"):
            try:
                if (await self._sql.execute(_OLD_UPDATE, *place, value)) == "UPDATE 0":
                    await self._sql.execute(_OLD_INSERT, *place, value)
                state.answered = time.monotonic()
            except _AGAIN:
                await asyncio.sleep(0.01)

    async def _write(self, mutation: str, then: str | None = None, **given: Any) -> dict[str, Any]:
        """Send a write that makes the place what it now is, to any of the processes."""
        caller = self._chance.choice(self._callers)
        state = self.history.begin(then or self._show(), caller.process)
        told = await caller.run(mutation, input=given)
        state.answered = time.monotonic()
        return told

    def _show(self) -> str:
        if self._entity is None:
            return NOT_FOUND
        return show(self._entity, {"tier": self._tier} | self._defaults | self._overrides)

    def _schema(self, without: str = "") -> list[dict[str, Any]]:
        fields = [{"key": key, "type": kind} for key, kind in _FIELDS.items() if key != without]
        return [*fields, {"key": "tier", "type": "STRING", "default": self._tier}]

    def _next(self) -> str:
        self._number += 1
        return f"v{self._number}"


def show(entity_id: str, config: dict[str, Any]) -> str:
    """An answer in one form."""
    return json.dumps([entity_id, config], sort_keys=True)


_CREATE_ORGANIZATION: Final = (
    "mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id } } }"
)
_DELETE_ORGANIZATION: Final = "mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) { id } }"
_CREATE_INTEGRATION: Final = (
    "mutation ($input: CreateIntegrationInput!) { createIntegration(input: $input) { integration { id } } }"
)
_UPDATE_INTEGRATION: Final = (
    "mutation ($input: UpdateIntegrationInput!) { updateIntegration(input: $input) { integration { id } } }"
)
_DELETE_INTEGRATION: Final = (
    "mutation ($input: DeleteIntegrationInput!) { deleteIntegration(input: $input) { integration { id } } }"
)
_SET_DEFAULTS: Final = (
    "mutation ($input: SetIntegrationConfigInput!) { setIntegrationConfig(input: $input) { integration { id } } }"
)
_CREATE_MAPPING: Final = "mutation ($input: CreateMappingInput!) { createMapping(input: $input) { mapping { id } } }"
_UPDATE_MAPPING: Final = (
    "mutation ($input: UpdateMappingInput!) {"
    " updateMapping(input: $input) { mapping { overrides { id key version } } } }"
)
_DELETE_MAPPING: Final = "mutation ($input: DeleteMappingInput!) { deleteMapping(input: $input) { id } }"
_UPSERT: Final = "mutation ($input: UpsertMappingsInput!) { upsertMappings(input: $input) { updated } }"
_RESTORE: Final = "mutation ($input: RestoreConfigInput!) { restoreConfig(input: $input) { config { id } } }"
_OLD_UPDATE: Final = """
UPDATE configs SET value = $4, config_type = 'string', updated_at = clock_timestamp(), updated_by = 'old@example.com'
WHERE integration_id = $1 AND organization_id = $2 AND key = $3
"""
_OLD_INSERT: Final = """
INSERT INTO configs (id, integration_id, organization_id, key, value, config_type, updated_by)
VALUES (gen_random_uuid(), $1, $2, $3, $4, 'string', 'old@example.com')
"""
