"""What a service answers, and what in its place others do: read with care, since it may be anything."""

from __future__ import annotations

import json
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from strongroom.errors import Internal, StrongroomError, Unavailable, make_error

LIMIT = 64 * 2**20
"""Bytes of an answer, unpacked: more than any of the service's."""


@dataclass(frozen=True)
class Reply:
    """What was answered; `flaw` says why the content is not all of it, or none. It may hold secrets: no repr has it."""

    status: int
    content: bytes = field(repr=False)
    flaw: str = ""


@dataclass(frozen=True)
class Lost:
    """Nothing was answered; `why` says what happened, and holds neither a token nor a value."""

    why: str


class Body:
    """An answer's content as it comes in, unpacked and bounded in length and in time."""

    def __init__(self, headers: Mapping[str, str], seconds: float) -> None:
        """`seconds` is how long all of it may take."""
        encoding = headers.get("content-encoding", "identity").lower()
        self._unpack = zlib.decompressobj(31) if encoding == "gzip" else None
        self._ends = time.monotonic() + seconds
        self._content = bytearray()
        self._flaw = "" if encoding in ("gzip", "identity") else "packed in a way that nobody asked for"

    def take(self, part: bytes) -> bool:
        """Take a part as it came; whether more is wanted. Raises TimeoutError."""
        if time.monotonic() > self._ends:
            raise TimeoutError
        try:
            # A bomb is unpacked no further than to where it is too long.
            room = LIMIT + 1 - len(self._content)
            self._content += part if self._unpack is None else self._unpack.decompress(part, room)
        except zlib.error:
            self._flaw = self._flaw or "not packed as it says"
        if len(self._content) > LIMIT:
            self._flaw = self._flaw or f"longer than {LIMIT} bytes"
        return not self._flaw

    def make_reply(self, status: int) -> Reply:
        """What was answered."""
        return Reply(status, b"" if self._flaw else bytes(self._content), self._flaw)


def describe_failure(error: BaseException) -> str:
    """Why nothing was answered: what TLS says, where that is at fault, else the error's kind."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate does not hold ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS could be agreed on ({cause.reason})"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def read_reply(answer: Reply | Lost | None) -> dict[str, Any] | StrongroomError:
    """The data of an answer, or the error that it stands for."""
    if not isinstance(answer, Reply):
        return Unavailable(f"the service does not answer: {answer.why if answer else 'unknown'}")
    told = _read_object(answer.content)
    errors, data = told.get("errors"), told.get("data")
    if errors:
        first: Any = cast("list[Any]", errors)[0] if isinstance(errors, list) else None
        return make_error(cast("dict[str, Any]", first)) if isinstance(first, dict) else _judge(answer)
    return cast("dict[str, Any]", data) if isinstance(data, dict) else _judge(answer)


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        read = json.loads(content)
    except (RecursionError, ValueError):
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def _judge(answer: Reply) -> StrongroomError:
    """What an answer that is none of the service's own means: a proxy's, most likely."""
    status = answer.status
    # From 520 to 530 are those of networks that stand before services.
    if status in (408, 429, 502, 503, 504) or 520 <= status <= 530:
        return Unavailable(f"the service does not answer: HTTP status {status} in its place")
    why = answer.flaw or f"HTTP status {status}"
    if 300 <= status < 400:
        why += ", a redirect, which is not followed: is the address right?"
    return Internal(f"this is no answer of Strongroom: {why}")
