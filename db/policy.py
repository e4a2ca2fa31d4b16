"""The policy: what opens each operation, and for whom. The one table; everything else is asked of it.

The edge asks `admit` before it runs an operation and refuses whatever is not listed here; the rules ask the same
again, since jobs and scripts call them too. A rule never names a permission itself: it names its operation.
docs/permissions.md is written from this table.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from db.access import Permission, Principal
from db.errors import Forbidden

_P = Permission


class Reach(StrEnum):
    """What a token's limits mean for an operation. The text is what docs/permissions.md says of it."""

    SEEN = "a limited token sees its own part"
    OWNED = "a limited token, for what is its own; what is global needs one without organization limits"
    STANDALONE = "as the one before, and only a token without integration limits"
    UNLIMITED = "only a token without any limits"


@dataclass(frozen=True, slots=True)
class Condition:
    """A permission that an operation needs on top, but only sometimes."""

    permission: Permission
    when: str

    def check(self, principal: Principal) -> None:
        """Refuse a caller that lacks it, now that it is needed."""
        principal.require(self.permission)


@dataclass(frozen=True, slots=True)
class Rule:
    """What opens an operation: any one of the permissions, the reach, and what it may need on top."""

    permissions: tuple[Permission, ...]
    reach: Reach
    also: Condition | None = None


UNSEALING: Final = Condition(_P.CONFIG_REVEAL, "when a secret, or an earlier one, becomes anything else")

_READ: Final = Rule((_P.CONFIG_READ,), Reach.SEEN)
_WRITE: Final = Rule((_P.CONFIG_WRITE,), Reach.OWNED)
_CHANGE_INTEGRATION: Final = Rule((_P.INTEGRATION_WRITE,), Reach.OWNED)
_RUNS: Final = Rule((_P.BACKFILL_RUN,), Reach.UNLIMITED)
_TOKENS: Final = Rule((_P.TOKEN_MANAGE,), Reach.SEEN)

POLICY: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "Query.auditEvents": Rule((_P.AUDIT_READ,), Reach.SEEN),
        "Query.config": _READ,
        "Query.configs": _READ,
        "Query.integration": _READ,
        "Query.integrations": _READ,
        "Query.mapping": _READ,
        "Query.mappings": _READ,
        "Query.organization": _READ,
        "Query.organizations": _READ,
        "Query.overview": _READ,
        "Query.quarantine": Rule((_P.BACKFILL_RUN, _P.CONFIG_READ), Reach.SEEN),
        "Query.resolve": Rule((_P.CONFIG_RESOLVE,), Reach.SEEN),
        "Subscription.configChanged": Rule((_P.CONFIG_RESOLVE,), Reach.SEEN),
        "Query.backfillRun": _RUNS,
        "Subscription.backfillProgress": _RUNS,
        "Query.backfillRuns": _RUNS,
        "Query.rootKeys": _RUNS,
        "Query.tokens": _TOKENS,
        "Query.viewer": Rule(tuple(_P), Reach.SEEN),
        "Config.decryptedValue": Rule((_P.CONFIG_REVEAL,), Reach.OWNED),
        "Mutation.createOrganization": Rule((_P.ORGANIZATION_WRITE,), Reach.UNLIMITED),
        "Mutation.deleteOrganization": Rule((_P.ORGANIZATION_WRITE,), Reach.STANDALONE),
        "Mutation.createIntegration": Rule((_P.INTEGRATION_WRITE,), Reach.UNLIMITED),
        "Mutation.updateIntegration": Rule((_P.INTEGRATION_WRITE,), Reach.OWNED, UNSEALING),
        "Mutation.deleteIntegration": _CHANGE_INTEGRATION,
        "Mutation.setIntegrationConfig": _WRITE,
        "Mutation.createMapping": _WRITE,
        "Mutation.updateMapping": _WRITE,
        "Mutation.deleteMapping": _WRITE,
        "Mutation.upsertMappings": _WRITE,
        "Mutation.setConfig": Rule((_P.CONFIG_WRITE,), Reach.STANDALONE),
        "Mutation.setConfigs": Rule((_P.CONFIG_WRITE,), Reach.STANDALONE),
        "Mutation.deleteConfig": _WRITE,
        "Mutation.restoreConfig": Rule((_P.CONFIG_WRITE,), Reach.OWNED, UNSEALING),
        "Mutation.startBackfill": _RUNS,
        "Mutation.pauseBackfill": _RUNS,
        "Mutation.resumeBackfill": _RUNS,
        "Mutation.cancelBackfill": _RUNS,
        "Mutation.createToken": _TOKENS,
        "Mutation.revokeToken": _TOKENS,
        "Mutation.rotateToken": _TOKENS,
    }
)
"""Every operation, and every field below one that needs more than it does, by its name in the schema."""

FOLLOWING: Final = frozenset(
    {
        "AuditEvent.integration",
        "AuditEvent.organization",
        "Config.history",
        "Config.integration",
        "Config.organization",
        "Integration.configSchema",
        "Mapping.integration",
        "Mapping.missing",
        "Mapping.organization",
        "Mapping.overrides",
        "QuarantinedRow.config",
        "AuditEventConnection.totalCount",
        "BackfillRunConnection.totalCount",
        "ConfigConnection.totalCount",
        "ConfigVersionConnection.totalCount",
        "IntegrationConnection.totalCount",
        "MappingConnection.totalCount",
        "OrganizationConnection.totalCount",
        "QuarantinedRowConnection.totalCount",
        "TokenConnection.totalCount",
    }
)
"""Fields that look something up by themselves and need no more than the operation they are asked under: what they
show is masked, and narrowed to the caller's limits once more."""


def admit(principal: Principal, operation: str) -> Rule:
    """Refuse a caller that may not even ask; deny is the default. First of all, before anything is looked up."""
    rule = POLICY.get(operation)
    if rule is None:
        raise Forbidden("this is open to nobody")
    principal.require(*rule.permissions)
    if rule.reach is Reach.UNLIMITED:
        principal.require_unlimited()
    return rule


def permits(principal: Principal, operation: str, owner: uuid.UUID | None) -> bool:
    """Whether `admit` and `admit_to` would let a caller do this to something of `owner`."""
    try:
        admit(principal, operation)
        admit_to(principal, operation, owner)
    except Forbidden:
        return False
    return True


def admit_to(principal: Principal, operation: str, owner: uuid.UUID | None) -> None:
    """Refuse to touch what was found: `owner` is its organization, None where it is global.

    Later than `admit`, so that a limited caller learns NOT_FOUND about what it does not see, not FORBIDDEN.
    """
    reach = POLICY[operation].reach
    if reach in (Reach.OWNED, Reach.STANDALONE):
        principal.require_owner(owner)
    if reach is Reach.STANDALONE and principal.integration_ids is not None:
        raise Forbidden("a token limited to integrations cannot do this")
