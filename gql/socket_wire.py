"""WebSockets on the wire: what is no message, and a message in pieces without end, is answered with a clean close."""

from typing import Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

MAX_FRAGMENTS: Final = 1_000
"""Pieces of one message: empty ones have no length that could be counted."""

MAX_UNREAD: Final = 2**20
"""Bytes of pongs that a client may leave unread: they wait for nobody, unlike all that the application sends."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection: uvicorn's own, but for what a stranger could make it keep, or write to the log."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # A handshake that was refused is complete; uvicorn would log an error for each.
            self.handshake_complete = True

    def handle_ping(self) -> None:
        """A ping has come, and its pong is on its way; to who reads none, no more go."""
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.transport.abort()
            return
        super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """A piece of a message has come."""
        if len(self.frames) >= MAX_FRAGMENTS:
            self._end(CloseCode.MESSAGE_TOO_BIG, "Message in too many pieces")
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self._end(CloseCode.INVALID_DATA, "Invalid message: not UTF-8")
            return
        super().send_receive_event_to_app()

    def _end(self, code: CloseCode, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
