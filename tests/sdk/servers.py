"""Servers that are no Strongroom, or one that has gone wrong: what they are sent, and what they answer byte by byte."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

TOKEN = "planted-token-planted-token-planted-token"
SECRET = "planted-secret"
ORGANIZATION = "d3300000-0000-4000-8000-000000000001"

ANSWER: dict[str, Any] = {
    "integration": {"id": "i", "name": "halo"},
    "organization": {"id": ORGANIZATION, "name": "Northwind"},
    "entityId": "42",
    "entityName": None,
    "config": {"api_key": SECRET, "port": 443},
    "missing": [],
    "unfit": [],
    "entries": [
        {"key": "api_key", "type": "SECRET", "source": "OVERRIDE"},
        {"key": "port", "type": "INT", "source": "DEFAULT"},
    ],
}
GOOD = json.dumps({"data": {"resolve": ANSWER}}).encode()


class OddServer:
    """Answers every request, whole with its body, by a function of it; `seen` is what was sent."""

    def __init__(self, answer: Callable[[bytes], Iterator[bytes]], context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.seen: list[bytes] = []
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                self._ends.append(end)
                threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context:
                end = self._context.wrap_socket(end, server_side=True)
                self._ends.append(end)
            while request := read_request(end):
                self.seen.append(request)
                for part in self._answer(request):
                    end.sendall(part)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def read_request(end: socket.socket) -> bytes:
    """One request with its body, or what is none; nothing when the other end has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = end.recv(65536)
        if not part:
            return b""
        data += part
        if not data[:1].isalpha():
            return data
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < wanted:
        body += end.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(body: bytes, status: str = "200 OK", kind: str = "application/json", *headers: str) -> bytes:
    """An answer with its length."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def answer_by_name(request: bytes) -> Iterator[bytes]:
    """Answers a resolve with the integration's name as entity id, so that mixed up answers show; no feed."""
    if b"SdkConfigChanged" in request:
        threading.Event().wait(0.3)
        return
    asked = json.loads(request.partition(b"\r\n\r\n")[2])["variables"]["integration"]
    yield reply(json.dumps({"data": {"resolve": {**ANSWER, "entityId": asked}}}).encode())
