"""What applying a schema would change, and which of it takes something away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from strongroom.api import ConfigFieldInput, ConfigType
from strongroom.command.output import clean, show_cell


class Field(Protocol):
    """A field as it is, or as it is to be."""

    key: str
    type_: ConfigType
    required: Any
    default: Any
    options: list[str] | None
    description: str | None


@dataclass(frozen=True)
class Step:
    """One change; `destroys` when values go, or become something else."""

    sign: str
    text: str
    destroys: bool = False

    def __str__(self) -> str:
        return f"{self.sign} {self.text}"


def compare(current: Sequence[Field], wanted: Sequence[ConfigFieldInput]) -> list[Step]:
    """The steps from one schema to the other; none, if they are the same."""
    before, after = {one.key: one for one in current}, {one.key: one for one in wanted}
    steps = [
        Step("-", f"{clean(key)} ({_type(one)}): its values go to the history", destroys=True)
        for key, one in before.items()
        if key not in after
    ]
    for key, one in after.items():
        if key not in before:
            steps.append(Step("+", f"{clean(key)} ({_type(one)}{', required' if one.required else ''})"))
        else:
            steps += _compare_one(before[key], one)
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        steps.append(Step("~", "the order of the fields"))
    return steps


def _compare_one(old: Field, new: ConfigFieldInput) -> list[Step]:
    key = clean(old.key)
    steps: list[Step] = []
    if old.type_ != new.type_:
        loosens = " and are in the clear from then on" if old.type_ is ConfigType.SECRET else ""
        text = f"{key}: {_type(old)} becomes {_type(new)}; its values are converted{loosens}"
        steps.append(Step("~", text, destroys=True))
    for name in ("required", "default", "options", "description"):
        was, is_now = getattr(old, name), getattr(new, name)
        same = _is_same_default(was, is_now) if name == "default" else (was or None) == (is_now or None)
        if not same:
            steps.append(Step("~", f"{key}: {name} {_show(was)} becomes {_show(is_now)}"))
    return steps


def _is_same_default(was: Any, is_now: Any) -> bool:
    """Whether the service keeps the one where the other is given: it reads 5 in "5", and "" is none."""
    if _spell(was) == _spell(is_now):
        return True
    if isinstance(is_now, float) and is_now.is_integer():
        return _spell(was) == _spell(int(is_now))
    try:
        return isinstance(is_now, str) and not isinstance(was, str) and _spell(was) == _spell(json.loads(is_now))
    except ValueError:
        return False


def _spell(value: Any) -> str:
    return json.dumps(None if value == "" else value, sort_keys=True)


def _type(one: Field | ConfigFieldInput) -> str:
    return one.type_.value.lower()


def _show(value: Any) -> str:
    text = "none" if value is None else show_cell(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
