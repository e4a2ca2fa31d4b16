"""Cursors of the feed of changes: whatever a client sends is read strictly, or refused."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import BadInput
from db.positions import Position, read_position

EPOCH = "0123456789abcdef" * 2


def encode(given: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(given).encode()).decode()


def test_a_cursor_comes_back_as_it_was() -> None:
    """What is encoded is read again, and is PostgreSQL's text of the snapshot."""
    position = Position.of(EPOCH, "7:20:7,9,19")
    assert read_position(position.encode()) == position
    assert position.snapshot == "7:20:7,9,19"
    assert read_position(Position.of(EPOCH, "7:7:").encode()).snapshot == "7:7:"


def test_a_cursor_is_bounded() -> None:
    """With thousands of running transactions a cursor says less than it knows, and never that more was seen."""
    position = Position(EPOCH, 10, 10_000, tuple(range(10, 9_000, 2)))
    cursor = position.encode()
    assert len(cursor) < 200
    assert read_position(cursor) == Position(EPOCH, 10, 10)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "é",
        "x" * 20_000,
        "AAAA",
        encode({}),
        encode([]),
        encode("changes"),
        encode(["configs", EPOCH, 1, 2]),
        encode(["changes", EPOCH]),
        encode(["changes", EPOCH, 1]),
        encode(["changes", EPOCH.upper(), 1, 2]),
        encode(["changes", EPOCH + "\n", 1, 2]),
        encode(["changes", 5, 1, 2]),
        encode(["changes", EPOCH, 0, 2]),
        encode(["changes", EPOCH, -1, 2]),
        encode(["changes", EPOCH, True, 2]),
        encode(["changes", EPOCH, 1.0, 2]),
        encode(["changes", EPOCH, "1", 2]),
        encode(["changes", EPOCH, 3, 2]),
        encode(["changes", EPOCH, 1, 2**63]),
        encode(["changes", EPOCH, 5, 9, 4]),
        encode(["changes", EPOCH, 5, 9, 9]),
        encode(["changes", EPOCH, 5, 9, 7, 6]),
        encode(["changes", EPOCH, 5, 9, 6, 6]),
        encode(["changes", EPOCH, 5, 9, None]),
        encode(["changes", EPOCH, 5, 9, [6]]),
        encode(["changes", EPOCH, 1, 1_000, *range(1, 600)]),
        base64.urlsafe_b64encode(b"[" * 5_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_anything_else_is_refused(cursor: str) -> None:
    """Every other text is BAD_USER_INPUT at the argument that it came with, and is not repeated."""
    with pytest.raises(BadInput) as refused:
        read_position(cursor, "after")
    assert [(problem.path, problem.message) for problem in refused.value.problems] == [
        (("after",), "is no cursor of this feed")
    ]


@given(st.lists(st.one_of(st.integers(), st.text(), st.none(), st.booleans())))
def test_whatever_is_read_is_a_snapshot(rest: list[object]) -> None:
    """A cursor that is not refused is one that `encode` makes."""
    try:
        position = read_position(encode(["changes", EPOCH, *rest]))
    except BadInput:
        return
    assert read_position(position.encode()) == position
