"""Canaries in the reprs of domain objects."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

import db
import workers

CANARY = "canary-5d41402abc4b2a76"


def domain_objects() -> Iterator[type[Any]]:
    """Every dataclass of db and workers."""
    for package in (db, workers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in module.name or ".demo" in module.name or module.name.endswith("__main__"):
                continue
            for kind in vars(importlib.import_module(module.name)).values():
                if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.name:
                    yield kind


SHOWN = {
    "Field": "a field of a schema: a secret has no default",
    "NewToken": "what a token is to be, not the token",
    "_Merged": "its entries show nothing themselves",
}
"""Domain objects that show what they hold, and why they may."""


@pytest.mark.parametrize("kind", list(domain_objects()), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_domain_objects_show_no_value(kind: type[Any]) -> None:
    """The repr of what may hold a value, a key or a token does not show it: not in a log, nor in a traceback."""
    holding = {"value", "values", "config", "sealed", "token", "raw", "entries", "secret", "default", "current"}
    names = [field.name for field in fields(kind)]
    if kind.__name__ in SHOWN or not holding & set(names):
        return
    made = object.__new__(kind)
    for name in names:
        object.__setattr__(made, name, CANARY)
    assert CANARY not in repr(made)
