"""What the readers ask, and what an answer tells."""

from typing import Any, Final

from bench.freshness.caller import Caller
from bench.freshness.places import Place, show

RESOLVE: Final = """query Resolve($integration: String!, $organizationId: ID!) {
  resolve(integration: $integration, organizationId: $organizationId) { entityId entityName config missing }
}"""


def pack(caller: Caller, place: Place) -> bytes:
    """The request for what a place resolves to."""
    return caller.pack(RESOLVE, {"integration": place.name, "organizationId": place.organization})


def tell(answer: Any) -> str:
    """An answer as a history has it."""
    if answer.get("errors"):
        return ", ".join(error["extensions"]["code"] for error in answer["errors"])
    resolved = answer["data"]["resolve"]
    return show(resolved["entityId"], resolved["config"])
