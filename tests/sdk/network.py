"""A network between a client and the service that can be broken in the ways that networks break."""

import contextlib
import socket
import struct
import threading
from typing import Final

_FEED: Final = b"text/event-stream"


class Network:
    """Forwards connections to a port. The feed's, told by what it accepts, can be cut, kept out or frozen."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.feed_allowed = True
        self.frozen = False
        self.requests = 0
        self._feeds: list[tuple[socket.socket, socket.socket]] = []
        self._all: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut_feed(self) -> None:
        """Reset every connection that carries a feed."""
        feeds, self._feeds = self._feeds, []
        for client, server in feeds:
            # With this a close is a reset, which no reader takes for a proper end.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for end in (client, server):
                _shut(end)

    def close(self) -> None:
        for found in self._all:
            _shut(found)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                self._all += [client, server]
                for work in (self._forward_requests, self._forward_answers):
                    threading.Thread(target=work, args=(client, server), daemon=True).start()

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.requests += data.count(b"POST ")
                if _FEED in data:
                    if not self.feed_allowed:
                        break
                    self._feeds.append((client, server))
                server.sendall(data)
        _shut(client)
        _shut(server)

    def _forward_answers(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.frozen and (client, server) in self._feeds:
                    continue
                client.sendall(data)
        _shut(client)
        _shut(server)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
