"""The feed of a synchronous client: one thread that listens, and one that calls back."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx

from strongroom.answers import describe_failure
from strongroom.changes import Change
from strongroom.errors import Internal
from strongroom.feed import Hear, Listen, NextLine, Trouble
from strongroom.subscribing import Lines, is_stream
from strongroom.wiring import Options, Parts, Waiting

logger = logging.getLogger("strongroom")


class Listener:
    """Listens until it is stopped."""

    def __init__(
        self, http: httpx.Client, options: Options, parts: Parts, callbacks: list[Callable[[Change], None]]
    ) -> None:
        self._http = http
        self._options = options
        self._parts = parts
        self._callbacks = callbacks
        self._stopping = threading.Event()
        self._stream = Stream()
        self._waiting = Waiting(callbacks)
        self._came = threading.Condition()
        self._begun = False
        self._threads = [
            threading.Thread(target=work, name=f"strongroom-{name}", daemon=True)
            for name, work in (("feed", self._listen), ("changes", self._call_back))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, at once even while nothing is heard; returns when both threads have, or after a second."""
        self._stopping.set()
        self._stream.cut()
        with self._came:
            self._came.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(1.0)

    def admit(self, callback: Callable[[Change], None]) -> None:
        """Call this one too; one that comes after the feed's first word is told by itself of the reset that it was."""
        with self._came:
            self._callbacks.append(callback)
            if self._begun:
                self._waiting.add((Change(reset=True),), callback)
                self._came.notify()

    def _listen(self) -> None:
        flow = self._parts.feed.run()
        step = next(flow)
        while not self._stopping.is_set():
            try:
                answer = self._do(step)
            except Exception as error:  # noqa: BLE001 - a feed that has died would be missed by nobody
                logger.warning("the feed of changes failed: %s", type(error).__name__)
                answer = None
            step = flow.send(answer)
        self._stream.close()

    def _do(self, step: object) -> Any:
        if isinstance(step, Listen):
            return self._stream.open(self._http, self._options, step.body)
        if isinstance(step, NextLine):
            return self._stream.read()
        if isinstance(step, Hear):
            self._parts.hear(step)
            self._tell(step.changes)
            return None
        if isinstance(step, Trouble):
            logger.warning("the feed of changes is not to be had: %s; trying again", step.why)
            return None
        self._stream.close()
        self._stopping.wait(getattr(step, "seconds", 1.0))
        return None

    def _tell(self, changes: tuple[Change, ...]) -> None:
        with self._came:
            self._begun = True
            if changes and self._callbacks:
                self._waiting.add(changes)
                self._came.notify()

    def _call_back(self) -> None:
        while not self._stopping.is_set():
            with self._came:
                if not self._waiting:
                    self._came.wait()
                    continue
                change, callbacks = self._waiting.take()
            for callback in callbacks:
                _call(callback, change)


def _call(callback: Callable[[Change], None], change: Change) -> None:
    try:
        callback(change)
    except BaseException as error:  # noqa: BLE001 - its text may hold what the callback has just resolved
        # A callback that means to end the process, which no thread but the first can, does not end this thread alone.
        logger.error("a callback of on_change failed: %s", type(error).__name__)  # noqa: TRY400


class Stream:
    """The one open stream of a feed."""

    def __init__(self) -> None:
        self._response: httpx.Response | None = None
        self._parts: Iterator[bytes] = iter(())
        self._lines = Lines()

    def open(self, http: httpx.Client, options: Options, body: bytes) -> str:
        """Open it; why there is none, or an empty text."""
        request = options.ask_for_stream(http, body)
        try:
            response = http.send(request, stream=True)
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the client has been closed
            return describe_failure(error)
        self._response, self._parts, self._lines = response, response.iter_raw(), Lines()
        return "" if is_stream(response.status_code, response.headers) else f"HTTP status {response.status_code}"

    def read(self) -> bytes | None:
        """The next line; None when it is cut, or at its end."""
        try:
            while (line := self._lines.pop()) is None:
                part = next(self._parts, None)
                if part is None:
                    return None
                self._lines.take(part)
        except (httpx.HTTPError, httpx.StreamError, OSError, Internal):
            return None
        return line

    def cut(self) -> None:
        """Have whoever reads it find it at its end; from any thread."""
        response = self._response
        if response is not None:
            raw = response.extensions.get("network_stream")
            found = raw.get_extra_info("socket") if raw is not None else None
            if found is not None:
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back."""
        response, self._response = self._response, None
        if response is not None:
            with suppress(httpx.HTTPError, OSError):
                response.close()
