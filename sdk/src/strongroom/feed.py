"""Listening to the feed of changes: server-sent events, read step by step, whoever does the reading.

The feed begins with a reset, since nobody knows what happened before it. When it is cut it goes on with the cursor of
the last event, and hears what it missed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from strongroom.changes import Change, read_change
from strongroom.errors import LimitExceeded, StrongroomError, Unavailable, make_error
from strongroom.flows import Pause

QUERY = (
    "subscription SdkConfigChanged($after: String) { configChanged(after: $after) {"
    " cursor reset more changes { integrationId integration organizationId keys version } } }"
)

SILENCE = 10.0
"""Seconds of silence after which the feed is taken for cut; an event comes every two."""

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Listen:
    """Open a stream with this body; comes back as why there is none, or as an empty text."""

    body: bytes


@dataclass(frozen=True)
class NextLine:
    """Read a line of the open stream; comes back as its bytes, or as None when the stream is cut or at its end."""


@dataclass(frozen=True)
class Hear:
    """Do what is to be done about these changes; then all that changed up to now is known, if they are `complete`."""

    changes: tuple[Change, ...]
    complete: bool


@dataclass(frozen=True)
class Trouble:
    """Say why the feed is not to be had; once, until it is heard again."""

    why: str


FeedStep = Listen | NextLine | Hear | Trouble | Pause
FeedFlow = Generator[FeedStep, Any, None]


class Feed:
    """The feed of one client."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """`chance` gives jitter, 0 to 1."""
        self._chance = chance
        self._cursor: str | None = None
        self._why = ""

    def run(self) -> FeedFlow:
        """Listens for ever, through broken connections too."""
        pause, told = FIRST_PAUSE, False
        while True:
            heard = False
            body = {"query": QUERY, "variables": {"after": self._cursor}}
            self._why = (yield Listen(json.dumps(body).encode())) or ""
            if not self._why:
                heard = yield from self._read_events()
            if not heard and not told:
                yield Trouble(self._why or "the stream ends at once")
            told = not heard
            pause = FIRST_PAUSE if heard else min(pause * 2, LONGEST_PAUSE)
            yield Pause(pause * (0.5 + self._chance()))

    def _read_events(self) -> Generator[FeedStep, Any, bool]:
        """Reads a stream to its end; whether there was any event of the feed."""
        heard = False
        while True:
            answer = yield from read_event()
            if answer is None:
                return heard
            hear = self._hear(answer)
            if hear is None:
                self._take_refusal(make_error(_first_error(answer)))
                return heard
            yield hear
            heard = True

    def _take_refusal(self, error: StrongroomError) -> None:
        self._why = str(error)
        if not isinstance(error, (LimitExceeded, Unavailable)):
            # The cursor may be what was refused; a feed that begins anew loses nothing, since it is a reset.
            self._cursor = None

    def _hear(self, answer: Mapping[str, Any]) -> Hear | None:
        """What an answer tells; None where it is a refusal, or of another form than the service's."""
        try:
            told = answer["data"]["configChanged"]
            changes, cursor, more = tuple(map(read_change, told["changes"])), str(told["cursor"]), bool(told["more"])
            reset = self._cursor is None or told["reset"]
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        self._cursor = cursor
        return Hear((Change(reset=True), *changes) if reset else changes, not more)


def read_event() -> Generator[FeedStep, Any, dict[str, Any] | None]:
    """The next answer that a stream of server-sent events brings; None at its end, or at what is no answer."""
    kind, data = b"", b""
    while True:
        line: bytes | None = yield NextLine()
        if line is None:
            return None
        name, _, value = line.partition(b":")
        if name == b"event":
            kind = value.strip()
        elif name == b"data":
            data = value.strip()
        elif not line and kind:
            return _read_answer(data) if kind == b"next" else None


def _first_error(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    errors: Any = answer.get("errors")
    first: Any = cast("list[Any]", errors)[0] if isinstance(errors, list) and errors else None
    return cast("dict[str, Any]", first) if isinstance(first, dict) else {}


def _read_answer(data: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(data)
    except (RecursionError, ValueError):
        return None
    return cast("dict[str, Any]", answer) if isinstance(answer, dict) else None
