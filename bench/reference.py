"""The yardstick: the least that answers the same question, as one would write it by hand and with care.

One Starlette route on uvloop and httptools, one SQL statement that asyncpg prepares, a connection for each of the
load's, three decryptions with ciphers that are made once, orjson. No GraphQL, no tokens, no permissions, no audit log,
no legacy rows, no check of values against their types. Run as a process of its own.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import asyncpg
import orjson
import uvicorn
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.crypto.keyring import RootKeyring
from db.urls import asyncpg_dsn


@dataclass(frozen=True, slots=True)
class _DataKey:
    id: uuid.UUID
    cipher: AESGCM


class Reference:
    """The endpoint and what it needs."""

    def __init__(self, pool: Any, keys: Mapping[uuid.UUID, _DataKey]) -> None:
        self._pool = pool
        self._keys = keys

    async def resolve(self, request: Request) -> Response:
        """The merged, decrypted config of one integration for one organization."""
        organization = uuid.UUID(request.path_params["organization"])
        rows = await self._pool.fetch(_RESOLVE, request.path_params["integration"], organization)
        if not rows:
            return _answer({"error": "not found"}, 404)
        return _answer(
            {
                "entityId": rows[0]["entity_id"],
                "entityName": rows[0]["entity_name"],
                "config": {row["key"]: self._value(row) for row in rows if row["id"]},
                "missing": [row["key"] for row in rows if row["required"] and not row["id"]],
            }
        )

    def _value(self, row: Any) -> Any:
        if row["sealed"] is None:
            return orjson.loads(row["value"])["value"]
        key, sealed = self._keys[row["data_key_id"]], row["sealed"]
        bound = _bind(key.id, row["organization_id"], row["integration_id"], row["key"])
        return orjson.loads(key.cipher.decrypt(sealed[17:29], sealed[29:], bound))


def _answer(content: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _bind(data_key: uuid.UUID, organization: uuid.UUID | None, integration: uuid.UUID | None, key: str) -> bytes:
    name = key.encode()
    places = [b"\0" if id is None else b"\1" + id.bytes for id in (organization, integration)]
    return b"".join([b"strongroom config\1", data_key.bytes, *places, len(name).to_bytes(4, "big"), name])


async def _open_keys(pool: Any, keyring: RootKeyring) -> dict[uuid.UUID, _DataKey]:
    found: dict[uuid.UUID, _DataKey] = {}
    for row in await pool.fetch("SELECT id, organization_id, root_key_id, wrapped FROM data_keys"):
        owner = row["organization_id"]
        secret = keyring.unwrap(row["root_key_id"], row["wrapped"], data_key_id=row["id"], organization_id=owner)
        found[row["id"]] = _DataKey(row["id"], AESGCM(secret))
    return found


async def serve(port: int) -> None:
    """Run until SIGTERM."""
    pool: Any = await cast("Any", asyncpg).create_pool(
        asyncpg_dsn(os.environ["DATABASE_URL"]), min_size=_CONNECTIONS, max_size=_CONNECTIONS, reset=_reset_nothing
    )
    keys = await _open_keys(pool, RootKeyring.parse(os.environ["STRONGROOM_ROOT_KEYS"]))
    routes = [Route("/resolve/{integration}/{organization}", Reference(pool, keys).resolve), Route("/healthz", _alive)]
    app = Starlette(routes=routes)
    config = uvicorn.Config(app, port=port, lifespan="off", log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()
    await pool.close()


async def _alive(_request: Request) -> Response:
    return _answer({})


async def _reset_nothing(connection: Any) -> None:
    """A pool's own reset is a round trip for each request, and nothing here needs it."""


_CONNECTIONS: Final = 16
_RESOLVE: Final = """
SELECT m.entity_id, m.entity_name, f.key, f.required, i.id AS integration_id, o.organization_id,
    coalesce(o.id, d.id) AS id,
    CASE WHEN o.id IS NULL THEN d.value ELSE o.value END AS value,
    CASE WHEN o.id IS NULL THEN d.sealed ELSE o.sealed END AS sealed,
    CASE WHEN o.id IS NULL THEN d.data_key_id ELSE o.data_key_id END AS data_key_id
FROM integrations i
JOIN integration_mappings m ON m.integration_id = i.id AND m.organization_id = $2
JOIN integration_config_schema f ON f.integration_id = i.id
LEFT JOIN configs o ON o.integration_id = i.id AND o.organization_id = $2 AND o.key = f.key
LEFT JOIN configs d ON d.integration_id = i.id AND d.organization_id IS NULL AND d.key = f.key
WHERE i.name = $1 AND NOT i.is_deleted
ORDER BY f.position
"""

if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
