"""What both clients are, but for reading and writing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx

from strongroom.wiring import Options, Parts, put_reason

Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)
Callback = TypeVar("Callback")
Unsubscribe = Callable[[], None]


class Client(Generic[Http, Callback]):
    """A client that sends through `Http`, and tells each `Callback` of changes."""

    _http: Http
    _parts: Parts

    def __init__(self, options: Options) -> None:
        self._options = options
        self._callbacks: list[Callback] = []
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        """Why the next requests are made, as the service's audit log is to tell; None: it is not told."""
        return self._reason

    @reason.setter
    def reason(self, reason: str | None) -> None:
        self._reason = reason
        put_reason(self._http.headers, reason)

    @property
    def feed_age(self) -> float | None:
        """Seconds since the feed of changes was last heard of; None: not yet. It is heard of every two seconds."""
        heard = self._parts.heard
        return None if heard is None else time.monotonic() - heard

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._options.url}>"

    def _make_unsubscribe(self, callback: Callback) -> Unsubscribe:
        """How to have a callback called no more."""
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None
