"""The demo's legacy configs: a few that README's examples name, and many that draw lots."""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from db.demo.kinds import Kind
from db.demo.samples import draw, draw_secret
from db.demo.world import (
    BOREALIS,
    CEDAR,
    DELETED,
    DRIFTWOOD,
    EMBER,
    FJORD,
    NORTHWIND,
    SEED,
    DemoField,
    DemoIntegration,
    derive_id,
    integrations,
    slug,
)
from db.values import JSON, ConfigType


@dataclass(frozen=True, slots=True)
class DemoRow:
    """A config as it was meant; `kind` says how it was left. A row without an integration is standalone."""

    integration: DemoIntegration | None
    organization_id: uuid.UUID | None
    key: str
    type: ConfigType
    kind: Kind
    value: JSON

    @property
    def id(self) -> uuid.UUID:
        """Its id."""
        name = "" if self.integration is None else self.integration.name
        return derive_id("config", name, str(self.organization_id), self.key)


@cache
def rows() -> Sequence[DemoRow]:
    """Every row, in the same order with the same values in every demo; tokens alone differ, by their nonces."""
    lots = random.Random(SEED)  # noqa: S311 - sample data
    named = [_named(*entry) for entry in _NAMED]
    taken = {row.id for row in named}
    drawn = [row for integration in integrations() for row in _draw_all(integration, lots)]
    return [*named, *(row for row in drawn if row.id not in taken), *_standalone(lots)]


def _named(name: str, owner: uuid.UUID | None, key: str, kind: Kind, value: JSON) -> DemoRow:
    integration = next(integration for integration in integrations() if integration.name == name)
    field = integration.field(key)
    return DemoRow(integration, owner, key, field.type if field else ConfigType.STRING, kind, value)


def _draw_all(integration: DemoIntegration, lots: random.Random) -> Iterator[DemoRow]:
    for field in integration.fields:
        if lots.random() < 0.15:
            yield _draw_row(integration, None, field, lots)
        for owner in integration.organizations:
            if field.required or lots.random() < 0.3:
                yield _draw_row(integration, owner, field, lots)


def _draw_row(integration: DemoIntegration, owner: uuid.UUID | None, field: DemoField, lots: random.Random) -> DemoRow:
    weights = _WEIGHTS.get(field.type, _OTHER_WEIGHTS)
    value = draw(field, slug(owner), lots)
    (kind,) = lots.choices(list(weights), list(weights.values()))
    return DemoRow(integration, owner, field.key, field.type, kind, value)


def _standalone(lots: random.Random) -> Iterator[DemoRow]:
    for owner, key, config_type, kind, value in _STANDALONE:
        drawn = draw_secret(key, lots) if value is None else value
        yield DemoRow(None, owner, key, config_type, kind, drawn)


_WEIGHTS: Final[Mapping[ConfigType, Mapping[Kind, float]]] = {
    ConfigType.SECRET: {
        Kind.PLAIN_AS_STRING: 50,
        Kind.PLAIN_AS_SECRET: 15,
        Kind.FERNET_BASE64: 20,
        Kind.FERNET: 8,
        Kind.FERNET_AS_STRING: 5,
        Kind.SEALED_TWICE: 2,
    },
    ConfigType.INT: {Kind.TYPED: 4, Kind.TYPE_LOST: 3, Kind.AS_TEXT: 3},
    ConfigType.BOOL: {Kind.TYPED: 4, Kind.TYPE_LOST: 3, Kind.AS_TEXT: 3},
    ConfigType.JSON: {Kind.TYPED: 4, Kind.TYPE_LOST: 3, Kind.AS_TEXT: 3},
}
_OTHER_WEIGHTS: Final[Mapping[Kind, float]] = {Kind.TYPED: 1}

_NAMED: Final[Sequence[tuple[str, uuid.UUID | None, str, Kind, JSON]]] = [
    ("jira", None, "start_date", Kind.TYPED, "2025-01-01T00:00:00Z"),
    ("jira", None, "render_fields", Kind.AS_TEXT, True),
    ("jira", None, "additional_fields", Kind.TYPED, ["customfield_10011"]),
    ("jira", NORTHWIND, "api_token", Kind.FERNET_BASE64, "demo-jira-token-of-northwind"),
    ("jira", NORTHWIND, "domain", Kind.TYPED, "northwind.example.com"),
    ("jira", NORTHWIND, "email", Kind.TYPED, "integration@northwind.example.com"),
    ("jira", NORTHWIND, "projects", Kind.AS_TEXT, ["OPS", "WEB"]),
    ("jira", BOREALIS, "api_token", Kind.PLAIN_AS_STRING, "demo-jira-token-of-borealis"),
    ("jira", BOREALIS, "apitoken", Kind.UNKNOWN_KEY, "typed under a wrong key, long ago"),
    ("jira", EMBER, "api_token", Kind.SEALED_TWICE, "demo-jira-token-of-ember"),
    ("jira", FJORD, "api_token", Kind.LOOKS_SEALED, "gAAA-demo-jira-token-of-fjord"),
    ("jira", FJORD, "email", Kind.EMPTY, ""),
    ("freshdesk", CEDAR, "api_key", Kind.LOST_KEY, "demo-freshdesk-key-of-cedar"),
    ("sftp", DRIFTWOOD, "port", Kind.UNFIT, "twenty-two"),
    ("sftp", None, "file_types", Kind.TYPED, "csv"),
    ("postgres", EMBER, "password", Kind.NUMBER, 891072345),
    ("postgres", FJORD, "ssl_mode.client_key", Kind.OBJECT, {"pem": "demo-client-key", "rotation": 1}),
    (DELETED, BOREALIS, "url", Kind.TYPED, "https://borealis.example.com/crm"),
    (DELETED, BOREALIS, "api_key", Kind.PLAIN_AS_STRING, "demo-key-of-a-deleted-integration"),
    (DELETED, BOREALIS, "page_size", Kind.AS_TEXT, 100),
]
"""What README and the tests name."""

_STANDALONE: Final[Sequence[tuple[uuid.UUID | None, str, ConfigType, Kind, JSON]]] = [
    (None, "smtp_host", ConfigType.STRING, Kind.TYPED, "smtp.example.com"),
    (None, "smtp_password", ConfigType.SECRET, Kind.PLAIN_AS_SECRET, None),
    (None, "pager_token", ConfigType.SECRET, Kind.FERNET_BASE64, None),
    (None, "session_minutes", ConfigType.INT, Kind.TYPED, 30),
    (NORTHWIND, "report_footer", ConfigType.STRING, Kind.TYPED, "Northwind Dental, confidential"),
    (EMBER, "sso_client_secret", ConfigType.SECRET, Kind.FERNET, None),
    (FJORD, "vpn_secret", ConfigType.SECRET, Kind.LOST_KEY, None),
]
