"""Config types and the one coercion that writes, legacy reads and the backfill share.

A value is any JSON value. `coerce` turns it into what its type calls for or raises `Unfit`;
it never guesses: text becomes a number, a truth value or a structure only where that loses nothing.
"""

import json
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeAlias, cast

import orjson

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A JSON value."""

MASK: Final = "[SECRET]"
"""What every list shows in place of a secret; never accepted as one."""

VALUE_LIMIT: Final = 64 * 1024
"""Bytes of one value's JSON text."""

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_DIGITS: Final = 4_000
"""Digits of an integer that Python turns into one, and into text again, by itself."""

_FLOAT_DIGITS: Final = 15
_INT64 = range(-(2**63), 2**63)
_TRUTH = {"true": True, "True": True, "false": False, "False": False}


class ConfigType(StrEnum):
    """What a config's value is. The names are those of the database's enum `config_type`."""

    STRING = "string"
    INT = "int"
    BOOL = "bool"
    JSON = "json"
    SECRET = "secret"


class Unfit(ValueError):
    """A value does not fit its type. The message tells the type and never the value."""


class Inexact(float):
    """A number in the database with more digits than a float keeps: the nearest one that does."""


class Numeral(str):
    """A number in the database beyond what Python reads: its digits."""

    __slots__ = ()


def parse(text: str) -> JSON:
    """What a jsonb column holds, whatever its numbers are; `is_exact` tells whether that lost any digits."""
    try:
        # In a third of the time, where there are no numbers: of those it keeps fewer digits.
        value: Any = orjson.loads(text)
        if isinstance(value, dict) and all(
            isinstance(member, str) for member in cast("dict[str, Any]", value).values()
        ):
            return cast("JSON", value)
    except ValueError:
        pass  # Not for orjson: nested too deep, or a number beyond what it reads.
    return DECODER.decode(text)


def is_exact(value: JSON) -> bool:
    """Whether a value that was read from the database is what it holds, to the last digit of its numbers."""
    if isinstance(value, list):
        return all(map(is_exact, value))
    if isinstance(value, dict):
        return all(map(is_exact, value.values()))
    return not isinstance(value, Inexact | Numeral)


def is_empty(value: JSON) -> bool:
    """Whether a value counts as absent: null or the empty text."""
    return value is None or value == ""


def coerce(value: JSON, config_type: ConfigType) -> JSON:
    """The value as its type stores it. Raises Unfit; a secret may be any JSON value."""
    match config_type:
        case ConfigType.STRING:
            return _text(value)
        case ConfigType.INT:
            return _whole_number(value)
        case ConfigType.BOOL:
            return _truth(value)
        case ConfigType.JSON:
            return _structure(value)
        case ConfigType.SECRET:
            return value


def fits_options(value: JSON, options: Sequence[str] | None) -> bool:
    """Whether a coerced value is among its field's options; a list is, when each element is."""
    if not options:
        return True
    if isinstance(value, list):
        return all(fits_options(element, options) for element in value)
    return (value if isinstance(value, str) else dump(value)) in options


def dump(value: JSON) -> str:
    """Compact JSON text. Raises ValueError for what is no JSON (NaN, infinity)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _parse_int(digits: str) -> JSON:
    return int(digits) if len(digits) <= _DIGITS else Numeral(digits)


def _parse_float(digits: str) -> JSON:
    value = float(digits)
    if not math.isfinite(value):
        return Numeral(digits)
    # A float keeps any fifteen digits; those of more than that are looked at, and what may be too small for one.
    short = len(digits) <= _FLOAT_DIGITS and "e" not in digits.lower()
    return value if short or Decimal(repr(value)) == Decimal(digits) else Inexact(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse_repeated(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


DECODER: Final = json.JSONDecoder(parse_int=_parse_int, parse_float=_parse_float)

_STRICT: Final = json.JSONDecoder(
    parse_int=_parse_int,
    parse_float=_parse_float,
    parse_constant=_refuse_constant,
    object_pairs_hook=_refuse_repeated,
)
"""For text that somebody wrote: PostgreSQL never gives a constant, nor a name twice."""


def _text(value: JSON) -> str:
    if isinstance(value, str) and not isinstance(value, Numeral):
        return value
    raise Unfit("must be text")


def _whole_number(value: JSON) -> int:
    if (isinstance(value, str) and _WHOLE.fullmatch(value) and value != "-0") or (
        isinstance(value, float) and value.is_integer() and not isinstance(value, Inexact)
    ):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in _INT64:
        return value
    raise Unfit("must be a whole number of 64 bits")


def _truth(value: JSON) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUTH:
        return _TRUTH[value]
    raise Unfit("must be true or false")


def _structure(value: JSON) -> JSON:
    """Text becomes JSON only when it parses to an object or array, losing nothing; otherwise it stays a JSON string."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        parsed = _STRICT.decode(value)
    except (ValueError, RecursionError):
        return value
    return parsed if storable(parsed) and is_exact(parsed) else value


def storable(value: JSON) -> bool:
    """Whether PostgreSQL's jsonb can hold the value: no NUL and no lone surrogate in any text, 100 levels at most."""
    return _storable(value, 100)


def _storable(value: JSON, levels: int) -> bool:
    if isinstance(value, str):
        return _encodable(value)
    if levels == 0 and isinstance(value, list | dict):
        return False
    if isinstance(value, list):
        return all(_storable(element, levels - 1) for element in value)
    if isinstance(value, dict):
        return all(_storable(k, levels) and _storable(v, levels - 1) for k, v in value.items())
    return not isinstance(value, float) or value - value == 0.0


def _encodable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False  # A lone surrogate.
    return True
