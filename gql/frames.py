"""The messages of graphql-transport-ws: read from frames of any shape, refused with the protocol's close codes."""

from typing import Any, Final, NamedTuple, cast

from starlette.types import Message

from db.errors import BadInput
from gql.payloads import read_json
from gql.replies import ClientGone

PROTOCOL: Final = "graphql-transport-ws"

MAX_MESSAGE: Final = 2**20
"""Bytes of one message. An open connection costs memory before its caller is known, so less than a body may have."""

_LONGEST_ID: Final = 255
_NEED_ID: Final = frozenset({"subscribe", "complete"})
_KNOWN: Final = _NEED_ID | {"connection_init", "ping", "pong"}


class Close(Exception):
    """The connection is to be closed with this code, and these words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Frame(NamedTuple):
    """A client's message: its type, the operation it is about, and what it brings."""

    type: str
    id: str
    payload: dict[str, Any]


def read_frame(message: Message) -> Frame:
    """What an ASGI message brings. Raises Close for what is no message of the protocol, ClientGone at the end."""
    if message["type"] == "websocket.disconnect":
        raise ClientGone
    text: str | None = message.get("text")
    if text is None:
        raise refuse_message("binary frame")
    if len(text) > MAX_MESSAGE or len(text.encode()) > MAX_MESSAGE:
        raise Close(1009, "Message too big")
    try:
        given = read_json(text, "message")
    except BadInput:
        raise refuse_message("not JSON, or ambiguous JSON") from None
    if not isinstance(given, dict):
        raise refuse_message("expected an object")
    return _check(cast("dict[str, Any]", given))


def refuse_message(fault: str) -> Close:
    """The close for a message that is none."""
    return Close(4400, f"Invalid message: {fault}")


def _check(given: dict[str, Any]) -> Frame:
    kind: Any = given.get("type")
    if not isinstance(kind, str) or kind not in _KNOWN:
        raise refuse_message("unknown type")
    id: Any = given.get("id")
    if kind in _NEED_ID and not (isinstance(id, str) and 0 < len(id) <= _LONGEST_ID):
        raise refuse_message("expected an id")
    payload: Any = given.get("payload")
    if payload is None and kind != "subscribe":
        payload = {}
    if not isinstance(payload, dict):
        raise refuse_message("expected a payload")
    return Frame(kind, id if kind in _NEED_ID else "", cast("dict[str, Any]", payload))
