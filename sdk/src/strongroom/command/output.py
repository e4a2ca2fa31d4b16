"""What is printed: tables for people, JSON for scripts, notes on standard error.

Texts come from the service, and so from whoever wrote them there: no character of theirs may steer the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

MASK = "[SECRET]"


def clean(text: str) -> str:
    """A text in which control characters and characters that change the direction of writing are spelled out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def prepare_streams() -> None:
    """Into a pipe or a file a value goes as it is, which is UTF-8 whatever the locale says; a terminal that cannot show
    a character is shown its number."""
    stream: Any = sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(**({"errors": "backslashreplace"} if stream.isatty() else {"encoding": "utf-8"}))


def note(text: str) -> None:
    """Tell people something that is no result."""
    print(clean(text), file=sys.stderr)


def say(text: str) -> None:
    """Print a result as it is; at a terminal, with what could steer it spelled out."""
    sys.stdout.write((_clean_lines(text) if sys.stdout.isatty() else text) + "\n")
    sys.stdout.flush()


def report(text: str, told: Any, *, as_json: bool) -> None:
    """Tell people what was done, or scripts, as JSON."""
    if as_json:
        show_json(told)
    else:
        note(text)


def show_json(value: Any) -> None:
    """Print a result as JSON; at a terminal, with what could steer it escaped, which is the same JSON."""
    text = json.dumps(as_json(value), indent=2, ensure_ascii=not _takes_unicode())
    print("".join(map(_escape, text)) if sys.stdout.isatty() else text)


def show_line(value: Any) -> None:
    """Print one of many results as JSON, on one line, at once."""
    print(json.dumps(as_json(value), ensure_ascii=True), flush=True)


def as_json(value: Any) -> Any:
    """Models as objects with the contract's names; times as ISO 8601."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]  # pyright: ignore[reportUnknownVariableType] - any JSON
    return value.isoformat() if isinstance(value, datetime) else value


def show_table(titles: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Print a table; `empty` says what there is none of, on standard error."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(show_cell(cell)) for cell in row))
    if table.row_count == 0:
        note(empty)
        return
    # Into a pipe nothing is folded: a line is a row.
    console = Console(width=None if sys.stdout.isatty() else 10_000, soft_wrap=not sys.stdout.isatty())
    console.print(table)


def show_cell(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):  # pyright: ignore[reportUnknownVariableType] - any JSON
        return clean(", ".join(value))  # pyright: ignore[reportUnknownArgumentType] - checked in the line above
    return clean(value if isinstance(value, str) else json.dumps(as_json(value), ensure_ascii=False))


def _escape(one: str) -> str:
    return one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1]


def _clean_lines(text: str) -> str:
    return "".join(one if one in "\n\t" else clean(one) for one in text)


def _takes_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
