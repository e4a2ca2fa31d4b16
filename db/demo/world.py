"""The demo's organizations, integrations and mappings. Their ids are always the same."""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from db.values import JSON, ConfigType

CONNECTORS: Final = Path(__file__).with_name("connectors.json")
SEED: Final = 20260301
_NAMESPACE: Final = uuid.UUID("d3300000-0000-4000-8000-000000000000")

NORTHWIND: Final = uuid.UUID("d3300000-0000-4000-8000-000000000001")
BOREALIS: Final = uuid.UUID("d3300000-0000-4000-8000-000000000002")
CEDAR: Final = uuid.UUID("d3300000-0000-4000-8000-000000000003")
DRIFTWOOD: Final = uuid.UUID("d3300000-0000-4000-8000-000000000004")
EMBER: Final = uuid.UUID("d3300000-0000-4000-8000-000000000005")
FJORD: Final = uuid.UUID("d3300000-0000-4000-8000-000000000006")

ORGANIZATIONS: Final[Mapping[uuid.UUID, str]] = {
    NORTHWIND: "Northwind Dental",
    BOREALIS: "Borealis Freight",
    CEDAR: "Cedar & Stone Law",
    DRIFTWOOD: "Driftwood Hotels",
    EMBER: "Ember Robotics",
    FJORD: "Fjord Credit Union",
}

DELETED: Final = "legacy-crm"
"""An integration that was deleted; its rows were left."""

FALLBACKS: Final = ("exchange-rates", "mixpanel", "s3")
"""Integrations with a mapping for every organization that has none of its own."""

_EVERYWHERE: Final = ("jira", "postgres")
_MAPPED: Final[Mapping[str, Sequence[uuid.UUID]]] = {
    "freshdesk": (NORTHWIND, CEDAR),
    "sftp": (DRIFTWOOD,),
    DELETED: (BOREALIS,),
    **dict.fromkeys(_EVERYWHERE, tuple(ORGANIZATIONS)),
    **dict.fromkeys(FALLBACKS, (NORTHWIND,)),
}
"""Whom these are mapped to; the others draw lots."""


@dataclass(frozen=True, slots=True)
class DemoField:
    """A field of an integration's schema."""

    key: str
    type: ConfigType
    required: bool
    default: JSON
    options: Sequence[str] | None
    title: str | None


@dataclass(frozen=True, slots=True)
class DemoIntegration:
    """An integration with its schema and the organizations that are mapped to it."""

    name: str
    fields: Sequence[DemoField]
    organizations: Sequence[uuid.UUID]

    @property
    def id(self) -> uuid.UUID:
        """Its id."""
        return derive_id("integration", self.name)

    def field(self, key: str) -> DemoField | None:
        """The field of this key, if there is one."""
        return next((field for field in self.fields if field.key == key), None)

    def field_id(self, key: str) -> uuid.UUID:
        """The id of a field."""
        return derive_id("field", self.name, key)


def derive_id(*parts: str) -> uuid.UUID:
    """An id that is the same in every demo."""
    return uuid.uuid5(_NAMESPACE, "\n".join(parts))


def slug(organization_id: uuid.UUID | None) -> str:
    """A short name for an organization, for host names and the like."""
    return "shared" if organization_id is None else ORGANIZATIONS[organization_id].partition(" ")[0].lower()


@cache
def integrations() -> Sequence[DemoIntegration]:
    """The 80 real connectors, and one that was deleted."""
    lots = random.Random(SEED)  # noqa: S311 - sample data
    read: list[dict[str, Any]] = json.loads(CONNECTORS.read_text(encoding="utf-8"))["integrations"]
    return [
        DemoIntegration(
            entry["name"],
            [_field(field) for field in entry["config_schema"]],
            _MAPPED.get(entry["name"]) or sorted(lots.sample(list(ORGANIZATIONS), lots.randint(1, 3))),
        )
        for entry in [*read, _DELETED_CONNECTOR]
    ]


def _field(entry: Mapping[str, Any]) -> DemoField:
    return DemoField(
        entry["key"],
        ConfigType(entry["type"]),
        entry["required"],
        None if entry.get("default") == "" else entry.get("default"),
        entry.get("options"),
        entry.get("title"),
    )


_DELETED_CONNECTOR: Final[dict[str, Any]] = {
    "name": DELETED,
    "config_schema": [
        {"key": "url", "type": "string", "required": True},
        {"key": "api_key", "type": "secret", "required": True},
        {"key": "page_size", "type": "int", "required": False},
    ],
}
