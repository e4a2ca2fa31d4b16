"""Keyset paging: cursors that say where, and nothing that a caller can break."""

import base64
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from db import config_lists, history_lists, integrations, mappings, organizations, runs_progress
from db.errors import BadInput
from db.models import Organization
from db.pages import PAGE_LIMIT, Order, read_page

ORDERS = [
    config_lists.ORDER,
    history_lists.ORDER,
    integrations.ORDER,
    mappings.ORDER,
    organizations.ORDER,
    runs_progress.ORDER,
    runs_progress.QUARANTINE_ORDER,
]
ID = uuid.UUID(int=7)
SAMPLES = {str: "k", uuid.UUID: ID, int: 7, datetime: datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)}


def encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.kind)
def test_a_cursor_is_read_as_it_was_made(order: Order) -> None:
    """What a cursor was made of comes back, to the microsecond."""
    values = [SAMPLES[type] for type in order.types]
    assert order._read(order.cursor(*values)) == values


def test_every_list_has_a_kind_of_its_own() -> None:
    """A cursor of one list is none of another: no two lists share a kind."""
    assert len({order.kind for order in ORDERS}) == len(ORDERS)
    for order in ORDERS:
        cursor = order.cursor(*(SAMPLES[type] for type in order.types))
        for other in ORDERS:
            if other is not order:
                refuse(other, cursor)


def refuse(order: Order, cursor: str) -> None:
    with pytest.raises(BadInput) as caught:
        order.apply(select(Organization.id), 1, cursor)
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        (("after",), "is no cursor of this list")
    ]


MALFORMED = [
    "",
    "x",
    "é",
    "====",
    "bm90IGpzb24=",
    "bm90IGpzb24",
    "\ud800",
    encode(None),
    encode(7),
    encode([]),
    encode({}),
    encode("organizations"),
    encode(["organizations"]),
    encode(["organizations", "a"]),
    encode(["organizations", "a", "no id"]),
    encode(["organizations", "a", None]),
    encode(["organizations", 7, str(ID)]),
    encode(["organizations", "a\0", str(ID)]),
    encode(["organizations", "a\ud800", str(ID)]),
    encode(["organizations", ["a"], str(ID)]),
    encode(["organizations", "a", str(ID), "more"]),
    encode([["organizations"], "a", str(ID)]),
    base64.urlsafe_b64encode(b"\xff" * 30).decode(),
    base64.urlsafe_b64encode(b"[" * 30_000).decode(),
    base64.urlsafe_b64encode(b"[" + b"9" * 5_000 + b"]").decode(),
    encode(["organizations", "a", str(ID)]) + "\n",
    " " + encode(["organizations", "a", str(ID)]),
]


@pytest.mark.parametrize("cursor", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_cursors(cursor: str) -> None:
    """Whatever is no cursor is BAD_USER_INPUT at `after`, which does not repeat it."""
    refuse(organizations.ORDER, cursor)


TIMES = [
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "now",
    "",
]


@pytest.mark.parametrize("moment", TIMES)
def test_moments_that_no_cursor_has(moment: str) -> None:
    """A moment without a zone, or without a year in UTC, is refused before PostgreSQL sees it."""
    refuse(runs_progress.ORDER, encode(["backfill runs", moment, str(ID)]))


@pytest.mark.parametrize("version", [True, 1.5, 2**31, -(2**31), 10**30, "1", None])
def test_versions_that_no_cursor_has(version: Any) -> None:
    """A version that is no 32-bit whole number is refused before PostgreSQL sees it."""
    refuse(history_lists.ORDER, encode(["history", version]))


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_breaks_a_cursor(text: str) -> None:
    """Any text is a cursor or is refused; nothing else is raised."""
    for order in ORDERS:
        try:
            order._read(text)
        except BadInput:
            continue


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)


@given(st.sampled_from(ORDERS), st.lists(JSON, max_size=3))
def test_no_values_break_a_cursor(order: Order, values: Sequence[Any]) -> None:
    """Any JSON of the right kind is a cursor or is refused; what is read has the column's types."""
    try:
        read = order._read(encode([order.kind, *values]))
    except BadInput:
        return
    assert [type(value) for value in read] == list(order.types)


@pytest.mark.parametrize("first", [-1, 0, PAGE_LIMIT + 1, 2**31 - 1])
def test_page_sizes(first: int) -> None:
    """A page has between 1 and 200 rows."""
    with pytest.raises(BadInput, match="first: must be between 1 and 200"):
        organizations.ORDER.apply(select(Organization.id), first, None)
    for size in (1, PAGE_LIMIT):
        organizations.ORDER.apply(select(Organization.id), size, None)


NAMES = ["", "a", "A", "a", "ä", "Z", "\U0001f600", "%", "a b", "a"]


async def test_pages_hold_each_row_once(database, transact) -> None:
    """Pages of every size hold each row exactly once, in the order's order, equal names included."""
    rows = [{"id": uuid.uuid4(), "name": name, "created_by": "x"} for name in NAMES]
    await transact(lambda transaction: transaction.session.execute(insert(Organization), rows))
    statement = select(Organization.id, Organization.name)
    order = organizations.ORDER
    async with database.read() as session:
        whole = await read_page(session, statement, order, 200, None, lambda row: row.id)
        assert sorted(whole.items) == sorted(row["id"] for row in rows)
        assert (whole.has_next, whole.has_previous) == (False, False)
        for size in (1, 3, 9, 10):
            seen: list[uuid.UUID] = []
            after: str | None = None
            while True:
                page = await read_page(session, statement, order, size, after, lambda row: row.id)
                seen.extend(page.items)
                assert len(page.items) == len(page.cursors) <= size
                assert page.has_previous is (after is not None)
                assert page.total is not None
                assert await page.total(session) == len(rows)
                if not page.has_next:
                    break
                after = page.cursors[-1]
            assert seen == whole.items
