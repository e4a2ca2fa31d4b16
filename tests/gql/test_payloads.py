import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import BadInput
from gql.payloads import MAX_CONTAINERS, MAX_PROBLEMS, read_json, show_key, write_json


def find_problems(payload: bytes | str) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(BadInput) as caught:
        read_json(payload, "body")
    return [(problem.path, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "malformed JSON at line 1, column 1"),
        (b'{"a":', "malformed JSON at line 1, column 6"),
        (b"{} {}", "malformed JSON at line 1, column 4"),
        (b'"a\nb"', "malformed JSON at line 1, column 3"),
        (b'"\xff"', "not UTF-8"),
        ('"\ud800"'.encode("utf-8", "surrogatepass"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * 101 + b"]" * 101, "nested too deeply"),
        (b"9" * 5_000, "a number is too large, or no number"),
        (b"NaN", "a number is too large, or no number"),
        (b"-Infinity", "a number is too large, or no number"),
        (b"1e999", "a number is too large, or no number"),
    ],
)
def test_refuses_what_is_no_json(payload: bytes, message: str) -> None:
    """Malformed JSON of every kind is refused with its place, and never an unexpected exception."""
    assert find_problems(payload) == [(("body",), message)]


def test_reads_what_is_100_levels_deep() -> None:
    """Nesting up to the limit is read, brackets inside strings do not count."""
    assert read_json(b"[" * 100 + b"]" * 100, "body")
    assert read_json(json.dumps(["[" * 500]), "body") == ["[" * 500]


def test_bounds_objects_and_lists_not_brackets() -> None:
    """Objects and lists are bounded in number; brackets inside strings are none."""
    most = b"[" + b",".join([b"{}", b"[]"] * (MAX_CONTAINERS // 2))
    told = f"holds more than {MAX_CONTAINERS:,} objects and lists"
    assert find_problems(most + b"]") == [(("body",), told)]
    assert len(read_json(most[:-3] + b"]", "body")) == MAX_CONTAINERS - 1
    texts = ["[{" * 30, '"[', "\\", '\\"]'] * (MAX_CONTAINERS // 60)
    assert read_json(json.dumps(texts), "body") == texts


def test_names_every_repeated_key() -> None:
    """Keys given twice are refused, each with its path."""
    assert find_problems(b'{"a": [{"b": 1, "b": 2}], "c": {"d": {}, "d": 1}, "c": 1}') == [
        (("c",), "given twice"),
        (("a", 0, "b"), "given twice"),
    ]


def test_names_every_text_that_cannot_be_stored() -> None:
    """NUL and half surrogate pairs are refused wherever they are, keys included."""
    problems = find_problems(r'{"a": ["\u0000", "x", {"b": "\ud800"}], "c\u0000": 1, "d": "\uDFFF!"}')
    assert [path for path, _ in problems] == [("c\ufffd",), ("a", 0), ("a", 2, "b"), ("d",)]


def test_reads_escaped_pairs() -> None:
    """A character escaped as a whole surrogate pair is a character."""
    assert read_json(r'"\ud83d\ude00"', "body") == "\N{GRINNING FACE}"


def test_lists_at_most_a_hundred_problems() -> None:
    """An answer stays small however much is wrong."""
    assert len(find_problems(json.dumps(["\0"] * 500))) == MAX_PROBLEMS
    assert len(find_problems("[" + '{"a":1,"a":1},' * 500 + "1]")) == MAX_PROBLEMS
    assert len(show_key("k" * 1000)) == 255


@given(st.binary(max_size=200))
def test_reads_or_refuses_any_bytes(payload: bytes) -> None:
    """No bytes at all make the reader fail in an unexpected way."""
    with suppress(BadInput):
        read_json(payload, "body")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_writes_what_it_reads(value: Any) -> None:
    """Whatever is written is JSON of the same value, integers of any size included."""
    assert json.loads(write_json(value)) == value


def test_never_writes_what_is_no_json() -> None:
    """A number that is none is null, beside a large integer it is an error; never NaN."""
    assert write_json([math.nan]) == b"[null]"
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json([2**70, math.inf])
    with pytest.raises(TypeError):
        write_json(object())
