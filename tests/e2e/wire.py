"""HTTP/1.1 over one connection, as thin as it can be: a test of thousands of requests is not to wait for its client."""

import asyncio
import json
from contextlib import suppress
from typing import Any


class Wire:
    """One connection to a server on this machine, opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.status = 0

    async def post(self, token: str | None, body: Any, accept: str = "*/*") -> str:
        """Post a body to /graphql, bytes as they are, anything else as JSON; the answer's body."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = f"content-type: application/json\r\ncontent-length: {len(content)}\r\naccept: {accept}\r\n"
        return await self._send(f"POST /graphql HTTP/1.1\r\n{more}", token, content)

    async def get(self, token: str | None, path: str) -> str:
        """The body of a path."""
        return await self._send(f"GET {path} HTTP/1.1\r\n", token, b"")

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with suppress(OSError):  # Whoever hung up first, it is done.
                await writer.wait_closed()

    async def _send(self, head: str, token: str | None, content: bytes) -> str:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        reader, writer = self._streams
        if token is not None:
            head += f"authorization: Bearer {token}\r\n"
        writer.write(f"{head}host: 127.0.0.1\r\n\r\n".encode() + content)
        async with asyncio.timeout(60):
            return (await self._receive(reader)).decode()

    async def _receive(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        self.status = int(head[0].split()[1])
        fields = dict(line.split(": ", 1) for line in head[1:] if line)
        if "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
        else:
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        if fields.get("connection") == "close":
            await self.close()
        return body
