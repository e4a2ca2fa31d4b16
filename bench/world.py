"""What is resolved, made by the service's own rules: integrations of several sizes, and organizations with tokens."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from db.access import Permission, Principal
from db.audit.chain import AuditLog
from db.crypto.data_keys import DataKeys
from db.crypto.keyring import RootKeyring
from db.crypto.legacy import LegacyKeys
from db.fields import Field
from db.integrations import create_integration, set_integration_config
from db.mapping_upserts import upsert_mappings
from db.mappings import NewMapping
from db.organizations import create_organization
from db.sessions import Database, WriteSession
from db.tokens import NewToken, create_token
from db.upgrade import upgrade
from db.values import JSON, ConfigType
from db.vault import Transaction, Vault

NAME: Final = "bench"
SIZES: Final = (1, 10, 25, 50, 100)
"""Keys of the integrations that cost is plotted against; three of ten are secrets."""

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


@dataclass(frozen=True, slots=True)
class Question:
    """One resolve: what is asked, by whom, and what the answer must be."""

    integration: str
    organization_id: uuid.UUID
    token: str
    entity_id: str
    config: Mapping[str, JSON]

    @property
    def answer(self) -> dict[str, Any]:
        """The answer that is right."""
        return {"entityId": self.entity_id, "entityName": None, "config": self.config, "missing": []}


@dataclass(frozen=True, slots=True)
class World:
    """What was made: one question for each organization, each with its own token; and one for each size."""

    questions: Sequence[Question]
    sized: Mapping[int, Question]

    @property
    def organization_id(self) -> uuid.UUID:
        """The first organization."""
        return self.questions[0].organization_id

    @property
    def token(self) -> str:
        """The token of the first organization's application."""
        return self.questions[0].token

    @property
    def config(self) -> Mapping[str, JSON]:
        """The first organization's config."""
        return self.questions[0].config


async def make_world(database_url: str, root_keys: str, organizations: int = 1) -> World:
    """Migrate the database and fill it."""
    await upgrade(database_url)
    database = Database(database_url, connections=1)
    keyring = RootKeyring.parse(root_keys)
    vault = Vault(DataKeys(keyring), LegacyKeys([]), AuditLog(keyring))
    maker = Principal(uuid.uuid4(), "bench", frozenset(Permission))

    async def make(session: WriteSession) -> World:
        transaction = Transaction(session, maker, vault)
        questions = await _make_organizations(transaction, organizations)
        sized = {size: await _make_sized(transaction, size, questions[0]) for size in SIZES}
        return World(questions, sized)

    try:
        return await database.write(make)
    finally:
        await database.close()


async def _make_organizations(transaction: Transaction, count: int) -> list[Question]:
    integration = await create_integration(transaction, NAME, None, _FIELDS)
    await set_integration_config(transaction, integration.id, _as_json(_DEFAULTS), None)
    ids = [(await create_organization(transaction, None, f"Organization {number}")).id for number in range(count)]
    mappings = [
        NewMapping(id, f"customer-{number}", None, _as_json(_overrides(number))) for number, id in enumerate(ids)
    ]
    await upsert_mappings(transaction, integration.id, mappings)
    return [await _ask(transaction, id, number) for number, id in enumerate(ids)]


async def _ask(transaction: Transaction, organization_id: uuid.UUID, number: int) -> Question:
    new = NewToken(f"application {number}", [Permission.CONFIG_RESOLVE], [str(organization_id)])
    _, token = await create_token(transaction, new)
    return Question(NAME, organization_id, token, f"customer-{number}", {**_DEFAULTS, **_overrides(number)})


async def _make_sized(transaction: Transaction, size: int, asker: Question) -> Question:
    types = [ConfigType.SECRET if number % 10 in (1, 4, 7) else ConfigType.STRING for number in range(size)]
    fields = [Field(f"key_{number}", kind) for number, kind in enumerate(types)]
    values: dict[str, JSON] = {field.key: f"the value of {field.key}" for field in fields}
    integration = await create_integration(transaction, f"{NAME}-{size}", None, fields)
    mapping = NewMapping(asker.organization_id, "sized", None, _as_json(values))
    await upsert_mappings(transaction, integration.id, [mapping])
    return Question(f"{NAME}-{size}", asker.organization_id, asker.token, "sized", values)


def _overrides(number: int) -> dict[str, JSON]:
    return {
        "url": f"https://customer-{number}.example.com",
        "client_id": f"client-{number}",
        "client_secret": f"the-client-secret-of-{number}",
        "api_key": f"the-api-key-of-{number}",
    }


def _as_json(values: Mapping[str, JSON]) -> Any:
    return json.loads(json.dumps(values))
