"""What the bodies of earlier requests asked for, found by their SHA-256: no body is kept, nor anything of who may."""

import hashlib
import uuid
import weakref
from typing import Any, Final, NamedTuple

from graphql.execution.values import get_argument_values

from db.limits import NAME_LIMIT, identifier
from gql.documents import Operation
from gql.operations import Prepared

LONGEST_BODY: Final = 4_096
"""Bytes of a body that may be known."""

_REMEMBERED: Final = 20_000


class Question(NamedTuple):
    """What a body asks for. The operation is kept by its document, and as long as that is."""

    operation: weakref.ref[Operation]
    integration: str
    organization_id: uuid.UUID


class Asked:
    """What bodies ask for, for the bodies that were seen last. It says nothing of who may ask."""

    def __init__(self) -> None:
        self._questions: dict[bytes, Question] = {}

    def __len__(self) -> int:
        return len(self._questions)

    def find(self, body: bytes) -> Question | None:
        """What a body asks for, if it is known."""
        return self._questions.get(hashlib.sha256(body).digest()) if len(body) <= LONGEST_BODY else None

    def learn(self, body: bytes, prepared: Prepared) -> None:
        """Keep what a body was found to ask for, if it is one `resolve`, and its document one for every caller."""
        operation = prepared.operation
        if operation.outline is None or len(body) > LONGEST_BODY or prepared.document.introspects:
            return
        question = _read_question(operation, prepared)
        if question is None:
            return
        while len(self._questions) >= _REMEMBERED:
            del self._questions[next(iter(self._questions))]
        self._questions[hashlib.sha256(body).digest()] = question


def _read_question(operation: Operation, prepared: Prepared) -> Question | None:
    if operation.outline is None:
        return None
    field = operation.outline.field
    try:
        given: dict[str, Any] = get_argument_values(field.definition, field.nodes[0], prepared.variables)
        organization_id = identifier(given["organizationId"], "organizationId")
    except Exception:  # noqa: BLE001 - whatever does not fit is for the executor to refuse
        return None
    integration: str = given["integration"]
    known = len(integration) <= NAME_LIMIT
    return Question(weakref.ref(operation), integration, organization_id) if known else None
