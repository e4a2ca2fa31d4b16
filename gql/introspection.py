"""Who may ask for the schema. Suggestions ("did you mean") are made to nobody: they would tell it to all."""

from collections.abc import Callable
from typing import Protocol

from db.access import Principal
from db.settings import Introspection


class _Asked(Protocol):
    principal: Principal


def allow_introspection(setting: Introspection) -> Callable[[_Asked], bool]:
    """Whether a caller may see the schema: whoever is let in; tokens without limits only, which are the operator's
    own; or nobody."""
    if setting == "authenticated":
        return lambda context: True
    if setting == "unlimited":
        return lambda context: _is_unlimited(context.principal)
    return lambda context: False


def _is_unlimited(principal: Principal) -> bool:
    return principal.organization_ids is None and principal.integration_ids is None
