"""Lines: connections that stay open. All of them can be ended at once, and each ends for one reason.

What a line does runs in tasks of its own. The first of them to fail gives the reason for which the line ends;
whoever holds the line then says goodbye in the words of its transport.
"""

import asyncio
import hashlib
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final

from starlette.types import Message, Send

from db.background import end_tasks
from db.errors import LimitExceeded, Unavailable
from gql.replies import ClientGone

MAX_LINES: Final = 1_000
"""How many a process holds open; each costs a file descriptor."""

MAX_OF_ONE: Final = 250
"""How many of them one caller holds: nobody's lines keep all others out."""

MAX_STRANGERS: Final = 250
"""How many of them may be without a known caller, which WebSockets are until they have said who they are."""

SEND_SECONDS: Final = 20.0
"""How long a client may leave what it was sent unread before it is taken for gone."""

_CANCELS_EVERY: Final = 5.0
"""Seconds; a subscription may be busy giving back what it holds."""


class Stopping(Unavailable):
    """The process is about to end; another one, or the next, will answer."""

    def __init__(self) -> None:
        super().__init__("the service is restarting")


class Finished(Exception):
    """All has been sent."""


class Line:
    """One connection that stays open. `holder` stands for its caller, once that is known."""

    def __init__(self) -> None:
        self.holder: bytes | None = None
        self._ending: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do work for as long as the line is open; what it raises ends the line."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._settle)
        return task

    def end(self, reason: BaseException) -> None:
        """End the line, unless it is ending for another reason already."""
        if not self._ending.done():
            self._ending.set_result(reason)

    async def wait(self) -> BaseException:
        """Why the line ended, once it has and all its work has stopped."""
        try:
            return await self._ending
        finally:
            await end_tasks(*self._tasks, every=_CANCELS_EVERY)

    def _settle(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.end(error)


class Lines:
    """All lines of the process."""

    def __init__(self, limit: int = MAX_LINES) -> None:
        self._limit = limit
        self._open: set[Line] = set()
        self._stopping = False
        self._gone = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def open(self) -> Generator[Line]:
        """A new line; Unavailable if there are too many, or if the process is about to end."""
        if self._stopping:
            raise Stopping
        if len(self._open) >= self._limit or self._count(None) >= MAX_STRANGERS:
            raise Unavailable("too many subscriptions are open")
        line = Line()
        self._open.add(line)
        try:
            yield line
        finally:
            self._open.discard(line)
            if self._stopping and not self._open:
                self._gone.set()

    def assign(self, line: Line, caller: str) -> None:
        """Say whose line this is. LimitExceeded if its holder has too many already."""
        holder = hashlib.sha256(caller.encode(errors="surrogatepass")).digest()
        if self._count(holder) >= MAX_OF_ONE:
            raise LimitExceeded(f"more than {MAX_OF_ONE} subscriptions of one token are open in this process")
        line.holder = holder

    def _count(self, holder: bytes | None) -> int:
        return sum(line.holder == holder for line in self._open)

    async def stop(self, seconds: float = 2.0) -> None:
        """End every line and open no more; returns when all are gone, or after so many seconds."""
        self._stopping = True
        for line in self._open:
            line.end(Stopping())
        if self._open:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), seconds)


def limit_send(send: Send, seconds: float = SEND_SECONDS) -> Send:
    """The same `send`, which raises ClientGone when nobody reads what is sent."""

    async def send_within(message: Message) -> None:
        try:
            async with asyncio.timeout(seconds):
                await send(message)
        except OSError:  # TimeoutError is one, and so is what a server raises when the client has hung up.
            raise ClientGone from None

    return send_within
