from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gql.frames import Close, Frame, read_frame
from gql.payloads import write_json
from gql.replies import ClientGone

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["type", "id", "payload", "other"])
TYPES = st.sampled_from(["connection_init", "subscribe", "complete", "ping", "pong", "next", "start"])
MESSAGES = st.dictionaries(NAMES, VALUES | TYPES)


def read_or_refuse(text: str) -> Frame | Close:
    try:
        return read_frame({"type": "websocket.receive", "text": text})
    except Close as close:
        return close


@settings(deadline=None)
@given(MESSAGES)
def test_any_message(message: dict[str, Any]) -> None:
    """Whatever JSON a frame holds, it is a message of the protocol or is refused with 4400."""
    read = read_or_refuse(write_json(message).decode())
    if isinstance(read, Close):
        assert read.code == 4400
        assert len(read.reason.encode()) <= 123
    else:
        assert isinstance(read.payload, dict)


@settings(deadline=None)
@given(st.text())
def test_any_text(text: str) -> None:
    """Text of any kind is refused with 4400, and never repeated."""
    with pytest.raises(Close) as refused:
        read_frame({"type": "websocket.receive", "text": text})
    assert refused.value.code == 4400


def test_the_end() -> None:
    """A client that has hung up is told apart from one that says nonsense."""
    with pytest.raises(ClientGone):
        read_frame({"type": "websocket.disconnect", "code": 1006})
    with pytest.raises(Close, match="too big"):
        read_frame({"type": "websocket.receive", "text": "é" * 600_000})
