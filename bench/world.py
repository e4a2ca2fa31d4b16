"""What is resolved: one integration of ten keys, three of them secret, made by the service's own rules."""

import json
import uuid
from dataclasses import dataclass
from typing import Any, Final

from db.access import Permission, Principal
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.fields import Field
from db.integrations import create_integration, set_integration_config
from db.mappings import NewMapping, create_mapping
from db.organizations import create_organization
from db.sessions import Database, WriteSession
from db.tokens import NewToken, create_token
from db.upgrade import upgrade
from db.values import JSON, ConfigType
from db.vault import Transaction, Vault

NAME: Final = "bench"
_FIELDS: Final = [
    Field("url", ConfigType.STRING, required=True),
    Field("client_id", ConfigType.STRING, required=True),
    Field("client_secret", ConfigType.SECRET, required=True),
    Field("api_key", ConfigType.SECRET, required=True),
    Field("webhook_secret", ConfigType.SECRET),
    Field("port", ConfigType.INT),
    Field("page_size", ConfigType.INT),
    Field("verify_tls", ConfigType.BOOL),
    Field("region", ConfigType.STRING),
    Field("scopes", ConfigType.JSON),
]
_DEFAULTS: Final[dict[str, JSON]] = {
    "url": "https://api.example.com",
    "port": 443,
    "page_size": 100,
    "verify_tls": True,
    "region": "eu-central-1",
    "scopes": ["read", "write"],
    "webhook_secret": "the-webhook-secret-of-everybody",
}
_OVERRIDES: Final[dict[str, JSON]] = {
    "url": "https://northwind.example.com",
    "client_id": "northwind",
    "client_secret": "the-client-secret-of-northwind",
    "api_key": "the-api-key-of-northwind",
}


@dataclass(frozen=True, slots=True)
class World:
    """What was made: whom to resolve for, and the token that may."""

    organization_id: uuid.UUID
    token: str

    @property
    def config(self) -> dict[str, JSON]:
        """What the answer must hold."""
        return {**_DEFAULTS, **_OVERRIDES}


async def make_world(database_url: str, root_keys: str) -> World:
    """Migrate the database and fill it."""
    await upgrade(database_url)
    database = Database(database_url, connections=1)
    vault = Vault(DataKeys(RootKeyring.parse(root_keys)), LegacyKeys([]))
    maker = Principal(uuid.uuid4(), "bench", frozenset(Permission))

    async def make(session: WriteSession) -> World:
        transaction = Transaction(session, maker, vault)
        organization = await create_organization(transaction, None, "Northwind")
        integration = await create_integration(transaction, NAME, None, _FIELDS)
        await set_integration_config(transaction, integration.id, _as_json(_DEFAULTS), None)
        mapping = NewMapping(organization.id, "customer-42", None, _as_json(_OVERRIDES))
        await create_mapping(transaction, integration.id, mapping)
        _, token = await create_token(transaction, NewToken("bench", [Permission.CONFIG_RESOLVE]))
        return World(organization.id, token)

    try:
        return await database.write(make)
    finally:
        await database.close()


def _as_json(values: dict[str, JSON]) -> Any:
    return json.loads(json.dumps(values))
