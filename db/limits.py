"""The edges of every input: how long, how many, and which characters. All faults are collected, not the first."""

import re
import uuid
from collections.abc import Mapping
from typing import Final

from db.errors import BadInput, Problem
from db.values import JSON, VALUE_LIMIT, dump, storable

NAME_LIMIT: Final = 255
FIELD_DESCRIPTION_LIMIT: Final = 500
DESCRIPTION_LIMIT: Final = 4_000
KEYS_LIMIT: Final = 500
MAPPINGS_LIMIT: Final = 20_000

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Path = tuple[str | int, ...]


class Problems:
    """Collects faults; `check` refuses the input if there is any."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, message: str, *path: str | int) -> None:
        """Note a fault. Of a caller's key that is no name, only the beginning is told."""
        told = (step[:NAME_LIMIT] if isinstance(step, str) else step for step in path)
        self.found.append(Problem(tuple(told), message))

    def check(self) -> None:
        """Refuse the input with all of its faults."""
        if self.found:
            raise BadInput(self.found)

    def text(self, value: str | None, limit: int, *path: str | int, empty: bool = True) -> None:
        """A text of `limit` characters at most, which PostgreSQL can hold."""
        if value is None:
            return
        if not storable(value):
            self.add("must not hold NUL or lone surrogates", *path)
        elif len(value) > limit:
            self.add(f"must have {limit} characters at most", *path)
        elif not empty and not value.strip():
            self.add("must not be empty", *path)

    def name(self, value: str | None, *path: str | int) -> None:
        """A name or key: 1 to 255 characters."""
        self.text(value, NAME_LIMIT, *path, empty=False)

    def id(self, value: str, *path: str | int) -> uuid.UUID:
        """The UUID that an ID is: only its canonical text is one. Meaningless if that is a fault."""
        if _UUID.fullmatch(value):
            return uuid.UUID(value)
        self.add("is no id", *path)
        return uuid.UUID(int=0)

    def optional_id(self, value: str | None, *path: str | int) -> uuid.UUID | None:
        """As `id`; None stays None."""
        return None if value is None else self.id(value, *path)

    def value(self, value: JSON, *path: str | int) -> None:
        """A value of 64 KiB at most, which PostgreSQL can hold."""
        if not storable(value):
            self.add("must not hold NUL, lone surrogates, NaN or more than 100 levels", *path)
        elif len(dump(value).encode()) > VALUE_LIMIT:
            self.add(f"must have {VALUE_LIMIT // 1024} KiB at most", *path)


def identifier(value: str, *path: str | int) -> uuid.UUID:
    """The UUID that an ID is. Anything but its canonical text is refused."""
    problems = Problems()
    found = problems.id(value, *path)
    problems.check()
    return found


def value_map(value: JSON, problems: Problems, *path: str | int) -> Mapping[str, JSON]:
    """A JSON object of 500 keys at most, each a name."""
    if not isinstance(value, dict):
        problems.add("must be an object of keys and values", *path)
        return {}
    if len(value) > KEYS_LIMIT:
        problems.add(f"must have {KEYS_LIMIT} keys at most", *path)
        return {}
    return value


def version_map(value: JSON, problems: Problems, *path: str | int) -> Mapping[str, int | None]:
    """A JSON object of keys and versions; null is no expectation at all."""
    versions: dict[str, int | None] = {}
    for key, version in value_map({} if value is None else value, problems, *path).items():
        if version is None or (
            isinstance(version, int) and not isinstance(version, bool) and 0 <= version < 2**31
        ):
            versions[key] = version
        else:
            problems.add("must be a version: a whole number, 0 for none yet", *path, key)
    return versions
