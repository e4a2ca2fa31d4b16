"""Where a reader of the feed of changes is: a snapshot of PostgreSQL's transactions, not a number.

A sequence is not in the order of commits, so whoever goes on after a number loses what commits late. A snapshot says
exactly which transactions had committed; everything else is still to come.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, cast

from db.errors import refuse

_KIND: Final = "changes"
_RUNNING_LIMIT: Final = 500
_TEXT_LIMIT: Final = 16 * 1024
_EPOCH: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Position:
    """What has been seen: every transaction below `upper` but those that were `running`, which are `lower` and above.

    `epoch` names the history that the numbers belong to; a restored or promoted server has another one.
    """

    epoch: str
    lower: int
    upper: int
    running: tuple[int, ...] = ()

    @classmethod
    def of(cls, epoch: str, snapshot: str) -> "Position":
        """The position of PostgreSQL's text of a snapshot."""
        lower, upper, running = snapshot.split(":")
        return cls(epoch, int(lower), int(upper), tuple(map(int, running.split(",") if running else ())))

    @property
    def snapshot(self) -> str:
        """PostgreSQL's text of the snapshot."""
        return f"{self.lower}:{self.upper}:{','.join(map(str, self.running))}"

    def encode(self) -> str:
        """The cursor of this position, opaque to clients and of bounded length. It holds nothing secret."""
        # With very many running at once it says less than it knows: what follows comes again, nothing is lost.
        upper, running = (self.upper, self.running) if len(self.running) <= _RUNNING_LIMIT else (self.lower, ())
        text = json.dumps([_KIND, self.epoch, self.lower, upper, *running], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()


def read_position(cursor: str, *path: str) -> Position:
    """The position of a cursor that a client sent. BadInput for anything that `encode` cannot have made."""
    try:
        if len(cursor) > _TEXT_LIMIT:
            raise ValueError
        given: Any = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return _check(cast("list[Any]", given) if isinstance(given, list) else [])
    except (binascii.Error, ValueError, RecursionError):
        refuse("is no cursor of this feed", *path)


def _check(given: list[Any]) -> Position:
    kind, epoch, lower, upper, *running = given
    numbers = [lower, upper, *running]
    if kind != _KIND or not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch) or len(running) > _RUNNING_LIMIT:
        raise ValueError
    if any(type(number) is not int or not 0 < number < 2**63 for number in numbers):
        raise ValueError
    # As PostgreSQL's own: rising, and between the two bounds.
    in_order = all(earlier < later for earlier, later in pairwise(running))
    if lower > upper or not in_order or (running and not (lower <= running[0] and running[-1] < upper)):
        raise ValueError
    return Position(epoch, lower, upper, tuple(running))
