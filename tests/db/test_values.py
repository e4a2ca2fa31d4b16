"""The one coercion that writes, legacy reads and the backfill share."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.values import JSON, ConfigType, Unfit, coerce, dump, fits_options, is_empty, storable

TYPES = list(ConfigType)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES: Any = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)


def attempt(value: JSON, config_type: ConfigType) -> Any:
    try:
        return coerce(value, config_type)
    except Unfit:
        return Unfit


@given(value=VALUES, config_type=st.sampled_from(TYPES))
def test_coercing_twice_is_coercing_once(value: Any, config_type: ConfigType) -> None:
    """What a type stores, it takes again as it is: so a row that was coerced is never changed a second time."""
    once = attempt(value, config_type)
    if once is not Unfit:
        assert json.dumps(attempt(once, config_type)) == json.dumps(once)


@given(value=VALUES)
def test_a_value_is_of_its_type(value: Any) -> None:
    """A coerced value is of its type: `true` is no int, text is no bool."""
    assert attempt(value, ConfigType.STRING) is Unfit or isinstance(value, str)
    assert type(attempt(value, ConfigType.INT)) in {int, type}
    assert type(attempt(value, ConfigType.BOOL)) in {bool, type}
    assert attempt(value, ConfigType.SECRET) == value


@given(number=st.integers())
def test_the_text_of_an_int_is_the_int(number: int) -> None:
    """`"5"` for an int becomes 5 exactly where the int itself fits, or is refused."""
    assert attempt(str(number), ConfigType.INT) == attempt(number, ConfigType.INT)


@given(text=st.text())
def test_text_becomes_an_int_only_where_that_loses_nothing(text: str) -> None:
    """A text that becomes a number is that number's text, so nothing is lost by it."""
    found = attempt(text, ConfigType.INT)
    assert found is Unfit or str(found) == text


@given(value=VALUES)
def test_the_text_of_a_structure_is_the_structure(value: Any) -> None:
    """Text in a json field becomes JSON only when it parses to an object or array, otherwise it stays a JSON string."""
    text = dump(value)
    wanted = value if isinstance(value, dict | list) and storable(value) else text
    assert json.dumps(coerce(text, ConfigType.JSON)) == json.dumps(wanted)


@pytest.mark.parametrize(
    "text",
    [
        '{"retries": 1, "retries": 2}',
        '[{"a": {"b": 1, "b": null}}]',
        "[12345678901234567890.5]",
        '{"share": 0.12345678901234567890123}',
        "[1e-400]",
        "[1e400]",
        f"[{'9' * 4001}]",
    ],
)
def test_the_text_of_a_structure_stays_text_where_anything_would_be_lost(text: str) -> None:
    """A name that is there twice, or digits that no number keeps, would be lost in a structure: the text stays."""
    assert coerce(text, ConfigType.JSON) == text


@pytest.mark.parametrize("text", ["[0.10]", "[1e3]", "[1.5E-3]", f"[{2**70}]", "[1234567890123456.0]", "[-0.0]"])
def test_another_spelling_of_the_same_number_is_no_loss(text: str) -> None:
    """What counts is the number: `0.10` is 0.1."""
    assert coerce(text, ConfigType.JSON) == json.loads(text)


@given(value=VALUES)
def test_refusals_never_repeat_the_value(value: Any) -> None:
    """What is told of a value that does not fit is its type, and never the value."""
    messages = set[str]()
    for config_type in TYPES:
        try:
            coerce(value, config_type)
        except Unfit as error:
            messages.add(str(error))
    assert messages <= {"must be text", "must be a whole number of 64 bits", "must be true or false"}


@pytest.mark.parametrize(
    ("value", "empty"), [(None, True), ("", True), (" ", False), (0, False), (False, False), ([], False), ({}, False)]
)
def test_empty_is_null_or_the_empty_text(value: JSON, empty: bool) -> None:
    """Null and the empty text count as absent, and nothing else does."""
    assert is_empty(value) is empty


@pytest.mark.parametrize(
    ("value", "options", "fits"),
    [
        ("a", ["a"], True),
        ("A", ["a"], False),
        (5, ["5"], True),
        (True, ["true"], True),
        ({"a": 1}, ['{"a":1}'], True),
        (["a", "b"], ["a", "b", "c"], True),
        (["a", "x"], ["a"], False),
        ([], ["a"], True),
        ("anything", None, True),
    ],
)
def test_options_are_texts(value: JSON, options: list[str] | None, fits: bool) -> None:
    """A value is among the options by its text; a list is when each element is."""
    assert fits_options(value, options) is fits


@pytest.mark.parametrize("value", ["a\0", "\ud800", float("nan"), float("inf"), {"\0": 1}, [["\udfff"]]], ids=repr)
def test_what_postgresql_cannot_hold_is_told(value: Any) -> None:
    """NUL, lone surrogates, NaN and infinity are no values."""
    assert not storable(value)


def test_a_hundred_levels_are_the_most() -> None:
    """A value nests a hundred levels at most."""
    value: Any = "x"
    for _ in range(100):
        value = [value]
    assert storable(value)
    assert not storable([value])
