"""A plugin of pytest, which takes mappings apart to show how they differ: of a `ResolvedConfig` it shows no secret.

Beside the package and not in it: pytest loads it at its start, whether or not the tests have to do with the SDK.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """How a comparison is shown that did not hold: the keys that differ, and values as the config's repr has them."""
    kind: Any = getattr(sys.modules.get("strongroom.config"), "ResolvedConfig", None)
    if kind is None or not isinstance(left, kind) | isinstance(right, kind):
        return None
    config: Any = left if isinstance(left, kind) else right
    shown = [f"{_show(left, config)} {op} {_show(right, config)}"]
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        first, second = cast("Mapping[Any, Any]", left), cast("Mapping[Any, Any]", right)
        for what, keys in (
            ("only the left has", first.keys() - second.keys()),
            ("only the right has", second.keys() - first.keys()),
            ("differ in", {key for key in first.keys() & second.keys() if first[key] != second[key]}),
        ):
            shown += [f"{what}: {', '.join(sorted(map(repr, keys)))}"] if keys else []
    return shown


def _show(one: object, config: Any) -> str:
    """One side of it; what is a secret in the config is one in what it is compared with, too."""
    if isinstance(one, type(config)) or not isinstance(one, Mapping):
        return repr(one)
    given = cast("Mapping[Any, Any]", one)
    return repr({key: "[SECRET]" if key in config and config.is_secret(key) else given[key] for key in given})
