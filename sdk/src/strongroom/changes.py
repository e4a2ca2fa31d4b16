"""What the feed tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """What changed; never a value. None is any: a default of an integration concerns any organization.

    `version` is the highest that the keys have now; None where they are gone or no value changed. With `reset`
    anything may have changed: too much did while nobody listened, or the feed begins anew.
    """

    integration_id: str | None = None
    integration: str | None = None
    organization_id: str | None = None
    keys: tuple[str, ...] | None = None
    version: int | None = None
    reset: bool = False

    def concerns(self, integration_id: str, organization_id: str) -> bool:
        """Whether a config of this integration and organization may have changed by it."""
        return self.integration_id in (None, integration_id) and self.organization_id in (None, organization_id)


def read_change(told: Mapping[str, Any]) -> Change:
    """The change that an event tells of."""
    keys = told["keys"]
    return Change(
        told["integrationId"],
        told["integration"],
        told["organizationId"],
        None if keys is None else tuple(keys),
        told["version"],
    )
