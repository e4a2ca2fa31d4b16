"""The place of which the log of changes tells in these tests."""

import uuid
from collections.abc import Awaitable, Callable

from db.change_log import Batch, Change
from db.positions import Position

ORGANIZATION, OTHER, INTEGRATION, CONFIG, FIELD = (uuid.UUID(int=number) for number in range(1, 6))


Read = Callable[[Position | None], Awaitable[Batch]]


HALO = frozenset({"halo"})


OF_PLACE = Change(INTEGRATION, ORGANIZATION, ("port",), 1, HALO, "halo")


OF_ALL = Change(INTEGRATION, None, None, None, HALO, "halo")
