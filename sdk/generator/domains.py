"""The domains of the generated helpers: which operation belongs where, and with it what it takes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

DOMAINS: Final[Mapping[str, Sequence[str]]] = {
    "audit": ("AuditEvents",),
    "backfill": (
        "BackfillRuns",
        "BackfillProgress",
        "StartBackfill",
        "PauseBackfill",
        "ResumeBackfill",
        "CancelBackfill",
        "Quarantine",
    ),
    "configs": (
        "ConfigList",
        "RevealList",
        "Reveal",
        "SetConfig",
        "SetConfigs",
        "SetIntegrationConfig",
        "DeleteConfig",
        "History",
        "RestoreConfig",
    ),
    "integrations": ("Integrations", "Integration", "CreateIntegration", "UpdateIntegration", "DeleteIntegration"),
    "mappings": ("Mappings", "Mapping", "CreateMapping", "UpdateMapping", "UpsertMappings", "DeleteMapping"),
    "organizations": ("Organizations", "Organization", "CreateOrganization", "DeleteOrganization"),
    "resolve": ("Resolve", "ResolveExplained"),
    "tokens": ("Tokens", "CreateToken", "RotateToken", "RevokeToken"),
}
"""The operations of each domain, in the order in which its modules have them."""

SHARED: Final = "shared"
"""The module of inputs that several domains take."""


class DomainError(Exception):
    """The table of domains does not fit the operations that there are; says which do not, and where."""


def check_domains(operations: Iterable[str], domains: Mapping[str, Sequence[str]] = DOMAINS) -> None:
    """Every operation has to be in one domain, and every one in a domain has to be there. Raises DomainError."""
    known, placed = set(operations), Counter(name for names in domains.values() for name in names)
    faults = {
        "in no domain": known - placed.keys(),
        "in more than one domain": {name for name, count in placed.items() if count > 1},
        "in a domain, but not among the operations": placed.keys() - known,
    }
    told = [f"{', '.join(sorted(names))}: {fault}" for fault, names in faults.items() if names]
    if told:
        raise DomainError(f"{'; '.join(told)} (see DOMAINS in sdk/generator/domains.py)")


def place_inputs(
    used: Mapping[str, Iterable[str]],
    nested: Mapping[str, Iterable[str]],
    domains: Mapping[str, Sequence[str]] = DOMAINS,
) -> dict[str, str]:
    """The domain of each input: that of the operations that take it, or SHARED if these are of several.

    `used` has the inputs of each operation, `nested` the inputs that each input holds.
    """
    found: dict[str, set[str]] = {}
    for domain, operations in domains.items():
        waiting = [name for operation in operations for name in used[operation]]
        while waiting:
            name = waiting.pop()
            if domain not in found.setdefault(name, set()):
                found[name].add(domain)
                waiting.extend(nested[name])
    return {name: min(places) if len(places) == 1 else SHARED for name, places in found.items()}
