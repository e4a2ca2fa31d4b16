"""A subscription over server-sent events, as it comes in: what both clients do, but for the reading."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from strongroom.answers import LIMIT, Reply, read_reply
from strongroom.errors import Internal, StrongroomError, Unavailable
from strongroom.flows import Send

HEADERS = {"accept": "text/event-stream", "accept-encoding": "identity"}

SILENCE = 15.0
"""Seconds after which a stream is taken for cut; a comment comes every twelve, though nothing happens."""


def write_request(document: str, variables: Mapping[str, Any] | None) -> Send:
    """What is sent to begin a subscription."""
    return Send(json.dumps({"query": document, "variables": variables or {}}, separators=(",", ":")).encode())


def is_stream(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer is a stream of events; any other one says why there is none."""
    kind, encoding = headers.get("content-type", ""), headers.get("content-encoding", "identity")
    return status == 200 and kind.startswith("text/event-stream") and encoding == "identity"


def judge_refusal(answer: Reply) -> StrongroomError:
    """The error that an answer in a stream's place stands for."""
    found = read_reply(answer)
    return found if isinstance(found, StrongroomError) else Internal("the service answered without a stream")


class Lines:
    """The lines of one stream, put together from its parts. A line feed ends one, and nothing else does: names and keys
    may hold characters that end a line in other texts."""

    def __init__(self) -> None:
        self._whole: deque[bytes] = deque()
        self._rest = bytearray()

    def take(self, part: bytes) -> None:
        """Take a part as it came. Raises Internal where a line does not end."""
        first, *others = part.split(b"\n")
        self._rest += first
        for other in others:
            self._whole.append(bytes(self._rest).removesuffix(b"\r"))
            self._rest = bytearray(other)
        if len(self._rest) > LIMIT:
            raise Internal("this is no answer of Strongroom: an event without an end")

    def pop(self) -> bytes | None:
        """The next line that is whole; None where there is none yet."""
        return self._whole.popleft() if self._whole else None


class Events:
    """The events of one stream. `done` once it says that nothing is to come."""

    def __init__(self) -> None:
        self.done = False
        self._lines = Lines()
        self._kind = self._data = b""

    def take(self, part: bytes) -> Iterator[dict[str, Any]]:
        """The data of each event that a part completes. Raises StrongroomError for the first that is an error."""
        self._lines.take(part)
        while (line := self._lines.pop()) is not None:
            name, _, value = line.partition(b":")
            if name == b"event":
                self._kind = value.strip()
            elif name == b"data":
                self._data = value.strip()
            elif not name and not value:
                yield from self._complete()

    def end(self) -> None:
        """The stream is at its end. Raises Unavailable, unless it was done."""
        if not self.done:
            raise Unavailable("the service does not answer: the stream was broken off")

    def _complete(self) -> Iterator[dict[str, Any]]:
        kind, data = self._kind, self._data
        self._kind = self._data = b""
        if kind == b"complete":
            self.done = True
        elif kind == b"next":
            found = read_reply(Reply(200, data))
            if isinstance(found, StrongroomError):
                raise found
            yield found
