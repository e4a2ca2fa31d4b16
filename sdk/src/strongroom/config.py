"""What a resolve gives: a mapping that keeps its secrets to itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NoReturn

MASK = "[SECRET]"


class Source(str, Enum):
    """Which layer a value is from."""

    OVERRIDE = "OVERRIDE"
    DEFAULT = "DEFAULT"
    SCHEMA_DEFAULT = "SCHEMA_DEFAULT"


class ResolvedConfig(Mapping[str, Any]):
    """The values by key, in the clear and with the schema's types. It does not change, and cannot be pickled.

    Its `repr`, and so whatever is logged of it, masks secrets. `dict(config)` does not.
    """

    __slots__ = (
        "_entries",
        "_values",
        "age",
        "entity_id",
        "entity_name",
        "integration",
        "integration_id",
        "missing",
        "organization",
        "organization_id",
        "stale",
        "unfit",
    )

    integration: str
    integration_id: str
    organization: str
    organization_id: str
    entity_id: str
    """The customer's id over there."""
    entity_name: str | None
    """The customer's name over there."""
    missing: tuple[str, ...]
    """Required keys without a value."""
    unfit: tuple[str, ...]
    """Keys whose stored value does not fit its type; they are not in the mapping."""
    stale: bool
    """Whether the service could not be asked, and this is the last that was known."""
    age: float
    """How many seconds before it was handed out it was last known to be current; 0.0 unless it is stale."""

    _values: dict[str, Any]
    _entries: dict[str, tuple[str, Source]]

    def __init__(self, answer: Mapping[str, Any], age: float | None = None) -> None:
        """From the answer to the SDK's own query; `age` for one that is stale."""
        self._fill(
            _values=dict(answer["config"]),
            _entries={entry["key"]: (entry["type"], Source(entry["source"])) for entry in answer["entries"]},
            integration=answer["integration"]["name"],
            integration_id=answer["integration"]["id"],
            organization=answer["organization"]["name"],
            organization_id=answer["organization"]["id"],
            entity_id=answer["entityId"],
            entity_name=answer["entityName"],
            missing=tuple(answer["missing"]),
            unfit=tuple(answer["unfit"]),
            stale=age is not None,
            age=age or 0.0,
        )

    def __getitem__(self, key: str) -> Any:
        # Many may hold this config: whoever changes a list of it must not change theirs.
        return copy.deepcopy(self._values[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def source(self, key: str) -> Source:
        """Which layer the key's value is from. Raises KeyError for a key that is not there."""
        return self._entries[key][1]

    def is_secret(self, key: str) -> bool:
        """Whether the schema calls the key a secret. Raises KeyError for a key that is not there."""
        return bool(self._entries[key][0] == "SECRET")

    def with_age(self, seconds: float) -> ResolvedConfig:
        """The same, as what was last known so many seconds ago."""
        other = copy.copy(self)
        other._fill(stale=True, age=seconds)  # noqa: SLF001 - of this class
        return other

    def __copy__(self) -> ResolvedConfig:
        other = object.__new__(ResolvedConfig)
        other._fill(**{name: getattr(self, name) for name in self.__slots__})
        return other

    def __deepcopy__(self, memo: object) -> ResolvedConfig:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a ResolvedConfig does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a ResolvedConfig does not change")

    def _fill(self, **given: object) -> None:
        for name, value in given.items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ResolvedConfig holds secrets and cannot be pickled; dict(config) can")

    def __repr__(self) -> str:
        # What has no entry is of no known type, and masked to be safe.
        shown = {
            key: value if key in self._entries and not self.is_secret(key) else MASK
            for key, value in self._values.items()
        }
        stale = f", stale for {self.age:.0f} s" if self.stale else ""
        # A name is somebody else's text, and no line of a log of its own.
        names = (repr(name)[1:-1] for name in (self.integration, self.organization))
        return f"<ResolvedConfig {' for '.join(names)}: {shown}{stale}>"

    # Sentry takes mappings apart to report local variables, unless they say how they are shown.
    __sentry_repr__ = __repr__
