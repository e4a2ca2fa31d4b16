"""The viewer: a caller as it sees itself."""

from db.access import Principal
from db.policy import admit


def find_viewer(principal: Principal) -> Principal:
    """The caller, for itself to see. Raises Forbidden without any permission."""
    admit(principal, "Query.viewer")
    return principal
