"""Durations and moments, as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from strongroom.command.failures import USAGE, Failure

_DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_duration(text: str) -> timedelta:
    """What 90d, 12h, 30m, 45s or 2w is. Raises Failure."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Failure("a duration is a number and a unit: 45s, 30m, 12h, 90d, 2w", code=USAGE)
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise Failure("the duration is too long", code=USAGE) from None


def read_moment(text: str) -> datetime:
    """An ISO 8601 time, in the local time zone unless it has one; or a duration, which is so long ago."""
    if _DURATION.fullmatch(text):
        try:
            return datetime.now(timezone.utc) - read_duration(text)
        except OverflowError:
            raise Failure("the duration is too long", code=USAGE) from None
    try:
        found = datetime.fromisoformat(text.removesuffix("Z") + ("+00:00" if text.endswith("Z") else ""))
    except ValueError:
        raise Failure("a moment is 2026-01-31T12:00:00+00:00, or 30m for so long ago", code=USAGE) from None
    return found.astimezone()
