"""A connection to one API process, kept open: as many requests a second as the hammer can make."""

import asyncio
import json
from typing import Any


class Refused(Exception):
    """The answer has errors; `codes` are theirs."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


class Caller:
    """Posts to one process with one token."""

    def __init__(self, port: int, process: int, token: str, *headers: str) -> None:
        """`headers` are further lines of the request's head."""
        self.process = process
        self._port = port
        self._head = "".join(
            f"{line}\r\n"
            for line in (
                "POST /graphql HTTP/1.1",
                "Host: 127.0.0.1",
                "Content-Type: application/json",
                f"Authorization: Bearer {token}",
                *headers,
            )
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of the answer. Raises Refused."""
        answer = await self.post(self.pack(query, variables))
        if answer.get("errors"):
            raise Refused([error["extensions"]["code"] for error in answer["errors"]])
        return answer["data"]

    def pack(self, query: str, variables: dict[str, Any]) -> bytes:
        """A request."""
        body = json.dumps({"query": query, "variables": variables})
        return f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    async def post(self, request: bytes) -> Any:
        """The answer to a request that was packed before."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        return json.loads(await reader.readexactly(length))

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
