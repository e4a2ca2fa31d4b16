"""The synchronous client. It may be shared by threads."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from strongroom.changes import Change
from strongroom.client import Client, Unsubscribe
from strongroom.config import ResolvedConfig
from strongroom.flows import Answer, Lost, Pause, Reply, Send, Step
from strongroom.listening import Listener
from strongroom.wiring import Id, Parts, Verify, canonical, put_reason, read_options

if TYPE_CHECKING:
    from strongroom.api import Api

T = TypeVar("T")


class Strongroom(Client[httpx.Client, Callable[[Change], None]]):
    """A client of one Strongroom, for as long as the process likes: connections are reused."""

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        cache: bool = False,
        timeout: float = 10.0,
        retries: int = 2,
        max_age: float = 10.0,
        stale_for: float = 3600.0,
        verify: Verify = True,
    ) -> None:
        """Of the service at `url`, or at STRONGROOM_URL, with `token` or STRONGROOM_TOKEN.

        timeout     seconds of one request
        retries     how often a query that was not answered is tried again; a mutation never is
        cache       keep resolved configs in memory until they change
        max_age     seconds for which a kept config counts as current though the feed of changes is silent
        stale_for   seconds for which the last known config is handed out, as `stale`, though the service is silent
        verify      an ssl.SSLContext, where the service's certificate is not of a public authority
        """
        super().__init__(read_options(url, token, cache, timeout, retries, max_age, stale_for, verify))
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._parts = Parts(self._options)
        self._cache = self._parts.cache
        self._http = httpx.Client(**self._options.http)
        put_reason(self._http.headers, self._reason)
        self._listener: Listener | None = None

    def resolve(self, integration: str, organization_id: Id) -> ResolvedConfig:
        """The config of an integration, by name, for an organization.

        Raises NotFound, Forbidden, Unauthenticated, Undecryptable, LimitExceeded, or Unavailable when there is no last
        known good config either.
        """
        if self._cache is not None:
            found = self._cache.get((integration, organization_id))
            if found is not None:
                return found
            self._listen()
        return self._run(self._parts.flows.resolve(integration, canonical(organization_id)))

    def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of any operation of the service's schema. Raises StrongroomError."""
        return self._run(self._parts.flows.call(document, variables or {}))

    @cached_property
    def api(self) -> Api:
        """Every other operation, typed: `client.api.create_token(…)`."""
        from strongroom.api import Api  # noqa: PLC0415 - pydantic costs a third of a second, and not everybody needs it

        return Api(lambda document, given, name: self._run(self._parts.flows.call(document, given, name)))

    def on_change(self, callback: Callable[[Change], None]) -> Unsubscribe:
        """Call back, on a thread of its own, for every change of what the token may resolve; how to end that.

        The first call is a reset: what happened before is not known.
        """
        unsubscribe = self._register(callback)
        self._listen()
        return unsubscribe

    def close(self) -> None:
        """End the feed and close all connections."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        self._http.close()

    def __enter__(self) -> Strongroom:  # noqa: PYI034 - typing has Self from 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        if self._process != os.getpid():
            # A fork shares its parent's sockets and has none of its threads.
            self._begin()
        if self._listener is None:
            self._listener = Listener(self._http, self._options, self._parts, self._callbacks)

    def _run(self, flow: Generator[Step, Answer, T]) -> T:
        answer: Answer = None
        with closing(flow):
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration as end:
                    return end.value
                answer = self._send(step) if isinstance(step, Send) else _pause(step)

    def _send(self, step: Send) -> Reply | Lost:
        try:
            response = self._http.post(self._options.url, content=step.body)
            return Reply(response.status_code, response.content)
        except httpx.HTTPError as error:
            why = type(error).__name__
        # Beyond the except: httpx's error holds the request, and with it the token.
        return Lost(why)


def _pause(step: Pause) -> None:
    time.sleep(step.seconds)
