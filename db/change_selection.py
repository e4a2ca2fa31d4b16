"""Which changes one caller is to hear of: those it may resolve and wants."""

import uuid
from collections.abc import Sequence

from db.access import Principal
from db.change_log import Change
from db.limits import KEYS_LIMIT, Problems
from db.policy import admit


class Selection:
    """What a subscription wants to hear of, within what its caller may. Equal ones may share it: `wanted` tells.

    An integration that ever had one of the names stays wanted, so that renaming and deleting it are heard of.
    """

    def __init__(
        self, principal: Principal, names: frozenset[str] | None, organization_ids: frozenset[uuid.UUID] | None
    ) -> None:
        self.wanted: object = (names, organization_ids, principal.organization_ids, principal.integration_ids)
        self._principal = principal
        self._names = names
        self._organization_ids = organization_ids
        self._integration_ids: set[uuid.UUID] = set()

    def choose(self, changes: Sequence[Change]) -> list[Change]:
        """Those of the changes that are wanted."""
        return [change for change in changes if self._wants(change)]

    def _wants(self, change: Change) -> bool:
        return (
            change.is_seen_by(self._principal)
            and self._wants_integration(change)
            and self._wants_organization(change.organization_id)
        )

    def _wants_integration(self, change: Change) -> bool:
        if self._names is None or change.integration_id is None:
            return True
        if change.names & self._names:
            self._integration_ids.add(change.integration_id)
        return change.integration_id in self._integration_ids

    def _wants_organization(self, organization_id: uuid.UUID | None) -> bool:
        return self._organization_ids is None or organization_id is None or organization_id in self._organization_ids


def select_changes(
    principal: Principal, integrations: Sequence[str] | None = None, organization_ids: Sequence[str] | None = None
) -> Selection:
    """What a caller hears of these integrations, by name, and organizations; None is all of them.

    What is not there, or not the caller's to see, matches nothing: whether it is there is not told.
    """
    admit(principal, "Subscription.configChanged")
    problems = Problems()
    for name, given in (("integrations", integrations), ("organizationIds", organization_ids)):
        if given is not None and len(given) > KEYS_LIMIT:
            problems.add(f"must have {KEYS_LIMIT} items at most", name)
    problems.check()
    ids = [problems.id(id, "organizationIds", index) for index, id in enumerate(organization_ids or ())]
    problems.check()
    return Selection(
        principal,
        None if integrations is None else frozenset(integrations),
        None if organization_ids is None else frozenset(ids),
    )
