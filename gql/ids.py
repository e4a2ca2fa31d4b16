"""UUIDs as GraphQL's IDs."""

import uuid
from collections.abc import Iterable
from typing import overload

import strawberry


@overload
def show_id(id: uuid.UUID) -> strawberry.ID: ...
@overload
def show_id(id: uuid.UUID | None) -> strawberry.ID | None: ...
def show_id(id: uuid.UUID | None) -> strawberry.ID | None:
    """An id as callers see it."""
    return None if id is None else strawberry.ID(str(id))


def show_ids(ids: Iterable[uuid.UUID] | None) -> list[strawberry.ID] | None:
    """Ids as callers see them; None stays None."""
    return None if ids is None else [strawberry.ID(str(id)) for id in ids]
