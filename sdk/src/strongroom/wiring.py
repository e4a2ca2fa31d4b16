"""What both clients are made of, but for the reading and writing itself."""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

import httpx

from strongroom.cache import Cache
from strongroom.changes import Change
from strongroom.errors import SettingsError
from strongroom.feed import SILENCE, Feed, Hear
from strongroom.flows import Flows
from strongroom.settings import find_token, find_url
from strongroom.subscribing import HEADERS

# An idle connection is given up before the service does so, which would cost a request.
_IDLE_SECONDS = 4.0

_CHANGES_LIMIT = 10_000
"""Changes that wait for slow callbacks; beyond that they are told that anything may have changed."""

Verify = ssl.SSLContext | bool
Id = str | UUID
Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)
Callback = TypeVar("Callback")


@dataclass(frozen=True)
class Options:
    """Everything a client was given. The token is in no repr."""

    url: str
    token: str = field(repr=False)
    cache: bool
    timeout: float
    retries: int
    max_age: float
    stale_for: float
    verify: Verify = field(repr=False)

    @property
    def http(self) -> Mapping[str, Any]:
        """The arguments of httpx's clients. Redirects are not followed: the token is for one address."""
        return {
            "headers": {
                "authorization": f"Bearer {self.token}",
                "content-type": "application/json",
                "accept-encoding": "gzip",
            },
            "timeout": httpx.Timeout(self.timeout, connect=min(self.timeout, 5.0)),
            "limits": httpx.Limits(max_connections=100, keepalive_expiry=_IDLE_SECONDS),
            "verify": self.verify,
            # Through a proxy http would show it the token; https is a tunnel there.
            "trust_env": self.url.startswith("https:"),
        }

    def make_stream_timeout(self, silence: float) -> httpx.Timeout:
        """The timeouts of a stream that may be silent for so many seconds."""
        return httpx.Timeout(self.timeout, connect=min(self.timeout, 5.0), read=silence)

    def ask_for_stream(self, http: httpx.Client | httpx.AsyncClient, body: bytes) -> httpx.Request:
        """The request that opens the feed."""
        timeout = self.make_stream_timeout(SILENCE)
        return http.build_request("POST", self.url, content=body, headers=HEADERS, timeout=timeout)


def read_options(
    url: str | None,
    token: str | None,
    cache: bool,
    timeout: float,
    retries: int,
    max_age: float,
    stale_for: float,
    verify: Verify,
) -> Options:
    """The options, with what was not given from the environment. Raises SettingsError."""
    return Options(find_url(url), find_token(token), cache, timeout, retries, max_age, stale_for, verify)


def make_http(kind: Callable[..., Http], options: Options) -> Http:
    """One of httpx's clients. Raises SettingsError for what the environment says of proxies and certificates."""
    try:
        return kind(**options.http)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        why = type(error).__name__
    # Beyond the except: the error may hold a proxy's password.
    raise SettingsError(
        f"{why}: HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE or SSL_CERT_DIR in the environment cannot be used"
    )


class Parts:
    """The cache, the flows and the feed of a client."""

    def __init__(self, options: Options) -> None:
        self.cache = Cache(options.max_age, options.stale_for) if options.cache else None
        self.flows = Flows(options.retries, self.cache)
        self.feed = Feed()
        self.heard: float | None = None

    def hear(self, told: Hear) -> None:
        """Apply what the feed told."""
        if self.cache is not None:
            for change in told.changes:
                self.cache.apply(change)
            if told.complete:
                self.cache.vouch()
        self.heard = time.monotonic()


class Waiting(Generic[Callback]):
    """Changes that wait for callbacks, in their order and bounded."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        """`callbacks` are those that there are at any moment."""
        self._callbacks = callbacks
        self._changes: deque[tuple[Change, Callback | None]] = deque()

    def __bool__(self) -> bool:
        return bool(self._changes)

    def add(self, changes: tuple[Change, ...], only: Callback | None = None) -> None:
        """Have changes wait, for one of the callbacks or for all."""
        if len(self._changes) + len(changes) > _CHANGES_LIMIT:
            self._changes.clear()
            changes, only = (Change(reset=True),), None
        self._changes.extend((change, only) for change in changes)

    def take(self) -> tuple[Change, list[Callback]]:
        """The next one, and who is to be told of it."""
        change, only = self._changes.popleft()
        return change, [callback for callback in self._callbacks if only is None or callback is only]


def canonical(organization_id: Id) -> str:
    """An organization's id as the service writes it."""
    return str(organization_id).lower()


def put_reason(headers: httpx.Headers, reason: str | None) -> None:
    """Have every request tell why it is made; None: none does."""
    headers.pop("Strongroom-Reason", None)
    told = " ".join("".join(character if character.isprintable() else " " for character in reason or "").split())
    if told:
        # As bytes: httpx would take a text for ASCII.
        headers.update([(b"Strongroom-Reason", told.encode(errors="replace"))])
