"""The synchronous client. It may be shared by threads."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from strongroom.answers import Body, Lost, Reply, describe_failure
from strongroom.changes import Change
from strongroom.client import Client, Unsubscribe
from strongroom.config import ResolvedConfig
from strongroom.errors import SettingsError, StrongroomError, Unavailable
from strongroom.flows import Answer, Pause, Send, Step
from strongroom.listening import Listener
from strongroom.subscribing import HEADERS, SILENCE, Events, is_stream, judge_refusal, write_request
from strongroom.wiring import Id, Parts, Verify, canonical, make_http, put_reason, read_options

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
        self._closed = False
        self._begin()
        self._http = make_http(httpx.Client, self._options)
        _clients.add(self)

    def _begin(self) -> None:
        """What a process has for itself, but for connections."""
        self._lock = threading.Lock()
        self._parts = Parts(self._options)
        self._cache = self._parts.cache
        self._listener: Listener | None = None
        self._forked = False

    def _begin_in_child(self) -> None:
        """A fork shares its parent's sockets, has none of its threads, and maybe a lock that nobody will release."""
        self._begin()
        self._forked = True

    def resolve(self, integration: str, organization_id: Id) -> ResolvedConfig:
        """The config of an integration, by name, for an organization.

        Raises NotFound, Forbidden, Unauthenticated or Undecryptable; LimitExceeded, Internal or Unavailable when there
        is no last known good config either.
        """
        if self._cache is not None:
            found = self._cache.get((integration, organization_id))
            if found is not None:
                return found
            self._listen()
        return self._run(self._parts.flows.resolve(integration, canonical(organization_id)))

    def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of any operation of the service's schema. Raises StrongroomError."""
        flow = self._parts.flows.call(document, variables or {})
        del variables  # they may hold secrets, and an error's traceback this frame
        return self._run(flow)

    def subscribe(self, document: str, variables: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The data of each event of a subscription, until it is over; `close()` the iterator to end it before.

        Raises StrongroomError. Unavailable, where it is broken off: what happens meanwhile is not told later.
        """
        send = write_request(document, variables)
        del variables  # as in execute
        return self._stream(send)

    @cached_property
    def api(self) -> Api:
        """Every other operation, typed: `client.api.create_token(…)`."""
        from strongroom.api import Api  # noqa: PLC0415 - pydantic costs a third of a second, and not everybody needs it

        def run(document: str, given: Mapping[str, Any], name: str | None) -> dict[str, Any]:
            flow = self._parts.flows.call(document, given, name)
            del given  # as in execute
            return self._run(flow)

        return Api(run)

    def on_change(self, callback: Callable[[Change], None]) -> Unsubscribe:
        """Call back, on a thread of its own, for every change of what the token may resolve; how to end that.

        The first call is a reset: what happened before is not known.
        """
        self._listen().admit(callback)
        return self._make_unsubscribe(callback)

    def close(self) -> None:
        """End the feed and close all connections."""
        with self._lock:
            self._closed = True
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()
        self._http.close()

    def __enter__(self) -> Strongroom:  # noqa: PYI034 - typing has Self from 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> Listener:
        """The listener of this process, which begins now if there is none. Raises SettingsError once it is closed."""
        listener = self._listener
        if listener is None:
            http = self._connect()
            with self._lock:
                if self._closed:
                    raise SettingsError("the client has been closed")
                listener = self._listener or Listener(http, self._options, self._parts, self._callbacks)
                self._listener = listener
        return listener

    def _connect(self) -> httpx.Client:
        """This process's connections. Raises SettingsError once the client is closed."""
        if self._closed:
            raise SettingsError("the client has been closed")
        if self._forked:
            with self._lock:
                if self._forked:
                    self._http = make_http(httpx.Client, self._options)
                    put_reason(self._http.headers, self._reason)
                    self._forked = False
            if self._callbacks:
                self._listen()
        return self._http

    def _run(self, flow: Generator[Step, Answer, T]) -> T:
        answer: Answer = None
        with closing(flow):
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration as end:
                    return end.value
                except StrongroomError as error:
                    # The flow's frames hold what was sent and answered; what reports errors may show frames.
                    raise error.with_traceback(None) from None
                answer = self._send(step) if isinstance(step, Send) else _pause(step)

    def _stream(self, send: Send) -> Iterator[dict[str, Any]]:
        timeout = self._options.make_stream_timeout(SILENCE)
        given: dict[str, Any] = {"content": send.body, "headers": HEADERS, "timeout": timeout}
        try:
            with self._connect().stream("POST", self._options.url, **given) as response:
                del given  # the body, which may hold secrets
                if not is_stream(response.status_code, response.headers):
                    raise judge_refusal(self._read(response))
                events = Events()
                for part in response.iter_raw():
                    yield from events.take(part)
                    if events.done:
                        return
                events.end()
                return
        except httpx.HTTPError as error:
            why = describe_failure(error)
        raise Unavailable(f"the service does not answer: {why}")

    def _read(self, response: httpx.Response) -> Reply:
        body = Body(response.headers, self._options.timeout)
        any(not body.take(part) for part in response.iter_raw())
        return body.make_reply(response.status_code)

    def _send(self, step: Send) -> Reply | Lost:
        http = self._connect()
        try:
            with http.stream("POST", self._options.url, content=step.body) as response:
                return self._read(response)
        except (httpx.HTTPError, TimeoutError) as error:
            why = describe_failure(error)
        except RuntimeError:
            if not http.is_closed:
                raise
            why = "the client has been closed"
        except BaseException as error:  # noqa: BLE001 - raised again, without the frames, which hold the token
            raise error.with_traceback(None) from None
        # Beyond the except: httpx's error holds the request, and with it the token.
        return Lost(why)


def _pause(step: Pause) -> None:
    time.sleep(step.seconds)


_clients: weakref.WeakSet[Strongroom] = weakref.WeakSet()


def _begin_in_child() -> None:
    for client in _clients:
        client._begin_in_child()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - of the class above


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
