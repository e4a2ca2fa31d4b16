"""A way to PostgreSQL that dawdles, and fails as networks do for the connections of a change feed.

cut       they are closed
silent    half open: what PostgreSQL says never arrives, and nobody hears of that
deaf      half open the other way: what is sent never reaches PostgreSQL
late      everything arrives, much later
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

WAYS: Final = ("cut", "silent", "deaf", "late")
_SOCKET: Final = ".s.PGSQL.5432"
_CHUNK: Final = 65_536
_DAWDLES: Final = 0.2
_DAWDLE_SECONDS: Final = 0.06
"""Now and then any other answer of PostgreSQL takes its time: what it says is old when it comes."""


@dataclass(slots=True, eq=False)
class _Link:
    """One connection and what has befallen it: whoever is silent or deaf once remains so."""

    writer: asyncio.StreamWriter
    is_feed: bool = False
    silent: bool = False
    deaf: bool = False


class Cuttable:
    """Stands before a PostgreSQL on a UNIX socket. `way` is what happens to the feeds now; None is nothing."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.way: str | None = None
        self.url = database_url.replace(_find_folder(database_url), str(folder))
        self._behind = f"{_find_folder(database_url)}/{_SOCKET}"
        self._place = folder / _SOCKET
        self._links: set[_Link] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._chance = random.Random(11)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Self]:
        """Listen until the block ends."""
        server = await asyncio.start_unix_server(self._serve, self._place)
        try:
            yield self
        finally:
            server.close()
            self.cut(everything=True)
            await asyncio.gather(*self._serving, return_exceptions=True)

    def cut(self, *, everything: bool = False) -> None:
        """Close the feeds' connections."""
        for link in list(self._links):
            if link.is_feed or everything:
                link.writer.transport.abort()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._link(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        try:
            from_server, to_server = await asyncio.open_unix_connection(self._behind)
            up = asyncio.create_task(self._carry(link, reader, to_server, up=True))
            down = asyncio.create_task(self._carry(link, from_server, writer, up=False))
            await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
            for task in (up, down):
                task.cancel()
            to_server.transport.abort()
        finally:
            self._links.discard(link)
            writer.transport.abort()

    async def _carry(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                link.is_feed = link.is_feed or (up and b"LISTEN " in data)
                if link.is_feed:
                    link.silent = link.silent or self.way == "silent"
                    link.deaf = link.deaf or self.way == "deaf"
                    if self.way == "late":
                        await asyncio.sleep(self._chance.uniform(0.1, 0.9))
                elif not up and self._chance.random() < _DAWDLES:
                    await asyncio.sleep(self._chance.uniform(0, _DAWDLE_SECONDS))
                if not (link.deaf if up else link.silent):
                    writer.write(data)
                    await writer.drain()


def _find_folder(database_url: str) -> str:
    return parse_qs(urlsplit(database_url).query)["host"][0]
