"""The credentials that were not sealed at some time: by integration, organization and key. Never a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final


class State(StrEnum):
    """What has become of an exposed credential since."""

    PLAIN = "not sealed yet"
    SAME = "still the value that was exposed"
    WRITTEN = "written again since"


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret by its place. Without an integration it is standalone; without an organization it is everybody's."""

    integration: str | None
    organization: str | None
    organization_id: str | None
    key: str
    state: State

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "integration": self.integration,
            "organization": self.organization,
            "organizationId": self.organization_id,
            "key": self.key,
            "state": self.state.name,
        }


async def list_credentials(connection: Any) -> list[Credential]:
    """Every secret that was stored unsealed, or under the replaced platform's key, or of which that is not known."""
    rows = await connection.fetch(_CREDENTIALS)
    return [
        Credential(row["integration"], row["organization"], row["organization_id"], row["key"], State[row["state"]])
        for row in rows
    ]


def tell(credentials: Sequence[Credential]) -> list[str]:
    """One line for each place, those to rotate first."""
    if not credentials:
        return ["No stored credential was ever unsealed."]
    found: list[str] = []
    for state in State:
        those = [credential for credential in credentials if credential.state is state]
        if those:
            found.append(f"{len(those):,} {_HEADS[state]}")
            found += [f"  [ ] {line}" for line in _places(those)]
    return found


def _places(credentials: Sequence[Credential]) -> list[str]:
    """Keys of one integration and organization share a line."""
    return [
        f"{integration or 'standalone'} / {organization or 'every organization'}: {', '.join(c.key for c in those)}"
        for (integration, organization, _), those in groupby(
            credentials, lambda c: (c.integration, c.organization, c.organization_id)
        )
    ]


_HEADS: Final = {
    State.PLAIN: "not sealed yet. Run SEAL, then rotate at the source:",
    State.SAME: "still with the value that was exposed. Rotate at the source:",
    State.WRITTEN: "written again since. Done, unless the same value was written back:",
}

_CREDENTIALS: Final = """
SELECT i.name AS integration, o.name AS organization, o.id::text AS organization_id, c.key,
    CASE WHEN c.sealed IS NULL THEN 'PLAIN' WHEN c.exposed_version IN (0, c.version) THEN 'SAME' ELSE 'WRITTEN' END
        AS state
FROM configs c
LEFT JOIN integrations i ON i.id = c.integration_id
LEFT JOIN organizations o ON o.id = c.organization_id
LEFT JOIN integration_config_schema f ON f.integration_id = c.integration_id AND f.key = c.key
WHERE (c.sealed IS NOT NULL AND c.exposed_version IS NOT NULL)
    OR (c.sealed IS NULL AND coalesce(f.field_type, c.config_type) = 'secret')
ORDER BY i.name NULLS LAST, o.name NULLS FIRST, o.id, c.key
"""
